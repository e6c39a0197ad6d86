"""Which calendars are read and written, and what parting from an account leaves: nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from time import sleep

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calendar_sync import choice, states
from calendar_sync.models import AuthFlow, Calendar, Connection, EventLink, MirroredEvent, Notice, NoticeKind, Push
from calendar_sync.notices import raise_notice
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from crm.errors import BadArguments, TransientError
from crm.models import Appointment, BusyTime, CalendarState
from crm.tests import factories as crm

BROWSER = {"HTTP_ACCEPT": "text/html"}


@pytest.fixture(autouse=True)
def queued(monkeypatch) -> list[int]:
    calendars: list[int] = []
    monkeypatch.setattr("calendar_sync.choice._queue", calendars.extend)
    return calendars


@pytest.fixture
def row(connected_agent) -> Connection:
    return connected_agent.calendar_connection


@pytest.fixture
def family(row, sandbox) -> Calendar:
    """A second calendar of Ada's, not chosen so far."""
    sandbox.outlook(ADA).add_calendar("Family")
    choice.refresh_calendars(row)
    return row.calendars.get(name="Family")


def state(row: Connection) -> dict[str, tuple[bool, bool]]:
    return {calendar.name: (calendar.is_read, calendar.is_written) for calendar in row.calendars.all()}


def block(calendar: Calendar) -> BusyTime:
    """Mirror one busy event of a calendar."""
    start = timezone.now() + timedelta(days=1)
    busy = crm.busy_time(
        calendar.connection.agent,
        start,
        start + timedelta(hours=1),
        source=BusyTime.Source.MICROSOFT,
        external_id=f"{calendar.pk}:event",
    )
    factories.mirrored_event(calendar, busy_time=busy)
    return busy


def test_the_default_calendar_is_chosen_the_first_time(row, sandbox):
    row.calendars.all().delete()
    sandbox.outlook(ADA).add_calendar("Family")

    choice.refresh_calendars(row)

    assert state(row) == {"Calendar": (True, True), "Family": (False, False)}


def test_a_choice_stays_when_calendars_are_listed_anew(row, family, sandbox):
    choice.choose(row, read=[], written=family.pk)
    sandbox.mailboxes[ADA].calendars[family.external_id].name = "Home"

    choice.refresh_calendars(row)

    assert state(row) == {"Calendar": (False, False), "Home": (True, True)}


def test_a_calendar_that_is_gone_frees_its_time(row, family, sandbox):
    choice.choose(row, read=[family.pk], written=row.calendars.get(name="Calendar").pk)
    busy = block(family)
    sandbox.mailboxes[ADA].remove_calendar(family.external_id)

    choice.refresh_calendars(row)

    assert state(row) == {"Calendar": (True, True)}
    assert not factories.busy_times().filter(pk=busy.pk).exists()


def test_what_is_written_is_read_too(row, family):
    choice.choose(row, read=[], written=family.pk)

    assert state(row) == {"Calendar": (False, False), "Family": (True, True)}


def test_a_calendar_no_longer_read_is_forgotten(row, family, graph, sandbox):
    default = row.calendars.get(name="Calendar")
    block(default)
    crm.busy_time(row.agent, timezone.now(), timezone.now() + timedelta(hours=1))
    Calendar.objects.filter(pk=default.pk).update(
        delta_link=b"sealed", last_synced_at=timezone.now(), subscription_id="gone-at-microsoft"
    )

    choice.choose(row, read=[family.pk], written=family.pk)

    default.refresh_from_db()
    assert (bytes(default.delta_link), default.last_synced_at, default.subscription_id) == (b"", None, "")
    assert not MirroredEvent.objects.exists()
    # What was entered by hand stays; the calendar newly chosen was never read, so it is not free.
    assert set(factories.busy_times().values_list("external_id", flat=True)) == {"", f"unreadable:{row.pk}"}


def test_the_choice_has_what_is_read_read_at_once(row, family, queued, django_capture_on_commit_callbacks):
    default = row.calendars.get(name="Calendar")

    with django_capture_on_commit_callbacks(execute=True):
        choice.choose(row, read=[family.pk], written=default.pk)

    assert sorted(queued) == sorted([family.pk, default.pk])


def test_what_cannot_be_chosen_is_refused_and_nothing_changes(row, family, sandbox):
    sandbox.outlook(ADA).add_calendar("Team", can_edit=False)
    choice.refresh_calendars(row)
    team, default = row.calendars.get(name="Team"), row.calendars.get(name="Calendar")
    foreign, before = factories.calendar(), state(row)

    for read, written in (([], team.pk), ([], 0), ([], foreign.pk), ([foreign.pk], default.pk)):
        with pytest.raises(BadArguments):
            choice.choose(row, read=read, written=written)

    assert state(row) == before


def test_the_page_shows_the_calendars_and_keeps_the_choice(row, family, connected_agent):
    client = Client(**BROWSER)
    client.force_login(connected_agent)
    default = row.calendars.get(name="Calendar")
    page = client.get("/calendar/choose").content.decode()
    assert "Family" in page
    assert f'name="written" value="{default.pk}"' in page

    answer = client.post("/calendar/choose", {"read": [default.pk, family.pk], "written": family.pk})

    assert answer.headers["Location"] == reverse("calendar-health", args=[connected_agent.pk])
    assert state(row) == {"Calendar": (True, False), "Family": (True, True)}


def test_a_calendar_is_read_on_while_viewings_to_come_are_in_it(row, family, connected_agent):
    """Whoever has viewings written elsewhere from now on still moves the old ones in the old place."""
    default = row.calendars.get(is_written=True)
    home = crm.listing(connected_agent)
    viewing = crm.appointment(connected_agent, home, timezone.now() + timedelta(days=2))
    EventLink.objects.create(
        appointment=viewing, connection=row, calendar_external_id=default.external_id, event_id="e"
    )
    client = Client(**BROWSER)
    client.force_login(connected_agent)

    page = client.post("/calendar/choose", {"written": family.pk}, follow=True)

    assert "“Calendar” is read all the same while viewings to come are in it" in page.content.decode()
    assert state(row) == {"Calendar": (True, False), "Family": (True, True)}

    Appointment.objects.filter(pk=viewing.pk).update(status="cancelled")
    client.post("/calendar/choose", {"written": family.pk})

    assert state(row) == {"Calendar": (False, False), "Family": (True, True)}


@pytest.mark.parametrize("form", [{}, {"written": "x"}, {"written": "9" * 30}, {"read": "x", "written": "0"}])
def test_the_page_refuses_nonsense_in_words(row, connected_agent, form):
    client = Client(**BROWSER)
    client.force_login(connected_agent)

    answer = client.post("/calendar/choose", form)

    assert answer.status_code == 400
    assert "Choose the calendar that viewings are written into" in answer.content.decode()
    assert state(row) == {"Calendar": (True, True)}


def test_the_page_says_when_microsoft_is_away(row, connected_agent, settings):
    settings.GRAPH_URL = "http://127.0.0.1:9/v1.0"
    client = Client(**BROWSER)
    client.force_login(connected_agent)

    page = client.get("/calendar/choose?refresh=1")

    assert "Microsoft does not answer just now" in page.content.decode()
    assert state(row) == {"Calendar": (True, True)}


def test_without_a_connection_there_is_nothing_to_choose(db):
    person = crm.agent()
    client = Client(**BROWSER)
    client.force_login(person)

    assert client.get("/calendar/choose").headers["Location"] == reverse("calendar-health", args=[person.pk])


def test_disconnecting_forgets_everything(row, connected_agent, sandbox):
    calendar = row.calendars.get()
    block(calendar)
    kept = crm.busy_time(connected_agent, timezone.now(), timezone.now() + timedelta(hours=1))
    viewing = crm.appointment(
        connected_agent, crm.listing(connected_agent), timezone.now() + timedelta(days=2), calendar_state="synced"
    )
    EventLink.objects.create(appointment=viewing, connection=row, calendar_external_id="c", event_id="e")
    Push.objects.create(appointment=viewing, connection=row)
    AuthFlow.objects.create(agent=connected_agent, state_digest="s", flow=b"f", expires_at=timezone.now())
    raise_notice(NoticeKind.CONNECTION, connected_agent, key="connection:1", text="Broken")
    raise_notice(NoticeKind.CONNECTION, crm.agent(), key="connection:2", text="Another's")
    raise_notice(NoticeKind.CONNECTION, connected_agent, key="application:AADSTS7000222", text="Everybody's")

    assert choice.disconnect(connected_agent)

    for model in (Connection, Calendar, MirroredEvent, EventLink, Push, AuthFlow):
        assert not model.objects.exists(), model
    assert list(factories.busy_times().all()) == [kept]
    assert set(Notice.objects.values_list("key", flat=True)) == {"connection:2", "application:AADSTS7000222"}
    viewing.refresh_from_db()
    assert (viewing.calendar_state, viewing.external_id) == (CalendarState.LOCAL, "")
    assert not choice.disconnect(connected_agent)


def test_a_viewing_handed_on_is_not_pending_for_ever_when_its_former_agent_disconnects(row, connected_agent):
    other = factories.connection()
    viewing = crm.appointment(other.agent, crm.listing(other.agent), timezone.now() + timedelta(days=2))
    EventLink.objects.create(appointment=viewing, connection=other, calendar_external_id="c", event_id="e")
    Push.objects.create(appointment=viewing, connection=row, is_removal=True)
    states.show(viewing)
    assert viewing.calendar_state == CalendarState.PENDING

    choice.disconnect(connected_agent)

    viewing.refresh_from_db()
    assert (viewing.calendar_state, viewing.external_id) == (CalendarState.SYNCED, "e")


@pytest.mark.django_db(transaction=True)
def test_disconnecting_waits_for_the_round_that_is_writing_what_it_read(row, connected_agent):
    calendar = row.calendars.get()
    is_reading, may_end = Event(), Event()

    def read() -> None:
        try:
            with transaction.atomic():
                Calendar.objects.select_for_update().get(pk=calendar.pk)
                is_reading.set()
                may_end.wait(10)
                block(calendar)
        finally:
            connection.close()

    def leave() -> None:
        try:
            choice.disconnect(connected_agent)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(read)
        assert is_reading.wait(10)
        leaving = pool.submit(leave)
        sleep(0.5)
        may_end.set()
        reading.result()
        leaving.result()

    for model in (Connection, Calendar, MirroredEvent, BusyTime):
        assert not model.objects.exists(), model


def test_disconnecting_ends_the_subscriptions(row, connected_agent, sandbox, graph):
    from calendar_sync.graph import Graph

    calendar = row.calendars.get()
    made = []

    class Recording(Graph):
        def delete_subscription(self, subscription_id: str) -> None:
            made.append(subscription_id)

    Calendar.objects.filter(pk=calendar.pk).update(subscription_id="sub-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "Graph", Recording)
        choice.disconnect(connected_agent)

    assert made == ["sub-1"]


def test_disconnecting_works_while_microsoft_is_away(row, connected_agent, settings):
    Calendar.objects.update(subscription_id="sub-1")
    settings.GRAPH_URL = "http://127.0.0.1:9/v1.0"

    assert choice.disconnect(connected_agent)

    assert not Connection.objects.exists()


def test_listing_while_microsoft_is_away_changes_nothing(row, settings):
    settings.GRAPH_URL = "http://127.0.0.1:9/v1.0"

    with pytest.raises(TransientError):
        choice.refresh_calendars(row)

    assert state(row) == {"Calendar": (True, True)}
