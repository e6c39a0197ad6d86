"""What people are told of: receivers of crm's signals, and what only the clock brings."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from crm import notices, signals
from crm.models import (
    Agent,
    Appointment,
    Lead,
    LeadStage,
    Note,
    Notice,
    NoticeKind,
    OutgoingMessage,
    Role,
    Task,
    TimelineEntry,
)

# Whoever has got this far is worth a call within minutes.
HOT = (LeadStage.QUALIFIED, LeadStage.VIEWING_BOOKED, LeadStage.VIEWED, LeadStage.APPLIED)
CLAIM_WITHIN = timedelta(minutes=15)
# What was due longer ago was told when it was due, or before there were notices.
LOOK_BACK = timedelta(days=1)
_MOST_MENTIONS = 20


def is_hot(lead: Lead) -> bool:
    """Say whether somebody should claim this lead now."""
    return lead.owner_id is None and lead.stage in HOT


def managers() -> QuerySet[Agent]:
    return Agent.objects.filter(Q(role__in=[Role.ADMIN, Role.MANAGER]) | Q(is_superuser=True), is_active=True)


def responsible(lead: Lead | None, agent: Agent | None = None) -> list[Agent]:
    """Return the person it is about, else the lead's owner, else the managers."""
    if agent is not None:
        return [agent]
    if lead is not None and lead.owner is not None:
        return [lead.owner]
    return list(managers())


def lead_changed(sender: type[Lead], lead: Lead, changed: list[str], **kwargs: Any) -> None:
    by: Agent | None = kwargs.get("agent")
    if "owner" in changed and lead.owner is not None:
        notices.settle(_hot_key(lead))
        if by != lead.owner:
            _tell_owner(lead, by)
    elif is_hot(lead):
        tell_of_hot(lead)


def tell_of_hot(lead: Lead, **kwargs: Any) -> None:
    """Tell everybody of a qualified lead without an owner, once."""
    if is_hot(lead) and not Notice.objects.filter(key=_hot_key(lead)).exists():
        everybody = Agent.objects.filter(is_active=True)
        notices.notify(everybody, "hot_unclaimed", kind=NoticeKind.HOT_LEAD, key=_hot_key(lead), lead=lead)


def _hot_key(lead: Lead) -> str:
    return f"hot:{lead.pk}"


def _tell_owner(lead: Lead, by: Agent | None) -> None:
    assert lead.owner is not None
    # A lead may come back to the same person; the newest change of owner is a cause of its own.
    last = TimelineEntry.objects.filter(lead=lead).values_list("pk", flat=True).first()
    notices.notify(
        [lead.owner],
        "assigned",
        kind=NoticeKind.ASSIGNMENT,
        key=f"assigned:{lead.pk}:{last}",
        lead=lead,
        data={"by": str(by) if by else "Pete"},
    )


def viewing_booked(sender: type[Appointment], appointment: Appointment, **kwargs: Any) -> None:
    _tell_of_viewing(appointment, "viewing_booked", by=kwargs.get("by"))


def viewing_moved(sender: type[Appointment], appointment: Appointment, **kwargs: Any) -> None:
    previous = kwargs.get("previous")
    before = Agent.objects.filter(pk=previous.agent_id).first() if previous else None
    _tell_of_viewing(appointment, "viewing_moved", by=kwargs.get("by"), also=before)


def viewing_cancelled(sender: type[Appointment], appointment: Appointment, **kwargs: Any) -> None:
    _tell_of_viewing(appointment, "viewing_cancelled", by=kwargs.get("by"))


def _tell_of_viewing(appointment: Appointment, event: str, *, by: Agent | None, also: Agent | None = None) -> None:
    """Tell who shows the home, who showed it before, and who owns the lead; not who did it."""
    concerned = {appointment.agent, appointment.lead.owner, also} - {None, by}
    starts_at = appointment.starts_at.isoformat()
    notices.notify(
        [person for person in concerned if person is not None],
        event,
        kind=NoticeKind.VIEWING_CHANGE,
        key=f"{event}:{appointment.pk}:{starts_at}:{appointment.agent_id}",
        lead=appointment.lead,
        url=_url("appointment", appointment.pk),
        data={"listing": str(appointment.listing), "starts_at": starts_at},
    )


def note_written(sender: type[Note], note: Note, **kwargs: Any) -> None:
    """Tell those whom a note names: "@Ana Reyes", "@Ana" when there is one Ana, or "@ana.reyes"."""
    if "@" not in note.text:
        return
    people = [person for person in mentioned(note.text) if person != note.agent]
    by = str(note.agent) if note.agent else "Pete"
    data = {"by": by, "text": note.text[:140]}
    notices.notify(people, "mentioned", kind=NoticeKind.MENTION, key=f"note:{note.pk}", lead=note.lead, data=data)


def mentioned(text: str) -> list[Agent]:
    """Return the people named after an @."""
    after = [part.lower() for part in re.split(r"(?<!\w)@", text)[1:]][:_MOST_MENTIONS]
    if not after:
        return []
    people = list(Agent.objects.filter(is_active=True))
    first = [person.get_short_name().lower() for person in people]
    return [person for person in people if any(_is_named(person, part, first) for part in after)]


def _is_named(person: Agent, said: str, first_names: list[str]) -> bool:
    short = person.get_short_name().lower()
    names = [person.full_name.lower(), person.email.lower(), person.email.lower().partition("@")[0]]
    names += [short] if first_names.count(short) == 1 else []
    return any(name and re.match(rf"{re.escape(name)}(?!\w)", said) for name in names)


def message_failed(sender: type[OutgoingMessage], message: OutgoingMessage, **kwargs: Any) -> None:
    agent = message.appointment.agent if message.appointment else None
    notices.notify(
        responsible(message.lead, message.lead.owner or agent),
        "message_failed",
        kind=NoticeKind.SYNC_PROBLEM,
        key=f"message:{message.pk}",
        lead=message.lead,
        data={"text": message.subject},
    )


def tell_of_due_tasks(now: datetime | None = None) -> int:
    """Tell of open tasks that have fallen due. Run every minute."""
    now = now or timezone.now()
    due = Task.objects.filter(done_at=None, due_at__lte=now, due_at__gt=now - LOOK_BACK)
    tasks = {_task_key(task): task for task in due.select_related("lead__owner", "assignee")}
    told = set(Notice.objects.filter(key__in=tasks).values_list("key", flat=True))
    fresh = [task for key, task in tasks.items() if key not in told]
    for task in fresh:
        notices.notify(
            responsible(task.lead, task.assignee),
            "task_due",
            kind=NoticeKind.SLA,
            key=_task_key(task),
            lead=task.lead,
            data={"text": task.text, "due_at": task.due_at.isoformat()},
        )
    return len(fresh)


def _task_key(task: Task) -> str:
    return f"task:{task.pk}:{task.due_at.timestamp():.0f}"


def tell_of_waiting_leads(now: datetime | None = None) -> int:
    """Tell managers of hot leads that nobody claimed in time. Run every minute."""
    now = now or timezone.now()
    waiting = Lead.objects.filter(
        owner=None,
        stage__in=HOT,
        stage_changed_at__lte=now - CLAIM_WITHIN,
        stage_changed_at__gt=now - LOOK_BACK,
    )
    keys = {f"waits:{lead.pk}": lead for lead in waiting}
    told = set(Notice.objects.filter(key__in=keys).values_list("key", flat=True))
    minutes = int(CLAIM_WITHIN.total_seconds() // 60)
    for key in keys.keys() - told:
        notices.notify(managers(), "hot_waits", kind=NoticeKind.SLA, key=key, lead=keys[key], data={"minutes": minutes})
    return len(keys.keys() - told)


def _url(name: str, pk: int) -> str:
    """Return the page's address, "" as long as there is no such page."""
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""


def connect() -> None:
    uid = "crm.notices"
    signals.lead_changed.connect(lead_changed, dispatch_uid=uid)
    signals.lead_created.connect(_lead_created, dispatch_uid=uid)
    signals.appointment_booked.connect(viewing_booked, dispatch_uid=uid)
    signals.appointment_rescheduled.connect(viewing_moved, dispatch_uid=uid)
    signals.appointment_cancelled.connect(viewing_cancelled, dispatch_uid=uid)
    signals.note_written.connect(note_written, dispatch_uid=uid)
    signals.message_failed.connect(message_failed, dispatch_uid=uid)


def _lead_created(sender: type[Lead], lead: Lead, **kwargs: Any) -> None:
    by: Agent | None = kwargs.get("agent")
    if lead.owner is not None and lead.owner != by:
        _tell_owner(lead, by)
    tell_of_hot(lead)
