"""Serializer fields that say no politely to whatever arrives."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django.db import models
from rest_framework import serializers

from crm.api.instants import read_instant, write_instant
from crm.phones import to_e164

LARGEST_ID = 2**63 - 1


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


class AmountField(serializers.DecimalField):
    """Money as a decimal string with two places. A JSON number is taken too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=Decimal(0), **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid")
        return super().to_internal_value(data)


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


class IdField(serializers.PrimaryKeyRelatedField):
    """The id of another record; unknown ones are refused."""

    def to_internal_value(self, data: Any) -> models.Model:
        if isinstance(data, str) and re.fullmatch(r"[0-9]{1,19}", data, re.ASCII):
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type", data_type=type(data).__name__)
        if not 0 < data <= LARGEST_ID:
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(data)
