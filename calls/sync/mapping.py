"""Pete's own rows of the assistants at Vapi: whom and what each one speaks for."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from calls.models import Assistant
from calls.sync.compare import text_of
from calls.sync.survey import Survey
from crm.phones import to_e164

_LONGEST_NAME = 100


def adopt(found: Survey, vapi_ids: Iterable[str]) -> None:
    """Keep a row of each of these assistants, named as at Vapi and with the number it answers there."""
    for vapi_id in vapi_ids:
        assistant = found.assistants.get(vapi_id)
        if assistant is None:
            continue
        name = text_of(assistant.get("name"), _("Without a name"))[:_LONGEST_NAME]
        row, is_new = Assistant.objects.get_or_create(vapi_id=vapi_id, defaults={"name": name})
        if not is_new and row.name != name:
            row.name = name
            row.save(update_fields=["name"])
        if row.phone_number is None:
            _number(row, found.numbers_of(vapi_id))


def _number(row: Assistant, numbers: list[str]) -> None:
    number = to_e164(numbers[0]) if len(numbers) == 1 else None
    if number is None:
        return
    try:
        with transaction.atomic():
            Assistant.objects.filter(pk=row.pk, phone_number=None).update(phone_number=number)
    except IntegrityError:
        # Another assistant has it here: a person decides which.
        return
