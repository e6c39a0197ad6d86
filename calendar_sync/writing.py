"""Writing one event so that there is one: the order of requests, and what each answer means.

Each create carries a transactionId and our tag. Once a create has been sent its event may be there, whatever the answer
was; so a repetition looks for the tag first. Which side wins when both changed an event is decided here: what was
promised to a lead since stands, else what was done in Outlook stands. Which fields are written says `fields`.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from calendar_sync import events, fields
from calendar_sync.errors import AlreadyThere, Changed, Gone, Refused, Unavailable
from calendar_sync.graph import Graph
from calendar_sync.models import EventLink
from calendar_sync.outbox import Job, Wish
from calendar_sync.remote import EventDraft, Part, RemoteEvent

logger = logging.getLogger(__name__)


class OutlookDecides(Exception):
    """The event was changed in Outlook, the viewing was not: the event, None if it was deleted, is what counts."""

    def __init__(self, event: RemoteEvent | None) -> None:
        super().__init__()
        self.event = event


class CalendarGone(Refused):
    """The calendar that viewings are written to does not exist any more."""


def carry_out(job: Job, graph: Graph) -> RemoteEvent | None:
    """Do what a job wants; return the event as it then is.

    Raises what `graph` raises, OutlookDecides, CalendarGone.
    """
    if job.wish is Wish.WRITE:
        return _update(job, graph) if job.link.event_id else _create(job, graph)
    if job.wish is Wish.REMOVE:
        _remove(job, graph)
    return None


def _draft(job: Job) -> EventDraft:
    return events.draft(job.appointment, job.connection, job.link.generation)


# --- An event that may not be there yet -----------------------------------------------------------------------------


def _create(job: Job, graph: Graph) -> RemoteEvent:
    found = _find(job, graph) if job.is_repeat else None
    if found is None:
        found = _post(job, graph)
        if not job.is_repeat and events.same_times(found, job.appointment.starts_at, job.appointment.ends_at):
            job.link.written = fields.digests(_draft(job))
            return found
    # An event of an earlier attempt may be of another time, or without its tag.
    return _patch(job, graph, found)


def _post(job: Job, graph: Graph) -> RemoteEvent:
    for _ in range(2):
        try:
            return graph.create_event(job.link.calendar_external_id, _draft(job))
        except AlreadyThere:
            found = _find(job, graph)
            if found is not None:
                return found
            # It was there and was deleted.
            _next_generation(job.link)
        except Gone as exc:
            raise CalendarGone(str(exc), status=exc.status, code=exc.code) from exc
    raise Unavailable("Graph knows of an event that it does not show")


def _find(job: Job, graph: Graph) -> RemoteEvent | None:
    """Return the viewing's event in this mailbox, if there is one, and keep its generation."""
    by_tag = graph.find_by_tag(events.tag_of(job.appointment, job.link.generation))
    found = _ours(job, by_tag)
    if found is None and job.appointment.created_at < job.connection.created_at:
        # It may have been written before the agent disconnected and connected again, in whatever generation.
        calendar_id = job.link.calendar_external_id
        shown = graph.calendar_view(calendar_id, job.appointment.starts_at, job.appointment.ends_at, with_tags=True)
        found = _ours(job, shown)
    return found


def _ours(job: Job, candidates: list[RemoteEvent]) -> RemoteEvent | None:
    for event in candidates:
        generation = events.generation_of(event, job.appointment, job.connection)
        if generation is not None:
            job.link.generation = generation
            return event
    return None


def _next_generation(link: EventLink) -> None:
    link.generation += 1
    # Kept before it is used: nobody may ever use it for something else.
    link.save(update_fields=["generation"])


# --- An event that was there ----------------------------------------------------------------------------------------


def _update(job: Job, graph: Graph) -> RemoteEvent:
    link, draft = job.link, _draft(job)
    parts = fields.changed_here(draft, link)
    event: RemoteEvent | None = None
    try:
        if parts and Part.BODY not in parts:
            return _send(job, graph, parts, link.event_id, link.etag)
        event = graph.get_event(link.event_id, with_body=Part.BODY in parts)
    except Changed:
        event = graph.get_event(link.event_id)
    except Gone:
        logger.info("The event of viewing %s is gone", job.appointment.pk)
    if event is None or event.is_cancelled:
        return _replace(job, graph)
    is_moved = event.etag != link.etag and not events.same_times(event, link.starts_at, link.ends_at)
    if is_moved and not _was_changed_here(job):
        raise OutlookDecides(event)
    return _patch(job, graph, event)


def _replace(job: Job, graph: Graph) -> RemoteEvent:
    """Write an event anew that is gone, unless that was somebody's decision."""
    found = _ours(job, graph.find_by_tag(events.tag_of(job.appointment, job.link.generation)))
    if found is not None:
        return _patch(job, graph, found)
    calendars = {calendar.id for calendar in graph.list_calendars() if calendar.can_edit}
    chosen = job.connection.calendars.filter(is_written=True, external_id__in=calendars).first()
    if chosen is None:
        raise CalendarGone("The calendar for viewings is gone", status=404, code="CalendarGone")
    if job.link.calendar_external_id in calendars and not _was_changed_here(job):
        raise OutlookDecides(None)
    job.link.calendar_external_id = chosen.external_id
    _next_generation(job.link)
    made = _post(job, graph)
    job.link.written = fields.digests(_draft(job))
    return made


def _was_changed_here(job: Job) -> bool:
    """Say whether the viewing's time is another than the one both sides agreed on."""
    appointment, link = job.appointment, job.link
    agreed = (link.starts_at, link.ends_at)
    return not events.same_instants(agreed, (appointment.starts_at, appointment.ends_at))


def _patch(job: Job, graph: Graph, event: RemoteEvent) -> RemoteEvent:
    """Write into an event that was read a moment ago what it does not say yet."""
    draft = _draft(job)
    parts = fields.changed_here(draft, job.link) - {Part.TIMES}
    if not events.same_times(event, draft.starts_at, draft.ends_at):
        parts.add(Part.TIMES)
    if event.tag != draft.tag:
        parts.add(Part.TAG)
    if not parts:
        return event
    body = event.body
    if Part.BODY in parts and body is None:
        # If it changed since it was looked at, its etag says so in a moment.
        told = graph.get_event(event.id, with_body=True)
        body = told.body if told else ""
    try:
        return _send(job, graph, parts, event.id, event.etag, body=body)
    except (Changed, Gone) as exc:
        # Somebody is at it right now.
        raise Unavailable(f"The event changes under our hands: {exc}") from exc


def _send(
    job: Job, graph: Graph, parts: set[Part], event_id: str, etag: str, *, body: str | None = None
) -> RemoteEvent:
    """Change these parts of an event, and remember the words. Raises Changed when it has another etag by now.

    `body` is what the event says as yet, where Pete's lines are to go.
    """
    draft = written = _draft(job)
    if Part.BODY in parts:
        body = fields.merged(body or "", draft.body, is_ours=not job.link.written)
        written = replace(draft, body=body, is_html=True)
    changed = graph.update_event(event_id, written, parts, etag=etag or None)
    job.link.written = fields.digests(draft)
    return changed


def _remove(job: Job, graph: Graph) -> None:
    event_id = job.link.event_id
    if not event_id:
        found = _find(job, graph)
        if found is None:
            return
        event_id = found.id
    graph.delete_event(event_id)
    # Graph has answered 204 to those who had no right to delete, and deleted nothing.
    left = graph.get_event(event_id)
    if left is not None and not left.is_cancelled:
        raise Unavailable("The event is still there after it was deleted")
