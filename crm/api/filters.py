"""What lists filter by, for django-filter. Unknown parameters are ignored; a known one with a bad value is a 400."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorDict
from django_filters.rest_framework import DjangoFilterBackend

from crm.api import parameters

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet
    from django.http import QueryDict
    from rest_framework.request import Request
    from rest_framework.views import APIView

DIGITS = "^[0-9]{1,18}$"


class _Raw(forms.Widget):
    """The text of a parameter; with `many`, repeated ones (a=1&a=2) as if written a=1,2."""

    def __init__(self, *, many: bool) -> None:
        super().__init__()
        self.many = many

    def value_from_datadict(self, data: QueryDict, files: Any, name: str) -> str:  # type: ignore[override]
        return ",".join(data.getlist(name)) if self.many else data.get(name, "")


class _Read(forms.Field):
    """A form field around one of the readers of crm.api.parameters."""

    def __init__(self, *, read: Callable[[str], Any], many: bool = False, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "widget": _Raw(many=many)})
        self.read = read

    def clean(self, value: Any) -> Any:
        try:
            return self.read(value)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc


class ReadFilter(django_filters.Filter):
    """A filter whose value one of our readers reads. `schema` describes the parameter to programs."""

    field_class = _Read
    read: Callable[[str], Any] = staticmethod(parameters.read_words)
    many = False
    schema: Mapping[str, Any] = {"type": "string", "maxLength": parameters.LONGEST_SEARCH}

    def __init__(self, field_name: str | None = None, lookup_expr: str | None = None, **kwargs: Any) -> None:
        given = {"read": kwargs.pop("read", self.read), "many": self.many} | kwargs
        super().__init__(field_name, lookup_expr or ("in" if self.many else "exact"), **given)


class Ids(ReadFilter):
    """Records with one of these ids."""

    read, many = staticmethod(parameters.read_ids), True
    schema = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}}


class Choices(ReadFilter):
    """One of these words."""

    many = True

    def __init__(self, allowed: Collection[str], field_name: str | None = None, **kwargs: Any) -> None:
        self.schema = {"type": "array", "items": {"type": "string", "enum": list(allowed)}}
        super().__init__(field_name, read=parameters.choices_reader(allowed), **kwargs)


class Numbers(ReadFilter):
    """One of these small whole numbers."""

    read, many = staticmethod(parameters.read_numbers), True
    schema = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9999}}


class Amount(ReadFilter):
    """An amount of money."""

    read = staticmethod(parameters.read_amount)
    schema = {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,2})?$"}


class Flag(ReadFilter):
    """Yes or no."""

    read = staticmethod(parameters.read_flag)
    schema = {"type": "boolean"}


class When(ReadFilter):
    """A time, RFC 3339 with an offset; a date alone is the start of that day at the office."""

    read = staticmethod(parameters.read_when)
    schema = {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}


class Phone(ReadFilter):
    """A phone number in any usual writing."""

    read = staticmethod(parameters.read_phone)
    schema = {"type": "string", "examples": ["+13125550100"]}


class Words(ReadFilter):
    """Text; what it is compared with stands in the list's description."""


class Text(ReadFilter):
    """A value as it stands in the record."""

    read = staticmethod(str)
    schema = {"type": "string"}


class ListFilters(django_filters.FilterSet):
    """The base of every list's filters. They are declared, never made from the model."""

    class Meta:
        fields: list[str] = []


class Narrowing(DjangoFilterBackend):
    """Narrows lists by their `filterset_class`, and refuses in our own words."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filters = self.get_filterset(request, queryset, view)
        if filters is None:
            return queryset
        if not filters.is_valid():
            _refuse(filters.errors)
        return filters.qs


def _refuse(errors: ErrorDict) -> None:
    name, messages = next(iter(errors.items()))
    parameters.refuse(name, str(messages[0]))
