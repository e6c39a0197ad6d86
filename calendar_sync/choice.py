"""Which of an account's calendars are read, and into which one viewings are written; and parting from all of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from calendar_sync import staleness, states, tokens
from calendar_sync.errors import Refused
from calendar_sync.graph import Graph, RemoteCalendar
from calendar_sync.models import AuthFlow, Calendar, Connection, EventLink, Notice, Push, PushStatus
from crm.errors import BadArguments, PermanentError, TransientError
from crm.models import Agent, Appointment, AppointmentStatus, BusyTime, CalendarState

logger = logging.getLogger(__name__)

# Somebody waits for the page.
TIMEOUT_SECONDS = 5.0
LONGEST_NAME = 255


def refresh_calendars(connection: Connection) -> list[Calendar]:
    """Ask Microsoft which calendars there are and return them; the default one is chosen if none ever was.

    Raises TransientError or PermanentError; the connection's status then says what is wrong.
    """
    try:
        found = Graph(connection.pk, timeout=TIMEOUT_SECONDS).list_calendars()
    except Refused as exc:
        tokens.mark_broken(connection.pk, exc.code or f"HTTP {exc.status}")
        raise
    with transaction.atomic():
        _lock(connection)
        is_first = not connection.calendars.exists()
        for remote in found:
            _keep(connection, remote)
        gone = connection.calendars.exclude(external_id__in=[remote.id for remote in found])
        forget_busy_times(connection.agent_id, gone)
        gone.delete()
        if is_first:
            default = next((remote.id for remote in found if remote.is_default and remote.can_edit), "")
            connection.calendars.filter(external_id=default).update(is_read=True, is_written=True)
    if is_first:
        request_sync(connection)
    return list(connection.calendars.all())


def unlisted() -> QuerySet[Connection]:
    """Return those whose calendars were never listed: Microsoft did not answer while the person was there."""
    return Connection.objects.at_work().filter(calendars=None)


def list_first(connection_id: int) -> bool:
    """List the calendars of a connection that has none and choose its default one; return whether there are any now.

    Never raises for what Microsoft answers: the next sweep asks again, and the connection's status says what is wrong.
    """
    connection = unlisted().defer("blob").filter(pk=connection_id).first()
    if connection is None:
        return False
    try:
        return bool(refresh_calendars(connection))
    except (TransientError, PermanentError) as exc:
        logger.warning("The calendars of connection %s could not be listed: %s", connection_id, exc)
        return False


def _lock(connection: Connection) -> None:
    Connection.objects.select_for_update(no_key=True, of=("self",)).get(pk=connection.pk)


def _keep(connection: Connection, remote: RemoteCalendar) -> None:
    values = {"name": remote.name[:LONGEST_NAME], "can_edit": remote.can_edit}
    row, created = Calendar.objects.get_or_create(connection=connection, external_id=remote.id, defaults=values)
    if not created and (row.name, row.can_edit) != (values["name"], values["can_edit"]):
        Calendar.objects.filter(pk=row.pk).update(**values)


def choose(connection: Connection, *, read: Collection[int], written: int) -> list[Calendar]:
    """Read the calendars `read` and write viewings into `written`, by their ids. Raises BadArguments.

    The one that is written is read too, and so are those with viewings to come: what is moved in Outlook must be seen.
    Return the latter.
    """
    with transaction.atomic():
        _lock(connection)
        known = {calendar.pk: calendar for calendar in connection.calendars.all()}
        target = known.get(written)
        if target is None:
            raise BadArguments("Choose the calendar that viewings are written into.")
        if not target.can_edit:
            raise BadArguments(f"“{target.name}” can only be read. Choose another one to write viewings into.")
        wanted = {written, *read}
        if not wanted <= known.keys():
            raise BadArguments("One of these calendars is not there any more. Look at the list again.")
        kept = [row for row in _with_viewings(connection) if row.pk not in wanted]
        wanted |= {calendar.pk for calendar in kept}
        dropped = [calendar for calendar in known.values() if calendar.is_read and calendar.pk not in wanted]
        # One after the other: at no moment may two be written.
        connection.calendars.exclude(pk=written).filter(is_written=True).update(is_written=False)
        connection.calendars.filter(pk__in=wanted).update(is_read=True)
        connection.calendars.filter(pk=written).update(is_written=True)
        _stop_reading(connection, dropped)
    unsubscribe(connection, dropped)
    request_sync(connection)
    return kept


def _with_viewings(connection: Connection) -> QuerySet[Calendar]:
    """Return the calendars into which viewings to come were written."""
    coming = EventLink.objects.filter(
        connection=connection, appointment__status=AppointmentStatus.BOOKED, appointment__ends_at__gt=timezone.now()
    )
    return connection.calendars.filter(external_id__in=coming.values("calendar_external_id"))


def _stop_reading(connection: Connection, calendars: list[Calendar]) -> None:
    """Forget what was read of calendars that are not read any more."""
    rows = connection.calendars.filter(pk__in=[calendar.pk for calendar in calendars])
    forget_busy_times(connection.agent_id, rows)
    for calendar in rows:
        calendar.events.all().delete()
    rows.update(
        is_read=False,
        delta_link=b"",
        window_starts_at=None,
        window_ends_at=None,
        last_synced_at=None,
        hinted_at=None,
        claim=None,
        claimed_until=None,
        failures=0,
        last_error="",
        subscription_id="",
        subscription_expires_at=None,
        client_state_digest="",
    )


def forget_busy_times(agent_id: int, calendars: Iterable[Calendar]) -> None:
    """Free the time that these calendars blocked."""
    for calendar in calendars:
        mirrored = BusyTime.objects.filter(agent=agent_id, source=BusyTime.Source.MICROSOFT)
        mirrored.filter(external_id__startswith=f"{calendar.pk}:").delete()


def unsubscribe(connection: Connection, calendars: Iterable[Calendar]) -> None:
    """Tell Microsoft that nobody listens any more. What fails runs out within a week by itself."""
    client = Graph(connection.pk, timeout=TIMEOUT_SECONDS)
    for calendar in calendars:
        if not calendar.subscription_id:
            continue
        try:
            client.delete_subscription(calendar.subscription_id)
        except (TransientError, PermanentError) as exc:
            logger.info("A subscription of calendar %s is left to run out: %s", calendar.pk, exc)


def request_sync(connection: Connection) -> None:
    """Have what is read brought up to date after the commit. The timed poll behind it does so too."""
    ids = list(connection.calendars.filter(is_read=True).values_list("pk", flat=True))
    connection.calendars.filter(pk__in=ids).update(next_sync_at=timezone.now())
    staleness.refresh([connection.pk])
    transaction.on_commit(lambda: _queue(ids))


def _queue(ids: list[int]) -> None:
    # The tasks import this module.
    from calendar_sync.tasks import sync_calendar

    try:
        for calendar_id in ids:
            sync_calendar.delay(calendar_id)
    except (OperationalError, OSError) as exc:
        logger.warning("Calendars wait for the timed poll: %r", exc)


def disconnect(agent: Agent) -> bool:
    """Forget the account and all that came from it; return whether there was one. Viewings in Outlook stay there."""
    connection = Connection.objects.filter(agent=agent).first()
    if connection is None:
        return False
    unsubscribe(connection, connection.calendars.all())
    with transaction.atomic():
        concerned = _lock_all(connection)
        unsettled = set(concerned.filter(pushes__in=_open_pushes()).values_list("pk", flat=True))
        # With it go its calendars, what was mirrored, the links to events and what was still to be written.
        Connection.objects.filter(pk=connection.pk).delete()
        BusyTime.objects.filter(agent=agent, source=BusyTime.Source.MICROSOFT).delete()
        AuthFlow.objects.filter(agent=agent).delete()
        kept = Appointment.objects.filter(agent=agent).exclude(calendar_state=CalendarState.LOCAL)
        kept.update(calendar_state=CalendarState.LOCAL, external_id="", updated_at=timezone.now())
        # What waits in a colleague's mailbox, or no longer waits in this one.
        for appointment in Appointment.objects.filter(pk__in=unsettled):
            states.show(appointment)
        # Notices name viewings and events. What concerns the whole installation stays true without this agent.
        Notice.objects.filter(agent=agent).exclude(key__startswith=tokens.APPLICATION).delete()
    logger.info("Agent %s disconnected Microsoft 365", agent.pk)
    return True


def _lock_all(connection: Connection) -> QuerySet[Appointment]:
    """Keep bookings, workers and rounds away from what goes: none may add to it meanwhile. Return the viewings."""
    # A refresh has the connection's row for as long as Entra takes; bookings must not wait for it behind the agent's.
    _lock(connection)
    Agent.objects.select_for_update(no_key=True).get(pk=connection.agent_id)
    written = [
        rows.filter(connection=connection.pk).values("appointment") for rows in (Push.objects, EventLink.objects)
    ]
    concerned = Appointment.objects.filter(Q(agent=connection.agent_id) | Q(pk__in=written[0]) | Q(pk__in=written[1]))
    list(concerned.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    list(Calendar.objects.filter(connection=connection.pk).order_by("pk").select_for_update().values_list("pk"))
    return concerned


def _open_pushes() -> QuerySet[Push]:
    return Push.objects.filter(status__in=[PushStatus.WAITING, PushStatus.FAILED])
