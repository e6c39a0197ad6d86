"""Everything of the agency: a zip with a file for each table and the photos, to leave with or to keep.

Secrets stay: hashes of passwords and tokens and what is kept encrypted would be of use to nobody but a thief.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.db import transaction

from crm.exports.formats import json_list
from crm.exports.zips import ZipStream
from crm.photos import folder

if TYPE_CHECKING:
    from django.db.models import Field, Model

APPS = ("crm", "calls", "calendar_sync")
# What the product keeps for itself while it works.
LEFT_OUT = {"crm.IdempotentRequest", "crm.AuditSeal", "crm.Place", "calendar_sync.AuthFlow"}
_CHUNK = 500
_PIECE = 1 << 20


def everything() -> Iterator[bytes]:
    """Yield the zip. All tables are read as they were at one moment."""
    out = ZipStream()
    with transaction.atomic():
        for model in exported():
            yield from out.file(f"data/{model._meta.label_lower}.json", json_list(_rows(model)))
    for path in sorted(folder().glob("**/*")):
        if path.is_file():
            yield from out.file(f"photos/{path.relative_to(folder())}", _pieces(path))
    yield out.end()


def exported() -> list[type[Model]]:
    """Return the tables that go out."""
    return [
        model
        for name in APPS
        for model in apps.get_app_config(name).get_models(include_auto_created=True)
        if model._meta.label not in LEFT_OUT
    ]


def _rows(model: type[Model]) -> Iterator[dict[str, Any]]:
    names = [field.attname for field in columns(model)]
    return model._default_manager.order_by("pk").values(*names).iterator(chunk_size=_CHUNK)


def columns(model: type[Model]) -> list[Field[Any, Any]]:
    """Return a table's columns without those that Django admin keeps sealed."""
    sealed = getattr(admin.site._registry.get(model), "sealed", ())
    return [field for field in model._meta.concrete_fields if field.name not in sealed]


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
