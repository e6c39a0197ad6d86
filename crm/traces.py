"""What names a person outside their own rows: texts about others, spreadsheets an office moved in with, kept mail.

A mark is a number, an address or a name of two words and more that is this person's alone; what somebody else has too
is not looked for. Whoever wrote a number in words has written it in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import phonenumbers
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction

from crm.models import (
    Agent,
    AuditEntry,
    AuditSeal,
    Closure,
    Lead,
    LeadMerge,
    Listing,
    OfficeSettings,
    WebhookSubscription,
)

GONE = "…"
_BETWEEN = r"[^0-9A-Za-z]{0,3}"
# Who works here, who else is known, and what is sealed: none of these is rewritten.
_LEFT_ALONE = (Agent, Lead, AuditEntry, AuditSeal, Session, WebhookSubscription)
# What the office says of itself keeps its names: a caller may well call themselves "South Loop".
_of_the_office: set[type[models.Model]] = {Permission, ContentType, OfficeSettings, Listing, Closure}
_LEAST_NAME = 6


@dataclass
class Marks:
    """What a person can be known by."""

    phones: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    @cached_property
    def pattern(self) -> str:
        """Return a regular expression that PostgreSQL and Python read alike, "" for none. Case does not matter."""
        names = (r"\s+".join(map(re.escape, name.split())) for name in sorted(self.names))
        return "|".join([*map(_written_number, sorted(self.phones)), *map(_written_email, sorted(self.emails)), *names])

    def without_names(self) -> Marks:
        return Marks(self.phones, self.emails)

    def scrub(self, value: Any) -> Any:
        """Return a text, or whatever JSON holds, without the marks."""
        if isinstance(value, str):
            return re.sub(self.pattern, GONE, value, flags=re.IGNORECASE)
        if isinstance(value, dict):
            return {self.scrub(key): self.scrub(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.scrub(inner) for inner in value]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and self.is_in(str(value)) else value

    def is_in(self, text: str) -> bool:
        return bool(self.pattern) and re.search(self.pattern, text, re.IGNORECASE) is not None


def _written_number(phone: str) -> str:
    """Match a number as people write it, with its country's code or without."""
    number = phonenumbers.parse(phone)
    national = _BETWEEN.join(str(number.national_number))
    code = _BETWEEN.join(str(number.country_code))
    return rf"(?<![0-9])(?:[+]?{code}{_BETWEEN})?{national}(?![0-9])"


def _written_email(email: str) -> str:
    # In a page's address it is written otherwise.
    return rf"(?<![0-9A-Za-z._+-]){re.escape(email).replace('@', '(?:@|%40)')}(?![0-9A-Za-z-])"


def marks_of(lead: Lead) -> Marks:
    """Return what this lead was ever known by, as far as nobody else is."""
    known = list(_known(lead))
    others, staff = Lead.objects.exclude(pk=lead.pk), Agent.objects.all()
    phones = {str(one["phone"]) for one in known if one.get("phone")}
    emails = {str(one["email"]).lower() for one in known if one.get("email")}
    names = {" ".join(str(one["full_name"]).lower().split()) for one in known if one.get("full_name")}
    return Marks(
        {one for one in phones if not _is_there([others, staff], phone=one)},
        {one for one in emails if not _is_there([others, staff], email__iexact=one)},
        {one for one in names if _is_telling(one) and not _is_there([others, staff], full_name__iexact=one)},
    )


def _known(lead: Lead) -> Iterator[dict[str, Any]]:
    yield {"phone": lead.phone, "email": lead.email, "full_name": lead.full_name}
    for merge in LeadMerge.objects.filter(kept=lead):
        yield from (merge.gone, merge.before, merge.after, {"phone": merge.number})
    for entry in AuditEntry.objects.filter(table_name="crm_lead", row_id=str(lead.pk)):
        yield from (entry.before or {}, entry.after or {})


def _is_there(querysets: Iterable[models.QuerySet[Any]], **values: str) -> bool:
    return any(queryset.filter(**values).exists() for queryset in querysets)


def _is_telling(name: str) -> bool:
    return len(name) >= _LEAST_NAME and " " in name


def scrub_everywhere(marks: Marks) -> int:
    """Take the marks out of every text and JSON column; return how many rows held one."""
    certain, certain_only = marks.without_names(), of_the_office()
    models_with_text = [model for model in apps.get_models() if model not in _LEFT_ALONE and model._meta.managed]
    return sum(_scrub_table(model, certain if model in certain_only else marks) for model in models_with_text)


def keep_names_in(*tables: type[models.Model]) -> None:
    """Count these to what the office says of itself."""
    _of_the_office.update(tables)


def of_the_office() -> frozenset[type[models.Model]]:
    """Return the tables in which only numbers and addresses are looked for."""
    return frozenset(_of_the_office)


def texts_of(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Return the columns somebody's words can stand in: not keys, and not choices."""
    kinds = (models.CharField, models.TextField, models.JSONField)
    fields = model._meta.concrete_fields
    return [
        one for one in fields if isinstance(one, kinds) and not one.unique and not one.choices and not one.primary_key
    ]


def _scrub_table(model: type[models.Model], marks: Marks) -> int:
    fields = texts_of(model)
    if not fields or not marks.pattern:
        return 0
    quote = connection.ops.quote_name
    key = quote(str(model._meta.pk.column))
    columns = [quote(str(one.column)) for one in fields]
    where = " OR ".join(f"{column}::text ~* %s" for column in columns)
    names = ", ".join(f"{column}::text" for column in columns)
    with connection.cursor() as cursor:
        # Names of tables and columns are the models' own.
        cursor.execute(
            f"SELECT {key}, {names} FROM {quote(model._meta.db_table)} WHERE {where}",  # noqa: S608
            [marks.pattern] * len(columns),
        )
        rows = cursor.fetchall()
    for pk, *texts in rows:
        values = {one.attname: _scrubbed(one, text, marks) for one, text in zip(fields, texts, strict=True) if text}
        model._default_manager.filter(pk=pk).update(**values)
    return len(rows)


def _scrubbed(one: models.Field[Any, Any], text: str, marks: Marks) -> Any:
    return marks.scrub(json.loads(text) if isinstance(one, models.JSONField) else text)


def forget_files(marks: Marks) -> None:
    """Delete, after the commit, kept mail that names the person: a folder stands in for a mail server."""
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    if not folder or not Path(folder).is_dir():
        return
    for path in Path(folder).glob("*.log"):
        if marks.is_in(path.read_text("utf-8", "replace")):
            transaction.on_commit(partial(path.unlink, missing_ok=True))
