"""Serializer fields that say no politely to whatever arrives."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from crm.api.instants import read_instant, write_instant
from crm.phones import to_e164
from crm.rights import visible_leads

LARGEST_ID = 2**63 - 1
AMOUNT = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"


@extend_schema_field({"type": "string", "format": "date-time"})
class InstantField(serializers.Field):
    """A time, RFC 3339 with an offset; shown in UTC."""

    default_error_messages = {"invalid": "{message}"}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            data = ""
        try:
            return read_instant(data)
        except ValueError as exc:
            self.fail("invalid", message=str(exc))

    def to_representation(self, value: Any) -> str | None:
        return write_instant(value)


class DayField(serializers.DateField):
    """A date, YYYY-MM-DD, in years that a calendar can hold."""

    default_error_messages = {"far": "This day is too far away."}

    def to_internal_value(self, value: Any) -> Any:
        day = super().to_internal_value(value)
        if not 1900 <= day.year <= 2999:
            self.fail("far")
        return day


class TextField(serializers.CharField):
    """Text only: a number or a boolean in its place is a mistake."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "examples": ["+13125550100"]})
class PhoneField(serializers.Field):
    """A phone number in any usual writing; kept as E.164. An empty string is no number."""

    default_error_messages = {"phone": "This is not a phone number."}

    def to_internal_value(self, data: Any) -> str | None:
        if isinstance(data, str) and not data.strip():
            return None
        number = to_e164(data) if isinstance(data, str) else None
        if number is None:
            self.fail("phone")
        return number

    def to_representation(self, value: str) -> str | None:
        return value or None


class WholeField(serializers.IntegerField):
    """A whole number; JSON numbers and digits in a string, but no booleans and no fractions."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": AMOUNT, "examples": ["1800.00"]})
class AmountField(serializers.DecimalField):
    """Money as a decimal string with two places. A JSON number is taken too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=Decimal(0), **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z]{3}$", "examples": ["USD"]})
class CurrencyField(serializers.Field):
    """Three letters of ISO 4217."""

    default_error_messages = {"currency": "Write the currency as three letters, for example USD."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(r"[A-Za-z]{3}", data, re.ASCII):
            self.fail("currency")
        return data.upper()

    def to_representation(self, value: str) -> str:
        return value


class ChoiceField(serializers.ChoiceField):
    """One of the choices, written as they are."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=type(data).__name__)
        return super().to_internal_value(data)


def read_id(data: Any) -> int | None:
    """Return an id from JSON, 0 for a number that can be nobody's, None for what is no id at all."""
    if isinstance(data, str) and re.fullmatch(r"[0-9]{1,19}", data, re.ASCII):
        data = int(data)
    if isinstance(data, bool) or not isinstance(data, int):
        return None
    return data if 0 < data <= LARGEST_ID else 0


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": LARGEST_ID})
class IdField(serializers.PrimaryKeyRelatedField):
    """The id of another record; unknown ones are refused."""

    def to_internal_value(self, data: Any) -> models.Model:
        number = read_id(data)
        if number is None:
            self.fail("incorrect_type", data_type=type(data).__name__)
        if not number:
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(number)


class SeenLeadField(IdField):
    """The id of a lead that the one who asks may see; another one does not exist for them."""

    def get_queryset(self) -> models.QuerySet[Any]:
        queryset = super().get_queryset()
        return visible_leads(self.context["request"].user, queryset)


@extend_schema_field({"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 1000})
class IdListField(serializers.Field):
    """A list of ids of other records, looked up at once; unknown ones are refused."""

    default_error_messages = {
        "not_a_list": "Give a list of ids.",
        "max_length": "At most {longest} ids.",
        "incorrect_type": "This is not an id.",
        "does_not_exist": "There is nothing with this id.",
    }
    longest = 1000

    def __init__(self, *, queryset: models.QuerySet[Any], **kwargs: Any) -> None:
        self.queryset = queryset
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> list[models.Model]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if len(data) > self.longest:
            self.fail("max_length", longest=self.longest)
        ids = [read_id(item) for item in data]
        found = self.queryset.in_bulk([number for number in ids if number])
        errors: dict[Any, Any] = {}
        for place, number in enumerate(ids):
            if number not in found:
                code = "incorrect_type" if number is None else "does_not_exist"
                errors[place] = [ErrorDetail(str(self.error_messages[code]), code)]
        if errors:
            raise serializers.ValidationError(errors)
        return list(found.values())

    def to_representation(self, value: Any) -> list[int]:
        return [row.pk for row in value.all()]
