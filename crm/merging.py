"""Making one lead of two, and two of one again.

Everything that refers to the lead that goes is moved, whichever app it belongs to. The locks are taken in one order:
rows of other apps first (a call's webhook locks its call, then the lead), then the leads by id, as everywhere in crm.
Whoever writes to the vanishing lead meanwhile is waited for, and what they wrote is moved too: the deletion leaves what
refers to the row alone, so that the database refuses the commit if something does, and it is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, IntegrityError, OperationalError, models, transaction
from django.utils import timezone

from crm import signals
from crm.errors import MergeRefused
from crm.models import Agent, Appointment, EntryKind, Lead, LeadMerge, LeadStage
from crm.timeline import add_timeline

UNDO_FOR = timedelta(days=7)
ATTEMPTS = 3
# What a person chooses between when two leads differ. The reason goes with the stage, the currency with the budget.
CHOICES = [
    "full_name",
    "phone",
    "email",
    "stage",
    "owner",
    "budget",
    "bedrooms",
    "property_type",
    "location",
    "move_in_on",
    "timeline",
    "pets",
    "source",
    "consent_at",
]
_ALONG = {"stage": ["lost_reason", "stage_changed_at"], "budget": ["currency"]}

Result = TypeVar("Result")


def merge(kept: Lead, gone: Lead, *, take: Iterable[str] = (), agent: Agent) -> LeadMerge:
    """Take `gone` into `kept`. `take` names the fields whose values come from `gone`; gaps are filled from it anyway.

    Raises MergeRefused.
    """
    if kept.pk == gone.pk:
        raise MergeRefused("A lead cannot be merged with itself.")
    return _insistently(lambda: _merge(kept.pk, gone.pk, set(take), agent))


def _insistently(work: Callable[[], Result]) -> Result:
    """Do it again when somebody wrote to the vanishing lead meanwhile, or the database broke a deadlock."""
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return work()
        except (IntegrityError, OperationalError):
            if attempt + 1 == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _merge(kept_id: int, gone_id: int, take: set[str], agent: Agent) -> LeadMerge:
    kept, gone = _lock(kept_id, gone_id)
    row = LeadMerge(kept=kept, gone_lead_id=gone.pk, gone=_columns(gone), agent=agent)
    chosen = _chosen(kept, gone, take)
    row.before = {name: _plain(getattr(kept, name)) for name in chosen}
    row.after = {name: _plain(value) for name, value in chosen.items()}
    numbers = {kept.phone, gone.phone} - {chosen.get("phone", kept.phone), None}
    row.number = numbers.pop() if numbers else None
    row.moved = dict(_move(gone, kept))
    # Not delete(): it would take along what somebody wrote since the rows were moved.
    Lead.objects.filter(pk=gone.pk)._raw_delete(DEFAULT_DB_ALIAS)
    _write(kept, chosen)
    # Now, not at the end: a row that still refers to the one that went means another attempt.
    _check_references()
    row.save()
    text = f"Merged with {gone}"
    add_timeline(kept, EntryKind.CHANGE, text, data={"merge": row.pk}, agent=agent, actor="staff")
    _tell(kept, [*chosen], row.moved, agent, row.before.get("owner_id", kept.owner_id))
    return row


def _check_references() -> None:
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _lock(kept_id: int, gone_id: int) -> tuple[Lead, Lead]:
    ids = [kept_id, gone_id]
    _lock_others(ids)
    rows = {lead.pk: lead for lead in Lead.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)}
    if len(rows) < 2:
        raise MergeRefused("One of the two leads is gone already.")
    return rows[kept_id], rows[gone_id]


def _lock_others(ids: list[int]) -> None:
    for field in _references():
        if field.model._meta.app_label != "crm":
            rows = field.model._base_manager.filter(**{f"{field.name}__in": ids})
            list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk"))


def _references() -> list[models.ForeignKey]:
    """Return every foreign key to leads, of all apps."""
    found = [relation.field for relation in Lead._meta.related_objects]
    return [field for field in found if isinstance(field, models.ForeignKey)]


def _move(source: Lead, target: Lead) -> Iterator[tuple[str, list[Any]]]:
    """Point everything at `target`, and yield what was moved by model."""
    for field in _references():
        rows = field.model._base_manager.filter(**{field.name: source})
        ids = list(rows.values_list("pk", flat=True))
        if ids:
            field.model._base_manager.filter(pk__in=ids).update(**{field.name: target})
            yield field.model._meta.label, [pk if isinstance(pk, int) else str(pk) for pk in ids]


def _chosen(kept: Lead, gone: Lead, take: set[str]) -> dict[str, Any]:
    """Return by column what the kept lead gets from the other one."""
    chosen: dict[str, Any] = {}
    for name in CHOICES:
        column = "owner_id" if name == "owner" else name
        value, own = getattr(gone, column), getattr(kept, column)
        if value in (None, "") or value == own or not (name in take or own in (None, "")):
            continue
        chosen[column] = value
        chosen |= {also: getattr(gone, also) for also in _ALONG.get(name, [])}
    return chosen


def further(kept: Lead, gone: Lead) -> bool:
    """Say whether the other lead has come further than the one that is kept."""
    order = list(LeadStage.values)
    is_lost = LeadStage.LOST in (kept.stage, gone.stage)
    return kept.stage == LeadStage.LOST != gone.stage if is_lost else order.index(gone.stage) > order.index(kept.stage)


def _columns(lead: Lead) -> dict[str, Any]:
    return {field.attname: _plain(getattr(lead, field.attname)) for field in Lead._meta.concrete_fields}


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it, to the microsecond; `_read` is the way back."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _write(lead: Lead, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(lead, name, value)
    lead.save(update_fields=[*values, "updated_at"])


def _tell(
    lead: Lead, columns: list[str], moved: dict[str, list[Any]], agent: Agent, previous_owner_id: int | None
) -> None:
    """Send what changed; viewings that came along are somebody else's now, in outside calendars too."""
    changed = {name.removesuffix("_id") for name in columns}
    if Appointment._meta.label in moved:
        changed |= {"full_name", "phone", "email"}
    told = {"changed": sorted(changed | {"owner"}), "agent": agent, "previous_owner_id": previous_owner_id}
    signals.lead_changed.send_robust(sender=Lead, lead=lead, **told)


# --- And apart again ------------------------------------------------------------------------------------------------


def can_part(row: LeadMerge) -> bool:
    """Say whether it is recent, not undone, and the lead's newest."""
    is_recent = row.undone_at is None and timezone.now() - row.merged_at < UNDO_FOR
    newer = LeadMerge.objects.filter(kept=row.kept_id, undone_at=None, merged_at__gt=row.merged_at)
    return is_recent and not newer.exists()


@transaction.atomic
def part(merge_id: int, agent: Agent) -> Lead:
    """Undo a merge: the lead that went is back under its id with what it brought. Raises MergeRefused."""
    first = LeadMerge.objects.filter(pk=merge_id).first()
    if first is None:
        raise MergeRefused("There is no such merge.")
    _lock_others([first.kept_id])
    kept = Lead.objects.select_for_update(no_key=True).get(pk=first.kept_id)
    row = LeadMerge.objects.select_for_update(no_key=True).get(pk=merge_id)
    if not can_part(row):
        raise MergeRefused("It is too late to part these two, or another merge came after it.")
    gone = Lead(**{name: _read(name, value) for name, value in row.gone.items()})
    _give_back(kept, row)
    if gone.phone and Lead.objects.filter(phone=gone.phone).exists():
        raise MergeRefused("Another lead has that number by now.")
    gone.save(force_insert=True)
    for label, ids in row.moved.items():
        _return(label, ids, kept, gone)
    row.undone_at = timezone.now()
    row.save(update_fields=["undone_at"])
    for lead, other in ((kept, gone), (gone, kept)):
        add_timeline(lead, EntryKind.CHANGE, f"Parted from {other} again", agent=agent, actor="staff")
        _tell(lead, [*row.before], row.moved, agent, row.after.get("owner_id", kept.owner_id))
    return gone


def _give_back(kept: Lead, row: LeadMerge) -> None:
    """Undo what the merge wrote on the kept lead, but for what was changed since."""
    values = {
        name: _read(name, value)
        for name, value in row.before.items()
        if getattr(kept, name) == _read(name, row.after[name])
    }
    if values:
        _write(kept, values)


def _return(label: str, ids: list[Any], kept: Lead, gone: Lead) -> None:
    model = apps.get_model(label)
    for field in _references():
        if field.model is model:
            model._base_manager.filter(pk__in=ids, **{field.name: kept}).update(**{field.name: gone})


def _read(name: str, value: Any) -> Any:
    field = Lead._meta.get_field(name.removesuffix("_id") if name == "owner_id" else name)
    if isinstance(field, models.ForeignKey):
        return field.target_field.to_python(value)
    assert isinstance(field, models.Field)
    return field.to_python(value)
