"""Whether both sides agree: each check looks at PostgreSQL and at the mailboxes by itself, and tells what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from django.db import connection as database

from calendar_sync import events
from calendar_sync.models import Calendar, EventLink, Notice, NoticeKind, Push
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox.mailbox import Event
from calendar_sync.tests import factories
from calendar_sync.tests.proof.ledger import Ledger, put_back_key
from calendar_sync.tests.proof.office import Office
from crm.models import Agent, Appointment, OutgoingMessage, Task

OVERLAPS = """
    SELECT a.id, b.id FROM crm_appointment a JOIN crm_appointment b
      ON a.id < b.id AND (a.agent_id = b.agent_id OR a.listing_id = b.listing_id)
     AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
   WHERE a.status IN ('held', 'booked') AND b.status IN ('held', 'booked')
"""


def everything(office: Office, ledger: Ledger) -> list[str]:
    """Return all that is wrong."""
    return [
        *ledger.complaints(),
        *both_sides_agree(office),
        *states_are_true(office),
        *nothing_is_there_twice(office),
        *nothing_is_double_booked(office),
        *busy_times_are_right(office),
        *notices_have_a_cause(office, ledger),
        *leads_were_told(),
    ]


def own_events(office: Office) -> Iterator[tuple[Agent, Event, int]]:
    """Yield each event in Outlook that carries our tag: whose it is, and the viewing it names."""
    for agent in office.agents:
        for event in office.outlook(agent).events():
            tag = events.read_tag(event.properties.get(TAG_ID))
            if tag is not None:
                yield agent, event, tag[0]


def both_sides_agree(office: Office) -> list[str]:
    """Each booked viewing has its one event, at its time, in the mailbox of its agent; and there are no others."""
    rows = Appointment.objects.filter(status="booked")
    in_pete = Counter((row.pk, row.agent_id, row.starts_at, row.ends_at, False) for row in rows)
    in_outlook = Counter((pk, agent.pk, e.start, e.end, e.is_all_day) for agent, e, pk in own_events(office))
    wrong = [f"only in Pete: {row}" for row in (in_pete - in_outlook)]
    return wrong + [f"only in Outlook: {row}" for row in (in_outlook - in_pete)]


def states_are_true(office: Office) -> list[str]:
    """What a viewing says about its event is so, and so is what the link remembers."""
    there = {pk: event for _, event, pk in own_events(office)}
    wrong = []
    for row in Appointment.objects.all():
        event = there.get(row.pk)
        said, true = (row.calendar_state, row.external_id), ({"synced"}, event.id if event else "")
        if row.status == "cancelled":
            # Never written, or removed.
            true = ({"synced", "local"}, "")
        if said[0] not in true[0] or said[1] != true[1]:
            wrong.append(f"viewing {row.pk}, {row.status}, says {said}")
        link = EventLink.objects.filter(appointment=row, connection__agent=row.agent_id).first()
        if event is not None and (link is None or (link.event_id, link.etag) != (event.id, event.etag)):
            wrong.append(f"viewing {row.pk} remembers another version of its event")
    return wrong + [f"not written: {push}" for push in Push.objects.exclude(status="done")]


def nothing_is_there_twice(office: Office) -> list[str]:
    """No tag and no transactionId is used by two events, in whichever mailbox."""
    tagged = list(own_events(office))
    tags = Counter(event.properties[TAG_ID].split(":")[0] for _, event, _ in tagged)
    ids = Counter(event.transaction_id for agent in office.agents for event in office.outlook(agent).events())
    del ids[None]
    wrong = [f"tag {tag} is there {n} times" for tag, n in tags.items() if n > 1]
    return wrong + [f"transactionId {name} is there {n} times" for name, n in ids.items() if n > 1]


def nothing_is_double_booked(office: Office) -> list[str]:
    """No agent and no home has two viewings at once, in PostgreSQL; no mailbox two of Pete's events."""
    with database.cursor() as cursor:
        cursor.execute(OVERLAPS)
        wrong = [f"viewings {one} and {other} are at once" for one, other in cursor.fetchall()]
    for agent in office.agents:
        own = [event for event in office.outlook(agent).events() if TAG_ID in event.properties]
        wrong += [f"two events at once for {agent}" for one, other in pairwise(own) if other.start < one.end]
    return wrong


def free_busy(office: Office, agent: Agent, calendar: Calendar) -> list[tuple[datetime, datetime]]:
    """Return when an agent is busy, as a person would read it from the mailbox."""
    mailbox = office.outlook(agent).mailbox
    shown = mailbox.view(calendar.external_id, calendar.window_starts_at, calendar.window_ends_at)  # type: ignore[arg-type]
    return sorted(
        (event.start.astimezone(UTC), event.end.astimezone(UTC))
        for event in shown
        if TAG_ID not in event.properties
        and event.fields.get("showAs") not in ("free", "workingElsewhere")
        and not event.fields.get("isCancelled")
        and event.start < event.end
    )


def busy_times_are_right(office: Office) -> list[str]:
    """Each agent is busy exactly when Outlook says so."""
    wrong = []
    for agent in office.agents:
        calendar = Calendar.objects.get(connection__agent=agent, is_read=True)
        expected = Counter(free_busy(office, agent, calendar))
        actual = Counter(factories.busy_times().filter(agent=agent).values_list("starts_at", "ends_at"))
        wrong += [f"{agent} is not busy {at}" for at in expected - actual]
        wrong += [f"{agent} is busy {at} without a reason" for at in actual - expected]
    return wrong


def notices_have_a_cause(office: Office, ledger: Ledger) -> list[str]:
    """What is still said is still so: only clashes that are there, and news of what was put back."""
    touched = {put_back_key(pk) for pk, entry in ledger.entries.items() if entry.is_touched}
    wrong = []
    for notice in Notice.objects.filter(resolved_at=None).select_related("agent", "appointment"):
        has_cause = notice.kind == NoticeKind.MOVED and notice.key in touched
        if notice.kind == NoticeKind.CLASH and notice.appointment is not None:
            row, busy = notice.appointment, factories.busy_times().filter(agent=notice.agent)
            is_met = busy.filter(starts_at__lt=row.ends_at, ends_at__gt=row.starts_at).exists()
            has_cause = row.status == "booked" and row.agent_id == notice.agent_id and is_met
        if not has_cause:
            wrong.append(f"still said: {notice.kind} {notice.key}: {notice.text}")
    return wrong


def leads_were_told() -> list[str]:
    """Whoever's viewing was deleted in Outlook has a message, or somebody has the task of calling them."""
    wrong = []
    for row in Appointment.objects.filter(status="cancelled", cancel_reason__startswith="Deleted in Outlook"):
        told = OutgoingMessage.objects.filter(appointment=row).exists()
        if not told and not Task.objects.filter(lead=row.lead_id, key__startswith="outlook:").exists():
            wrong.append(f"nobody tells the lead of viewing {row.pk}")
    return wrong
