"""A valid row of any table, with a mark in every column that could hold a secret."""

from __future__ import annotations

import re
import uuid
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

# What a secret's column is called. A new table whose column has such a name is covered from its first day.
SECRET_NAME = re.compile(
    r"password|digest|secret|blob|(^|_)flow|delta_link|token$|client_state|fingerprint|hash|cipher|salt"
)
CANARY = "c4nary5ecret"
_numbers = count(1)
# What a constraint asks for and a type does not tell.
SPECIAL: dict[str, dict[str, Any]] = {
    "crm.Agent": {"email": lambda n: f"row{n}@example.com", "timezone": lambda n: "UTC", "phone": lambda n: ""},
    "crm.Lead": {
        "phone": lambda n: f"+1415555{n:04d}",
        "lost_reason": lambda n: "",
        "email": lambda n: "a@example.com",
    },
    "crm.ApiToken": {"scopes": lambda n: ["read"]},
    "crm.OfficeSettings": {"brand_color": lambda n: "", "id": lambda n: 1},
    "crm.NoticeWishes": {"quiet_from": lambda n: None, "quiet_until": lambda n: None},
    "crm.WorkingHours": {"end_minute": lambda n: 700, "weekday": lambda n: 1},
    "crm.WebhookSubscription": {"events": lambda n: ["lead.created"]},
    # The office's first versions are there from the start.
    "calls.StagePrompt": {"version": lambda n: n + 1000},
    "calls.Call": {"id": lambda n: uuid.uuid4(), "direction": lambda n: "inbound"},
}


def row(model: type[models.Model]) -> models.Model:
    """Make one row of `model` and of whatever it needs."""
    special = SPECIAL.get(model._meta.label, {})
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.name in special:
            values[field.name] = special[field.name](next(_numbers))
        elif _is_left(field):
            continue
        else:
            values[field.name] = _value(field)
    return model._default_manager.create(**values)


def secret_columns(model: type[models.Model]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if SECRET_NAME.search(field.name)]


def _is_left(field: models.Field) -> bool:
    if SECRET_NAME.search(field.name):
        return False
    generated = isinstance(field, models.GeneratedField | models.AutoField)
    return generated or field.null or field.has_default() or field.db_default is not models.NOT_PROVIDED


def _value(field: models.Field) -> Any:
    number = next(_numbers)
    if isinstance(field, models.ForeignKey):
        return row(field.related_model)
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if SECRET_NAME.search(field.name):
        text = f"{CANARY}{number}"
        return text.encode() if isinstance(field, models.BinaryField) else text[: field.max_length or None]
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.BinaryField):
        return b"{}"
    if isinstance(field, models.DateTimeField):
        return timezone.now() + timedelta(hours=number)
    return _plain(field, number)


def _plain(field: models.Field, number: int) -> Any:
    kinds: list[tuple[type[models.Field], Any]] = [
        (models.DateField, date(2030, 1, 1) + timedelta(days=number)),
        (models.TimeField, time(9)),
        (models.BooleanField, False),
        (models.DecimalField, Decimal(1)),
        (models.FloatField, 1.0),
        (models.IntegerField, number % 500 + 1),
        (models.EmailField, f"row{number}@example.com"),
        (models.URLField, "https://example.com/"),
        (models.JSONField, {}),
        (ArrayField, []),
    ]
    found = next((value for kind, value in kinds if isinstance(field, kind)), None)
    text = f"row {number}"[: getattr(field, "max_length", None) or None]
    return text if found is None else found
