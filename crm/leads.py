"""Leads from calls: who is calling, and what they say about the home they want."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models.functions import Upper
from django.utils import timezone

from crm import signals
from crm.lead_editing import stage_values
from crm.models import EntryKind, Lead, LeadMerge, LeadStage, Task, TaskKind
from crm.phones import to_e164
from crm.timeline import add_timeline, open_task

__all__ = ["add_timeline", "apply_facts", "lead_by_phone", "lead_for_caller", "raise_stage", "request_callback"]

UNKNOWN_CALLER = "Unknown caller"
PIPELINE = [
    LeadStage.NEW,
    LeadStage.QUALIFIED,
    LeadStage.VIEWING_BOOKED,
    LeadStage.VIEWED,
    LeadStage.APPLIED,
    LeadStage.LEASED,
]
_LARGEST_BUDGET = Decimal(99_999_999)
_MOST_BEDROOMS = 50


@transaction.atomic
def lead_for_caller(
    *,
    phone: str | None = None,
    email: str | None = None,
    full_name: str | None = None,
    source: str = "phone",
    is_demo: bool = False,
) -> Lead:
    """Return the lead with this number, failing that the one with this e-mail address, failing that a new one.

    Whatever the lead lacks is filled in; nothing it has is replaced. Safe for the same person calling twice at once.
    """
    number, address = to_e164(phone) if phone else None, _email(email)
    name = _text(full_name, 200) or ""
    lead = lead_by_phone(number) if number else None
    if lead is None and address:
        # No constraint says that an address is unique (couples share one), so callers queue here.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"lead:{address.upper()}"])
        lead = _by_email(address)
    if lead is None:
        values = {"full_name": name, "email": address or "", "source": source, "is_demo": is_demo}
        if number is None:
            return _announced(Lead.objects.create(**values))
        lead, created = Lead.objects.get_or_create(phone=number, defaults=values)
        if created:
            return _announced(lead)
    _complete(lead, phone=number, email=address, full_name=name)
    return lead


def _announced(lead: Lead) -> Lead:
    signals.lead_created.send_robust(sender=Lead, lead=lead)
    return lead


def lead_by_phone(number: str) -> Lead | None:
    """Return the lead with this number in E.164, or the one that took in a lead with it."""
    lead = Lead.objects.filter(phone=number).first()
    if lead is not None:
        return lead
    merge = LeadMerge.objects.filter(number=number, undone_at=None).select_related("kept").first()
    return merge.kept if merge else None


def _by_email(address: str) -> Lead | None:
    same = Lead.objects.alias(address=Upper("email")).filter(address=address.upper())
    return same.order_by("created_at", "pk").first()


def _complete(lead: Lead, *, phone: str | None, email: str | None, full_name: str) -> None:
    """Fill the lead's gaps. Another lead's number stays that lead's."""
    given = {"phone": phone, "email": email, "full_name": full_name}
    gaps = {name: value for name, value in given.items() if value and not _has(lead, name)}
    if "phone" in gaps and Lead.objects.filter(phone=gaps["phone"]).exists():
        del gaps["phone"]
    if gaps:
        for name, value in gaps.items():
            setattr(lead, name, value)
        lead.save(update_fields=[*gaps, "updated_at"])
        signals.lead_changed.send_robust(sender=Lead, lead=lead, changed=list(gaps))


def _has(lead: Lead, name: str) -> bool:
    value = getattr(lead, name)
    return value not in (None, "") and not (name == "full_name" and value == UNKNOWN_CALLER)


@transaction.atomic
def apply_facts(
    lead: Lead,
    facts: dict[str, Any],
    *,
    actor: str = "assistant",
    call_id: UUID | None = None,
    only_gaps: bool = False,
    at: datetime | None = None,
) -> list[str]:
    """Write what was said onto the lead and return the names of the fields that changed.

    A fact that is empty or makes no sense changes nothing. With `only_gaps` what the lead has is kept. A lead with
    budget and timeline is qualified.
    """
    said = {name: reader(facts[name]) for name, reader in _READERS.items() if facts.get(name) not in (None, "")}
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    changed = {
        name: value
        for name, value in said.items()
        if value is not None and getattr(locked, name) != value and not (only_gaps and _has(locked, name))
    }
    before = {name: _plain(getattr(locked, name)) for name in changed}
    for name, value in changed.items():
        setattr(locked, name, value)
    if changed:
        locked.save(update_fields=[*changed, "updated_at"])
        data = {name: [before[name], _plain(value)] for name, value in changed.items()}
        text = "Said: " + ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in changed.items())
        add_timeline(locked, EntryKind.CHANGE, text, data=data, actor=actor, call_id=call_id, at=at)
    if locked.budget is not None and locked.timeline:
        raise_stage(locked, LeadStage.QUALIFIED, actor=actor, call_id=call_id)
    if changed:
        signals.lead_changed.send_robust(sender=Lead, lead=locked, changed=list(changed))
    _copy(locked, lead)
    return list(changed)


def _copy(source: Lead, target: Lead) -> None:
    for field in Lead._meta.concrete_fields:
        setattr(target, field.attname, getattr(source, field.attname))


def raise_stage(lead: Lead, stage: str, *, actor: str = "system", call_id: UUID | None = None) -> bool:
    """Move the lead forward to `stage`; never back, and not out of `lost`. Return whether it moved."""
    earlier = PIPELINE[: PIPELINE.index(LeadStage(stage))]
    entered = stage_values(str(stage)) | {"updated_at": timezone.now()}
    if not Lead.objects.filter(pk=lead.pk, stage__in=earlier).update(**entered):
        return False
    data = {"stage": [lead.stage, str(stage)]}
    lead.stage = LeadStage(stage)
    add_timeline(lead, EntryKind.CHANGE, f"Stage: {lead.get_stage_display()}", data=data, actor=actor, call_id=call_id)
    return True


def request_callback(*, lead: Lead, reason: str, due_at: datetime, call_id: UUID | None = None, key: str) -> Task:
    """Return the callback task with this key, made if it is new, and shown in the lead's timeline."""
    said = _text(reason, 400)
    text = f"Call back: {said}" if said else "Call back"
    with transaction.atomic():
        task = open_task(lead, TaskKind.CALLBACK, text, due_at=due_at, key=key, assignee=lead.owner, call_id=call_id)
        data = {"task": task.pk, "due_at": due_at.isoformat()}
        add_timeline(lead, EntryKind.TASK, text, data=data, actor="assistant", call_id=call_id, key=f"task:{key}"[:200])
    return task


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it and as a person reads it."""
    if isinstance(value, Decimal):
        return str(int(value)) if value == int(value) else str(value)
    return value if value is None or isinstance(value, int) else str(value)


def _text(value: Any, longest: int) -> str | None:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if not isinstance(value, str | int | float):
        return None
    return " ".join(str(value).replace("\0", "").split())[:longest] or None


def _email(value: Any) -> str | None:
    text = (_text(value, 254) or "").lower()
    try:
        validate_email(text)
    except ValidationError:
        return None
    return text


def _budget(value: Any) -> Decimal | None:
    try:
        budget = round(Decimal(str(value)), 2)
    except InvalidOperation:
        return None
    return budget if budget.is_finite() and 0 <= budget <= _LARGEST_BUDGET else None


def _bedrooms(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        count = int(float(value))
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count <= _MOST_BEDROOMS else None


def _day(value: Any) -> date | None:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _line(longest: int) -> Callable[[Any], str | None]:
    return lambda value: _text(value, longest)


_READERS: dict[str, Callable[[Any], Any]] = {
    "full_name": _line(200),
    "email": _email,
    "budget": _budget,
    "timeline": _line(200),
    "property_type": _line(100),
    "location": _line(200),
    "bedrooms": _bedrooms,
    "pets": _line(100),
    "move_in_on": _day,
}
