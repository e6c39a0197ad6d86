"""The nightly comparison of our viewings to come with what is in Outlook, by id and by tag.

What is found is kept as one notice for each agent, and repaired with one click. It changes nothing by itself, but for
the first time after an agent connected: what Pete left in Outlook when they disconnected is removed.

| found | is | repaired by |
| --- | --- | --- |
| missing | a viewing without its event | writing the event anew: who wants the viewing gone cancels it in Pete |
| moved | an event at another time than both sides agreed on | carrying it over, as any change made in Outlook |
| duplicate | a second event of a viewing | deleting it |
| orphan | an event of a viewing that is cancelled, or another agent's | deleting it |
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calendar_sync import events, outbox, outlook_changes, readback
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar, Connection, EventLink, Notice, NoticeKind, Push, PushStatus
from calendar_sync.notices import raise_notice, resolve_notice
from calendar_sync.remote import RemoteEvent
from crm.models import Appointment, AppointmentStatus

logger = logging.getLogger(__name__)

MISSING, MOVED, DUPLICATE, ORPHAN = "missing", "moved", "duplicate", "orphan"
_WORDS = {
    MISSING: gettext_lazy("missing"),
    MOVED: gettext_lazy("moved"),
    DUPLICATE: gettext_lazy("duplicate"),
    ORPHAN: gettext_lazy("orphan"),
}
_CURE = gettext_lazy(
    "Press “repair”: missing events are written anew, moved ones are followed, superfluous ones are deleted."
)


@dataclass(frozen=True)
class Drift:
    """One difference: of which viewing, about which event ("" for none)."""

    kind: str
    appointment_id: int
    event_id: str = ""


def comparable() -> QuerySet[Connection]:
    """Return the connections that can be compared at all."""
    return Connection.objects.at_work().order_by("pk")


def reconcile(connection_id: int, *, now: datetime | None = None) -> list[Drift]:
    """Compare one agent's viewings with Outlook; keep what differs as a notice, or close it. Raises as Graph does."""
    connection = comparable().select_related("agent").filter(pk=connection_id).first()
    if connection is None:
        return []
    now = now or timezone.now()
    found = compare(connection, now=now)
    if connection.compared_at is None:
        found = [drift for drift in found if not _is_left_over(drift, connection)]
    Connection.objects.filter(pk=connection_id).update(compared_at=now)
    _look_at_clashes(connection, now)
    if not found:
        resolve_notice(notice_key(connection))
        return []
    counts = sorted(Counter(drift.kind for drift in found).items())
    raise_notice(
        NoticeKind.DRIFT,
        connection.agent,
        key=notice_key(connection),
        text=lambda: (
            _("Pete and the Outlook of %(agent)s differ: %(counts)s.")
            % {"agent": connection.agent, "counts": ", ".join(f"{number} {_WORDS[kind]}" for kind, number in counts)}
        ),
        cure=lambda: str(_CURE),
        data={"drift": [asdict(drift) for drift in found]},
    )
    logger.warning("Connection %s has drifted: %s", connection_id, counts)
    return found


def awaited() -> QuerySet[Connection]:
    """Return the connections to be compared soon: those that are new, or back, once all is read and written there."""
    waiting = Push.objects.filter(connection=OuterRef("pk"), status=PushStatus.WAITING)
    unread = Calendar.objects.filter(connection=OuterRef("pk"), is_read=True, last_synced_at=None)
    written = Calendar.objects.filter(connection=OuterRef("pk"), is_written=True)
    return comparable().filter(Exists(written), ~Exists(waiting), ~Exists(unread), compared_at=None)


def _is_left_over(drift: Drift, connection: Connection) -> bool:
    """Delete what Pete wrote itself before the agent disconnected, and would have removed since; say if it did.

    It would block the time of a viewing that is none any more. What may be somebody's copy is left to be looked at.
    """
    if drift.kind not in (DUPLICATE, ORPHAN):
        return False
    graph = Graph(connection.pk)
    event = graph.get_event(drift.event_id)
    appointment = Appointment.objects.get(pk=drift.appointment_id)
    if event is None or not events.is_written_by_us(event, appointment, connection):
        return event is None
    graph.delete_event(event.id)
    connection.calendars.filter(is_read=True).update(hinted_at=timezone.now())
    return True


def repair(notice_id: int, *, now: datetime | None = None) -> int:
    """Put right what differs now, which may be less than the notice says; return how much. Raises as Graph does."""
    notice = Notice.objects.get(pk=notice_id, kind=NoticeKind.DRIFT)
    connection = Connection.objects.select_related("agent").filter(agent=notice.agent_id).first()
    if connection is None:
        resolve_notice(notice.key)
        return 0
    graph = Graph(connection.pk)
    found = compare(connection, now=now or timezone.now(), graph=graph)
    for drift in found:
        _put_right(drift, connection, graph)
    resolve_notice(notice.key)
    return len(found)


def notice_key(connection: Connection) -> str:
    """Return the key of the one notice about this connection's drift."""
    return f"drift:{connection.agent_id}"


def compare(connection: Connection, *, now: datetime, graph: Graph | None = None) -> list[Drift]:
    """Return how Outlook differs from the agent's viewings to come, but for those being written at this moment."""
    graph = graph or Graph(connection.pk)
    viewings = list(_settled(connection, now))
    shown = _shown(connection, graph, now, viewings)
    # Read after Outlook was: a viewing that was changed meanwhile is another night's business.
    viewings = list(_settled(connection, now))
    links = {link.appointment_id: link for link in EventLink.objects.filter(connection=connection)}
    drifts = [_of_viewing(viewing, links.get(viewing.pk), shown, graph) for viewing in viewings]
    return [drift for drift in drifts if drift] + list(_of_events(connection, viewings, links, shown))


def _settled(connection: Connection, now: datetime) -> QuerySet[Appointment]:
    """Return the agent's viewings to come with which the outbox is done."""
    coming = Appointment.objects.filter(agent=connection.agent_id, status=AppointmentStatus.BOOKED, ends_at__gt=now)
    return coming.filter(~Exists(_waiting(connection))).order_by("pk")


def _waiting(connection: Connection) -> QuerySet[Push]:
    rows = Push.objects.filter(connection=connection, status=PushStatus.WAITING)
    return rows.filter(appointment=OuterRef("pk"))


def _shown(connection: Connection, graph: Graph, now: datetime, viewings: list[Appointment]) -> dict[str, RemoteEvent]:
    """Return what Outlook shows from now to the last viewing, by id."""
    until = max([now + timedelta(days=settings.CALENDAR_AHEAD_DAYS), *(viewing.ends_at for viewing in viewings)])
    shown = readback.shown_in(connection, graph, now, until)
    return {event.id: event for event, _calendar in shown if not event.is_cancelled}


def _of_viewing(
    viewing: Appointment, link: EventLink | None, shown: dict[str, RemoteEvent], graph: Graph
) -> Drift | None:
    if link is None or not link.event_id:
        return Drift(MISSING, viewing.pk)
    # An event that is not shown may lie outside the window, or in a calendar that is not read.
    event = shown.get(link.event_id) or graph.get_event(link.event_id)
    if event is None or event.is_cancelled:
        return Drift(MISSING, viewing.pk, link.event_id)
    if not events.same_times(event, viewing.starts_at, viewing.ends_at):
        return Drift(MOVED, viewing.pk, event.id)
    return None


def _of_events(
    connection: Connection, viewings: list[Appointment], links: dict[int, EventLink], shown: dict[str, RemoteEvent]
) -> Iterator[Drift]:
    """Yield the events with our tag that stand for nothing. Another installation's are not ours to judge."""
    tags = {event.id: tag[0] for event in shown.values() if (tag := events.read_tag(event.tag))}
    tagged = Appointment.objects.filter(pk__in=set(tags.values())).exclude(Exists(_waiting(connection)))
    known = {row.pk: row for row in tagged}
    live = {viewing.pk for viewing in viewings}
    for event_id, appointment_id in sorted(tags.items()):
        appointment, link = known.get(appointment_id), links.get(appointment_id)
        if appointment is None or events.generation_of(shown[event_id], appointment, connection) is None:
            continue
        if appointment_id not in live:
            is_over = appointment.agent_id == connection.agent_id and appointment.status in _KEPT
            if not is_over:
                yield Drift(ORPHAN, appointment_id, event_id)
        elif link is not None and link.event_id not in ("", event_id):
            yield Drift(DUPLICATE, appointment_id, event_id)


# An event of these may stay where it is.
_KEPT = [AppointmentStatus.BOOKED, AppointmentStatus.COMPLETED, AppointmentStatus.NO_SHOW]


def _put_right(drift: Drift, connection: Connection, graph: Graph) -> None:
    if drift.kind in (DUPLICATE, ORPHAN):
        graph.delete_event(drift.event_id)
        return
    if drift.kind == MOVED and _follow(drift, connection, graph):
        return
    with transaction.atomic():
        appointment = outbox.lock(drift.appointment_id)
        link = _link(drift, connection)
        if drift.kind == MISSING and link is not None and drift.event_id and link.event_id == drift.event_id:
            outbox.forget_event(link)
        if appointment is not None:
            outbox.enqueue(appointment)


def _follow(drift: Drift, connection: Connection, graph: Graph) -> bool:
    """Carry over a move made in Outlook; return False when it was the viewing that moved and was not written."""
    link = _link(drift, connection)
    event = graph.get_event(drift.event_id)
    if link is None or event is None or events.same_times(event, link.starts_at, link.ends_at):
        return False
    outlook_changes.decide(link, event)
    return True


def _link(drift: Drift, connection: Connection) -> EventLink | None:
    return EventLink.objects.filter(appointment=drift.appointment_id, connection=connection).first()


def _look_at_clashes(connection: Connection, now: datetime | None) -> None:
    """Look again where something else was in the way: it may be gone."""
    open_notices = Notice.objects.filter(kind=NoticeKind.CLASH, agent=connection.agent_id, resolved_at=None)
    links = EventLink.objects.filter(connection=connection, appointment__in=open_notices.values("appointment"))
    for link_id in links.values_list("pk", flat=True):
        readback.read_back(link_id, now=now)
