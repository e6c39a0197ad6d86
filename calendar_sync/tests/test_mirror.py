"""What is busy in Outlook is busy in Pete: rounds against the stand-in, over its sockets, with real tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from calendar_sync import mirror, vault
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar, ConnectionStatus, MirroredEvent, Notice
from calendar_sync.remote import DeltaPage, RemoteEvent
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.locks import bookable
from crm.availability import find_slots

CHICAGO = ZoneInfo("America/Chicago")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def nine(now):
    """Nine in the morning in Chicago, a week from now."""
    return datetime.combine(now.astimezone(CHICAGO).date() + 7 * DAY, datetime.min.time(), CHICAGO) + 9 * HOUR


@pytest.fixture
def outlook(sandbox):
    return sandbox.outlook(ADA)


@pytest.fixture
def agent(connected_agent):
    connected_agent.timezone = "America/Chicago"
    connected_agent.save()
    return connected_agent


@pytest.fixture
def calendar(agent):
    return agent.calendar_connection.calendars.get()


def busy(agent):
    """Return what blocks the agent, without the row that stands for an unreadable calendar."""
    rows = factories.busy_times().filter(agent=agent).exclude(external_id__startswith="unreadable:")
    return sorted((row.starts_at, row.ends_at) for row in rows)


def again(calendar, now=None):
    """Let a calendar be due and read it."""
    Calendar.objects.filter(pk=calendar.pk).update(next_sync_at=now or timezone.now())
    return sync_calendar(calendar.pk, now=now)


def requests_of(sandbox):
    return [(e.request.method, e.request.path.rpartition("/")[2]) for e in sandbox.graph.log]


def test_what_is_busy_in_outlook_blocks_and_only_that_it_is_busy_is_kept(agent, calendar, outlook, nine):
    event_id = outlook.create("Dentist", nine, nine + HOUR, sensitivity="private", body={"content": "Root canal"})

    assert sync_calendar(calendar.pk)

    row = factories.busy_times().get(agent=agent)
    assert (row.starts_at, row.ends_at, row.reason, row.source) == (nine, nine + HOUR, "busy", "microsoft")
    assert row.external_id == f"{calendar.pk}:{event_id}"
    assert MirroredEvent.objects.get().busy_time == row
    calendar.refresh_from_db()
    assert (calendar.failures, calendar.last_error, calendar.claim) == (0, "", None)
    assert agent.calendar_connection.calendars.get().last_synced_at is not None


@pytest.mark.django_db(transaction=True)
def test_nobody_who_books_waits_for_what_was_read_to_be_written(agent, calendar, outlook, nine, monkeypatch):
    outlook.create("Dentist", nine, nine + HOUR)
    store, could_lock = mirror.store, []

    def storing(*args, **kwargs):
        could_lock.append(bookable(agent))
        store(*args, **kwargs)

    monkeypatch.setattr(mirror, "store", storing)

    assert sync_calendar(calendar.pk)
    assert could_lock == [True]


def test_nothing_is_offered_over_it(agent, calendar, outlook, nine):
    before = find_slots(start=nine, end=nine + 2 * HOUR, agent_ids=[agent.pk])
    outlook.create("Dentist", nine, nine + HOUR)
    sync_calendar(calendar.pk)

    after = find_slots(start=nine, end=nine + 2 * HOUR, agent_ids=[agent.pk])

    assert [slot.starts_at for slot in before] != []
    assert [slot.starts_at for slot in after] == [s.starts_at for s in before if s.starts_at >= nine + HOUR]


def test_changes_move_and_free_it(agent, calendar, outlook, nine):
    moved, gone, kept = (outlook.create(name, nine + n * HOUR, nine + n * HOUR + HOUR) for n, name in enumerate("abc"))
    sync_calendar(calendar.pk)
    outlook.move(moved, nine + DAY)
    outlook.delete(gone)
    outlook.create("d", nine + 2 * DAY, nine + 2 * DAY + HOUR)

    assert again(calendar)

    assert busy(agent) == [(at, at + HOUR) for at in (nine + 2 * HOUR, nine + DAY, nine + 2 * DAY)]
    assert set(MirroredEvent.objects.values_list("external_id", flat=True)) >= {moved, kept}


def test_an_idle_round_costs_one_request(calendar, sandbox):
    sync_calendar(calendar.pk)
    sandbox.graph.log.clear()

    assert again(calendar)

    assert requests_of(sandbox) == [("GET", "delta")]


def test_a_calendar_is_read_to_its_last_page(agent, calendar, outlook, nine, sandbox):
    outlook.import_events((str(n), nine + n * HOUR, nine + n * HOUR + HOUR) for n in range(230))
    sandbox.faults.add(Fault(Kind.EMPTY_PAGE), Fault(Kind.REPLAY))

    sync_calendar(calendar.pk)

    assert len(busy(agent)) == 230


@pytest.mark.parametrize(
    ("show_as", "is_blocking"),
    [
        ("busy", True),
        ("oof", True),
        ("tentative", True),
        ("unknown", True),
        ("free", False),
        ("workingElsewhere", False),
    ],
)
def test_events_marked_free_do_not_block(agent, calendar, outlook, nine, show_as, is_blocking):
    """calcom/cal.diy#2236: events marked free block."""
    event_id = outlook.create("event", nine, nine + HOUR, showAs="busy")
    sync_calendar(calendar.pk)
    outlook.edit(event_id, showAs=show_as)

    again(calendar)

    assert bool(busy(agent)) is is_blocking
    outlook.edit(event_id, showAs="busy")
    again(calendar)
    assert busy(agent) == [(nine, nine + HOUR)]


def test_tentative_blocks_by_setting(agent, calendar, outlook, nine, settings):
    settings.CALENDAR_TENTATIVE_BLOCKS = False
    outlook.create("perhaps", nine, nine + HOUR, showAs="tentative")

    sync_calendar(calendar.pk)

    assert busy(agent) == []


def test_a_cancelled_meeting_never_blocks(agent, calendar, outlook, nine):
    event_id = outlook.create("meeting", nine, nine + HOUR)
    sync_calendar(calendar.pk)
    outlook.cancelled_by_organizer(event_id)

    again(calendar)

    assert busy(agent) == []
    assert MirroredEvent.objects.get().is_cancelled


# --- Series ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_terse", [True, False])
def test_recurring_outlook_events_block(agent, calendar, outlook, nine, now, sandbox, is_terse):
    """calcom/cal.diy#28847: recurring Outlook events do not block."""
    sandbox.graph.delta.terse_occurrences = is_terse
    outlook.create_series("Stand-up", nine, nine + HOUR, {"type": "daily"}, times=5)

    sync_calendar(calendar.pk)

    at_nine = [datetime.combine(nine.date() + n * DAY, nine.time(), CHICAGO) for n in range(5)]
    assert busy(agent) == [(at, at + HOUR) for at in at_nine]


def test_a_series_marked_free_does_not_block_until_it_is_marked_busy(agent, calendar, outlook, nine):
    master_id = outlook.create_series("Focus", nine, nine + HOUR, {"type": "daily"}, times=3, showAs="free")
    sync_calendar(calendar.pk)
    assert busy(agent) == []

    outlook.edit(master_id, showAs="oof")
    again(calendar)

    assert len(busy(agent)) == 3


def test_an_occurrence_moved_or_removed_is_on_its_own(agent, calendar, outlook, nine):
    outlook.create_series("Stand-up", nine, nine + HOUR, {"type": "daily"}, times=3)
    sync_calendar(calendar.pk)
    first, second, _ = MirroredEvent.objects.filter(type="occurrence").order_by("starts_at")
    outlook.move(first.external_id, nine + 3 * HOUR)
    outlook.delete(second.external_id)

    again(calendar)

    assert [starts_at for starts_at, _ in busy(agent)] == [nine + 3 * HOUR, nine + 2 * DAY]


def test_a_deleted_series_is_gone_with_all_its_occurrences(agent, calendar, outlook, nine):
    master_id = outlook.create_series("Stand-up", nine, nine + HOUR, {"type": "daily"}, times=3)
    sync_calendar(calendar.pk)
    outlook.delete(master_id)

    again(calendar)

    assert (busy(agent), MirroredEvent.objects.count()) == ([], 0)


def test_an_all_day_series_fills_the_agents_own_days(agent, calendar, outlook, now):
    monday = now.astimezone(CHICAGO).date() + 3 * DAY
    start = datetime.combine(monday, datetime.min.time(), CHICAGO)
    outlook.create_series("Course", start, start + DAY, {"type": "daily"}, times=2, isAllDay=True)

    sync_calendar(calendar.pk)

    midnights = [datetime.combine(monday + n * DAY, datetime.min.time(), CHICAGO) for n in range(3)]
    assert busy(agent) == [(midnights[0], midnights[1]), (midnights[1], midnights[2])]


class Told:
    """Stands for Graph where the stand-in tells more than it must."""

    def __init__(self, pages, events=()):
        self.pages, self.events, self.asked = pages, {event.id: event for event in events}, []

    def __call__(self, connection_id, **values):
        return self

    def delta_pages(self, calendar_id, **values):
        yield from (
            DeltaPage(events, removed, "link" if n == len(self.pages) else None)
            for n, (events, removed) in enumerate(self.pages, 1)
        )

    def get_event(self, event_id):
        self.asked.append(event_id)
        return self.events.get(event_id)


def lone(nine, **values):
    """Return an occurrence as a round tells it: when it is, and whose it is."""
    day = nine.date()
    values = {"type": "occurrence", "series_master_id": "series", **values}
    return RemoteEvent("one", nine.astimezone(UTC), nine.astimezone(UTC) + HOUR, day, day, **values)


def master(nine, show_as):
    return lone(nine, type="seriesMaster", series_master_id="", show_as=show_as)


@pytest.mark.parametrize(("show_as", "is_blocking"), [("free", False), ("busy", True)])
def test_an_occurrence_without_its_series_is_asked_for(agent, calendar, nine, monkeypatch, show_as, is_blocking):
    told = Told([([lone(nine)], [])], [replace(master(nine, show_as), id="series")])
    monkeypatch.setattr(mirror, "Graph", told)

    assert sync_calendar(calendar.pk)

    assert told.asked == ["series"]
    assert bool(busy(agent)) is is_blocking


def test_an_occurrence_of_a_series_that_is_gone_blocks(agent, calendar, nine, monkeypatch):
    monkeypatch.setattr(mirror, "Graph", Told([([lone(nine)], [])]))

    assert sync_calendar(calendar.pk)

    assert busy(agent) == [(nine, nine + HOUR)]


def test_an_occurrence_takes_what_an_earlier_round_told_of_its_series(agent, calendar, nine, monkeypatch):
    monkeypatch.setattr(mirror, "Graph", Told([([replace(master(nine, "free"), id="series")], [])]))
    sync_calendar(calendar.pk)
    told = Told([([lone(nine)], [])])
    monkeypatch.setattr(mirror, "Graph", told)

    assert again(calendar)

    assert (busy(agent), told.asked) == ([], [])


def test_a_changed_series_changes_the_occurrences_that_are_not_told_of(agent, calendar, nine, monkeypatch):
    series = [replace(master(nine, "free"), id="series"), lone(nine)]
    monkeypatch.setattr(mirror, "Graph", Told([(series, [])]))
    sync_calendar(calendar.pk)
    monkeypatch.setattr(mirror, "Graph", Told([([replace(series[0], show_as="oof")], [])]))

    assert again(calendar)
    assert busy(agent) == [(nine, nine + HOUR)]

    monkeypatch.setattr(mirror, "Graph", Told([([], ["series"])]))
    assert again(calendar)
    assert (busy(agent), MirroredEvent.objects.count()) == ([], 0)


@pytest.mark.parametrize("is_back", [True, False])
def test_the_last_word_on_an_event_counts(agent, calendar, nine, monkeypatch, is_back):
    event = lone(nine, type="singleInstance", series_master_id="", show_as="busy")
    pages = [([event], []), ([], ["one"])]
    monkeypatch.setattr(mirror, "Graph", Told([([event], [])]))
    sync_calendar(calendar.pk)
    monkeypatch.setattr(mirror, "Graph", Told([*pages, *([([event], [])] if is_back else [])]))

    assert again(calendar)

    assert bool(busy(agent)) is is_back


def test_a_series_that_comes_back_within_a_round_keeps_its_occurrences(agent, calendar, nine, monkeypatch):
    series = replace(master(nine, "busy"), id="series")
    monkeypatch.setattr(mirror, "Graph", Told([([series, lone(nine)], [])]))
    sync_calendar(calendar.pk)
    monkeypatch.setattr(mirror, "Graph", Told([([], ["series"]), ([series], [])]))

    assert again(calendar)

    assert busy(agent) == [(nine, nine + HOUR)]


# --- Days and zones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_all_day_events_are_the_agents_days_not_shifted(agent, calendar, outlook, now, zone):
    """O365/python-o365#690, #838, #1176: all-day events shifted."""
    agent.timezone = zone
    agent.save()
    day = now.date() + 10 * DAY
    outlook.create_all_day("Holiday", day, 2)

    sync_calendar(calendar.pk)

    start, end = (datetime.combine(at, datetime.min.time(), ZoneInfo(zone)) for at in (day, day + 2 * DAY))
    assert busy(agent) == [(start.astimezone(UTC), end.astimezone(UTC))]


@pytest.mark.parametrize("change", ["zone", "rule"])
def test_who_moves_to_another_zone_or_rule_has_all_read_anew(agent, calendar, outlook, now, settings, change):
    day = now.date() + 10 * DAY
    outlook.create_all_day("Holiday", day, showAs="tentative")
    sync_calendar(calendar.pk)
    if change == "zone":
        agent.timezone = "Asia/Tokyo"
        agent.save()
    else:
        settings.CALENDAR_TENTATIVE_BLOCKS = False

    again(calendar)

    tokyo = datetime.combine(day, datetime.min.time(), ZoneInfo("Asia/Tokyo"))
    assert busy(agent) == ([(tokyo, tokyo + DAY)] if change == "zone" else [])


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 14), 23), (date(2026, 11, 1), 25)])
def test_a_day_on_which_clocks_change_is_filled_from_midnight_to_midnight(
    agent, calendar, outlook, settings, day, hours
):
    outlook.create_all_day("Off", day)
    now = datetime.combine(day - 5 * DAY, datetime.min.time(), UTC)
    Calendar.objects.update(next_sync_at=now)

    sync_calendar(calendar.pk, now=now)

    ((start, end),) = busy(agent)
    assert start.astimezone(CHICAGO).replace(tzinfo=None) == datetime.combine(day, datetime.min.time())
    assert end - start == hours * HOUR


@pytest.mark.parametrize("day", [date(2027, 3, 13), date(2026, 10, 31)])
def test_a_series_stays_at_its_local_time_over_a_change_of_clocks(agent, calendar, outlook, day):
    """microsoftgraph/microsoft-graph-docs#21810: events that cross a DST change are shown off by an hour."""
    nine = datetime.combine(day, datetime.min.time(), CHICAGO) + 9 * HOUR
    outlook.create_series("Stand-up", nine, nine + HOUR, {"type": "daily"}, times=3)
    over_night = datetime.combine(day, datetime.min.time(), CHICAGO) + 22 * HOUR
    until = datetime.combine(day + DAY, datetime.min.time(), CHICAGO) + 6 * HOUR
    outlook.create("Night", over_night, until)
    now = datetime.combine(day - 5 * DAY, datetime.min.time(), UTC)
    Calendar.objects.update(next_sync_at=now)

    sync_calendar(calendar.pk, now=now)

    local = sorted((s.astimezone(CHICAGO), e.astimezone(CHICAGO)) for s, e in busy(agent))
    assert [(s.day, s.hour, e.hour) for s, e in local if s.hour == 9] == [
        ((day + n * DAY).day, 9, 10) for n in range(3)
    ]
    assert (over_night, until) in local


# --- Windows and lost places ----------------------------------------------------------------------------------------


def test_the_window_reaches_a_day_back_and_beyond_what_is_offered(agent, calendar, outlook, now, settings):
    settings.CALENDAR_AHEAD_DAYS = 70
    inside = [now - 12 * HOUR, now + 69 * DAY]
    for at in [now - 2 * DAY, *inside, now + 73 * DAY]:
        outlook.create("event", at, at + HOUR)

    sync_calendar(calendar.pk)

    assert [starts_at for starts_at, _ in busy(agent)] == inside


def test_what_a_viewing_at_the_horizon_would_meet_is_known_until_the_window_rolls_on(agent, calendar, outlook, now):
    later = now + DAY
    meeting = later + 60 * DAY + timedelta(minutes=10)
    outlook.create("far", meeting, meeting + HOUR)

    for at in (now, later):
        assert again(calendar, at)

    assert busy(agent) == [(meeting, meeting + HOUR)]


def test_the_window_rolls_on_every_day(agent, calendar, outlook, now, sandbox):
    far, past = now + 62 * DAY, now - 12 * HOUR
    outlook.create("far", far, far + HOUR)
    outlook.create("past", past, past + HOUR)
    again(calendar, now)
    assert [starts_at for starts_at, _ in busy(agent)] == [past]

    for hours in (12, 36):
        assert again(calendar, now + hours * HOUR)

    assert [starts_at for starts_at, _ in busy(agent)] == [far]
    calendar.refresh_from_db()
    assert calendar.window_starts_at == now + 12 * HOUR


def test_a_lost_place_means_to_read_all_anew_and_forget_what_is_not_there(agent, calendar, outlook, nine, sandbox):
    gone = outlook.create("gone", nine, nine + HOUR)
    outlook.create("kept", nine + HOUR, nine + 2 * HOUR)
    sync_calendar(calendar.pk)
    kept = factories.busy_times().get(starts_at=nine + HOUR)
    outlook.delete(gone)
    sandbox.graph.delta.forget(ADA)

    assert again(calendar)

    assert list(factories.busy_times().filter(agent=agent)) == [kept]
    assert MirroredEvent.objects.count() == 1


@pytest.mark.parametrize(("status", "code"), [(400, "resyncRequired"), (400, "ErrorInvalidRequest"), (404, "Gone")])
def test_a_refused_place_is_given_up(agent, calendar, outlook, nine, sandbox, status, code):
    sync_calendar(calendar.pk)
    outlook.create("new", nine, nine + HOUR)
    sandbox.faults.add(Fault(Kind.REFUSED, path="$deltatoken", status=status, code=code))

    assert again(calendar)

    assert busy(agent) == [(nine, nine + HOUR)]


def test_the_place_is_sealed(calendar):
    sync_calendar(calendar.pk)
    calendar.refresh_from_db()

    assert b"deltatoken" not in bytes(calendar.delta_link)
    link = vault.open_sealed(vault.DELTA_LINK, calendar.pk, calendar.delta_link).decode()
    assert "/calendarView/delta?$deltatoken=" in link


def test_a_place_that_cannot_be_opened_means_to_read_all_anew(agent, calendar, outlook, nine, settings):
    sync_calendar(calendar.pk)
    Calendar.objects.update(delta_link=b"not sealed by us")
    outlook.create("new", nine, nine + HOUR)

    assert again(calendar)

    assert busy(agent) == [(nine, nine + HOUR)]


# --- When it does not work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.UNAVAILABLE_BEFORE, Kind.HTML, Kind.TRUNCATED, Kind.THROTTLED])
def test_an_error_while_paging_is_never_read_as_free(agent, calendar, outlook, nine, sandbox, kind):
    """calcom/cal.diy#6796: 429, 404 and 401 while paging are shown as free."""
    outlook.import_events((str(n), nine + n * HOUR, nine + n * HOUR + HOUR) for n in range(150))
    sync_calendar(calendar.pk)
    before = busy(agent)
    sandbox.graph.delta.forget(ADA)
    sandbox.faults.add(Fault(kind, path="$skiptoken"))

    assert not again(calendar)

    assert busy(agent) == before
    calendar.refresh_from_db()
    assert calendar.failures == 1
    assert calendar.next_sync_at > timezone.now()
    assert again(calendar)
    calendar.refresh_from_db()
    assert (calendar.failures, calendar.last_error) == (0, "")


@pytest.mark.parametrize(("retry_after", "at_least"), [("120", 120), ("90.5", 90), (None, 15)])
def test_a_throttled_calendar_waits_as_long_as_graph_says(calendar, sandbox, now, retry_after, at_least):
    sandbox.faults.add(Fault(Kind.THROTTLED, retry_after=retry_after))

    assert not again(calendar, now)

    calendar.refresh_from_db()
    wait = (calendar.next_sync_at - now).total_seconds()
    assert at_least <= wait <= at_least + 15
    Calendar.objects.update(hinted_at=now)
    assert not sync_calendar(calendar.pk, now=now)
    assert len(sandbox.graph.log) == 1


def test_waits_grow_and_end_at_a_quarter_of_an_hour(calendar, sandbox, now):
    sandbox.faults.add(Fault(Kind.UNAVAILABLE_BEFORE), times=8)
    waits = []
    for _ in range(8):
        again(calendar, now)
        calendar.refresh_from_db()
        waits.append((calendar.next_sync_at - now).total_seconds())

    assert 15 <= waits[0] <= 30
    assert 450 <= waits[-1] <= 900


def test_a_mailbox_that_refuses_everything_breaks_the_connection(agent, calendar, sandbox):
    sandbox.close_mailbox(ADA, "MailboxNotEnabledForRESTAPI")

    assert not sync_calendar(calendar.pk)

    connection = agent.calendar_connection
    connection.refresh_from_db()
    assert (connection.status, connection.status_code) == (ConnectionStatus.ADMIN_ACTION, "MailboxNotEnabledForRESTAPI")
    assert [notice.kind for notice in Notice.objects.filter(resolved_at=None)] == ["connection"]
    assert not again(calendar)


def test_a_token_that_is_not_taken_twice_breaks_the_connection(agent, calendar, sandbox):
    sandbox.faults.add(Fault(Kind.TOKEN_EXPIRED), times=2)

    assert not sync_calendar(calendar.pk)

    agent.calendar_connection.refresh_from_db()
    assert agent.calendar_connection.status == ConnectionStatus.NEEDS_RECONNECT


def test_a_calendar_that_is_gone_is_told_and_the_others_go_on(agent, calendar, outlook, sandbox):
    extra = outlook.add_calendar("Family", owner=("Bob", "bob@northside.example"))
    family = agent.calendar_connection.calendars.create(external_id=extra.id, name="Family", is_read=True)
    sync_calendar(family.pk)
    outlook.remove_calendar(extra.id)

    assert not again(family)
    assert sync_calendar(calendar.pk)

    agent.calendar_connection.refresh_from_db()
    assert agent.calendar_connection.status == ConnectionStatus.CONNECTED
    (notice,) = Notice.objects.filter(resolved_at=None)
    assert (notice.kind, notice.agent) == ("unreadable", agent)
    assert "Family" in notice.text


def test_one_calendar_refused_leaves_the_connection_as_it_is(agent, calendar, sandbox):
    sandbox.faults.add(Fault(Kind.REFUSED, path="/delta", status=403, code="ErrorAccessDenied"))

    assert not sync_calendar(calendar.pk)

    agent.calendar_connection.refresh_from_db()
    assert agent.calendar_connection.status == ConnectionStatus.CONNECTED
    assert Notice.objects.get().resolved_at is None
    assert again(calendar)
    assert Notice.objects.get().resolved_at is not None


def test_what_is_not_read_or_not_due_is_left_alone(calendar, sandbox, now):
    Calendar.objects.update(next_sync_at=now + HOUR)
    assert not sync_calendar(calendar.pk, now=now)
    Calendar.objects.update(next_sync_at=now, is_read=False)
    assert not sync_calendar(calendar.pk, now=now)
    assert not sync_calendar(calendar.pk + 1, now=now)
    assert sandbox.graph.log == []


def test_a_claimed_calendar_is_left_alone_until_its_worker_must_be_dead(calendar, now):
    Calendar.objects.update(claim="7d3f0c52-2a0e-4b8e-9a77-5d0c1be0a4f1", claimed_until=now + mirror.CLAIM)

    assert not again(calendar, now)
    assert again(calendar, now + mirror.CLAIM + timedelta(seconds=1))


def test_a_round_that_was_overtaken_writes_nothing(agent, calendar, outlook, nine, monkeypatch):
    outlook.create("event", nine, nine + HOUR)

    def overtaken(*args, **kwargs):
        Calendar.objects.update(claim="7d3f0c52-2a0e-4b8e-9a77-5d0c1be0a4f1")
        return set()

    monkeypatch.setattr(mirror.own_events, "sort_out", overtaken)

    assert not sync_calendar(calendar.pk)
    assert busy(agent) == []


def test_a_fault_of_our_own_is_raised_and_leaves_nothing_claimed(calendar, monkeypatch, now):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(mirror, "store", broken)

    with pytest.raises(ZeroDivisionError):
        again(calendar, now)

    calendar.refresh_from_db()
    assert (calendar.claim, calendar.failures, bytes(calendar.delta_link)) == (None, 1, b"")
    assert calendar.next_sync_at > now


def test_a_hint_that_comes_during_a_round_is_followed_after_it(calendar, now, monkeypatch):
    Calendar.objects.update(hinted_at=now)

    def hinted(*args, **kwargs):
        Calendar.objects.update(hinted_at=now + timedelta(seconds=1))
        return set()

    monkeypatch.setattr(mirror.own_events, "sort_out", hinted)
    assert sync_calendar(calendar.pk, now=now)
    calendar.refresh_from_db()
    assert calendar.hinted_at == now + timedelta(seconds=1)

    assert sync_calendar(calendar.pk, now=now + timedelta(seconds=2))
    calendar.refresh_from_db()
    assert calendar.hinted_at is None
