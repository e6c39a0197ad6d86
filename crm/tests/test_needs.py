"""What needs me now, asked by an agent, a team mate, a stranger and a manager."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from crm import calendar_status, listing_health
from crm.booking import place
from crm.calendar_status import CalendarStatus
from crm.desk import day_bounds
from crm.models import Agent, LeadStage, Listing, ListingStatus, OutgoingMessage, Role, Task, TaskKind, TimelineEntry
from crm.models.appointments import CalendarState
from crm.models.messages import MessageStatus
from crm.needs import MOST, MOST_TASKS, needs
from crm.tests import factories

pytestmark = pytest.mark.django_db

# A Tuesday, 14:00 in Chicago.
NOW = datetime(2026, 6, 9, 19, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def ana():
    return factories.agent(team=factories.team(), full_name="Ana")


@pytest.fixture
def mate(ana):
    return factories.agent(team=ana.team, full_name="Ben")


@pytest.fixture
def stranger():
    return factories.agent(team=factories.team(), full_name="Cy")


@pytest.fixture
def manager():
    return factories.agent(role=Role.MANAGER, full_name="Mo")


@pytest.fixture
def people(ana, mate, stranger, manager):
    return [ana, mate, stranger, manager]


def counts(kind, people, now=NOW):
    """Return how many of a kind each of them has."""
    return [next((n.count for n in found(person, now) if n.kind == kind), 0) for person in people]


def found(person, now=NOW):
    return needs(person, now, day_bounds(now)[1])


def rows(kind, person, now=NOW):
    return next(n for n in found(person, now) if n.kind == kind).rows


def task(key, due_at=NOW, **fields):
    return Task.objects.create(
        **{"lead": factories.lead(), "kind": TaskKind.CALLBACK, "text": key, "due_at": due_at, "key": key} | fields
    )


def test_a_hold_is_its_agents_until_it_lapses(ana, people):
    home = factories.listing(ana)
    hold = factories.hold(ana, home, NOW + DAY, expires_at=NOW + timedelta(minutes=2))
    factories.hold(ana, home, NOW + 2 * DAY, expires_at=NOW - timedelta(minutes=2))

    assert counts("hold", people) == [1, 0, 0, 1]
    assert [(need.at, need.appointment) for need in rows("hold", ana)] == [(NOW + timedelta(minutes=2), hold)]


def test_a_hot_lead_is_everybodys_until_it_is_claimed(ana, people):
    factories.lead(stage=LeadStage.NEW)
    factories.lead(stage=LeadStage.LEASED)
    hot = factories.lead(stage=LeadStage.QUALIFIED)
    assert counts("hot", people) == [1, 1, 1, 1]

    type(hot).objects.filter(pk=hot.pk).update(owner=ana)
    assert counts("hot", people) == [0, 0, 0, 0]


def test_the_longest_waiting_comes_first_and_the_rest_is_counted(ana):
    hot = [factories.lead(stage=LeadStage.QUALIFIED) for _ in range(5)]
    for days, lead in enumerate(hot):
        type(lead).objects.filter(pk=lead.pk).update(stage_changed_at=NOW - days * DAY)

    shown = next(kind for kind in found(ana) if kind.kind == "hot")
    assert [need.lead for need in shown.rows] == hot[: -MOST - 1 : -1]
    assert (shown.count, shown.more) == (5, 5 - MOST)


def test_tasks_are_ones_own_and_nobodys_that_one_may_see(ana, mate, people):
    task("ana's", assignee=ana)
    task("nobody's")
    task("nobody's, of Ana's lead", lead=factories.lead(owner=ana))
    task("Ben's, of nobody's lead", assignee=mate)
    task("done", assignee=ana, done_at=NOW)
    task("tomorrow", assignee=ana, due_at=NOW + 11 * HOUR)

    assert counts("task", people) == [3, 3, 1, 4]


def test_overdue_is_said_and_only_some_are_shown(ana):
    for number in range(MOST_TASKS + 2):
        task(f"task {number}", due_at=NOW + (number - 0.5) * HOUR)

    shown = next(kind for kind in found(ana) if kind.kind == "task")
    assert [need.is_late for need in shown.rows] == [True] + [False] * (MOST_TASKS - 1)
    assert shown.more == 2


def test_a_viewing_that_did_not_reach_the_calendar_is_its_agents(ana, people):
    home = factories.listing(ana)
    factories.appointment(ana, home, NOW + 2 * DAY, calendar_state=CalendarState.FAILED)
    factories.appointment(ana, home, NOW - 2 * DAY, calendar_state=CalendarState.FAILED)
    factories.appointment(ana, home, NOW + 3 * DAY, calendar_state=CalendarState.PENDING)

    assert counts("failed", people) == [1, 0, 0, 1]


def test_a_calendar_that_does_not_answer_is_its_owners(ana, people, monkeypatch):
    def source(ids):
        return {pk: CalendarStatus("microsoft", "error" if pk == ana.pk else "connected", NOW) for pk in ids}

    monkeypatch.setattr(calendar_status, "_sources", [source])

    assert counts("calendar", people) == [1, 0, 0, 1]


def test_a_viewing_of_the_next_two_days_needs_a_confirmation(ana, people):
    home = factories.listing(ana)
    near = factories.appointment(ana, home, NOW + 44 * HOUR)
    factories.appointment(ana, home, NOW + 50 * HOUR)
    told = factories.appointment(ana, home, NOW + 10 * HOUR)
    agreed = factories.appointment(ana, home, NOW + 12 * HOUR, call_id=uuid4())
    confirm(near, MessageStatus.FAILED)
    confirm(told, MessageStatus.SENT)

    assert counts("unconfirmed", people) == [1, 0, 0, 1]
    assert [need.appointment for need in rows("unconfirmed", ana)] == [near]
    assert agreed not in [need.appointment for need in rows("unconfirmed", ana)]


def test_what_the_agent_reads_confirms_nothing(ana):
    viewing = factories.appointment(ana, factories.listing(ana), NOW + 20 * HOUR)
    confirm(viewing, MessageStatus.SENT, to=ana.email.upper())

    assert counts("unconfirmed", [ana]) == [1]


def test_a_move_asks_for_a_confirmation_of_the_new_time(ana):
    """Neither the e-mail about the old time nor the yes in the call is about the new one."""
    home = factories.listing(ana)
    viewings = [
        factories.appointment(ana, home, NOW + 10 * HOUR, call_id=uuid4()),
        factories.appointment(ana, home, NOW + 12 * HOUR),
    ]
    confirm(viewings[1], MessageStatus.SENT, sent_at=NOW - 3 * HOUR)
    assert counts("unconfirmed", [ana]) == [0]

    for viewing in viewings:
        starts_at = viewing.starts_at + 24 * HOUR
        place(viewing.pk, starts_at=starts_at, ends_at=starts_at + HOUR, now=NOW)
    TimelineEntry.objects.update(at=NOW - HOUR)
    assert counts("unconfirmed", [ana]) == [2]

    confirm(viewings[0], MessageStatus.SENT, sent_at=NOW)
    assert [need.appointment for need in rows("unconfirmed", ana)] == [viewings[1]]


def confirm(viewing, status, to="a@b.example", sent_at=None):
    OutgoingMessage.objects.create(
        key=f"m{viewing.pk}", lead=viewing.lead, appointment=viewing, to=to, subject="s", status=status, sent_at=sent_at
    )


def test_a_home_nobody_asks_about_is_for_whoever_shows_it(ana, people):
    quiet, busy, new = (factories.listing(ana) for _ in range(3))
    Listing.objects.exclude(pk=new.pk).update(created_at=NOW - 20 * DAY)
    Listing.objects.filter(pk=new.pk).update(created_at=NOW - DAY)
    factories.appointment(ana, busy, NOW + DAY)

    assert counts("quiet", people) == [1, 0, 0, 1]
    assert [need.listing for need in rows("quiet", ana)] == [quiet]


def test_it_costs_the_same_however_much_there_is(django_assert_max_num_queries, django_assert_num_queries, ana):
    def more():
        home = factories.listing(ana)
        Listing.objects.update(created_at=NOW - 20 * DAY)
        factories.lead(stage=LeadStage.QUALIFIED)
        task(f"t{home.pk}", assignee=ana)
        start = NOW + 2 * DAY + home.pk * HOUR
        factories.appointment(ana, factories.listing(ana), start, calendar_state=CalendarState.FAILED)

    me = Agent.objects.get(pk=ana.pk)
    more()
    with django_assert_max_num_queries(12) as asked:
        assert len(found(me)) == 4
    for _ in range(3):
        more()
    with django_assert_num_queries(len(asked)):
        found(me)


def test_every_quiet_home_counts_however_many_there_are(ana, manager):
    """A hundred homes that are asked about come first, and hide none that is not."""
    first = [factories.listing(ana) for _ in range(3)]
    Listing.objects.bulk_create(Listing(address=f"{n} Elm", rent=1000 + n, bedrooms=1) for n in range(120))
    Listing.objects.update(created_at=NOW - 20 * DAY, status=ListingStatus.AVAILABLE)
    factories.appointment(ana, first[0], NOW - DAY)
    factories.appointment(ana, first[1], NOW - 15 * DAY)

    assert counts("quiet", [ana, manager]) == [2, 122]
    assert [need.listing for need in rows("quiet", ana)] == first[1:]


def test_the_list_and_the_figures_agree_on_what_is_quiet(ana):
    homes = [factories.listing(ana) for _ in range(5)]
    Listing.objects.update(created_at=NOW - 20 * DAY)
    factories.appointment(ana, homes[0], NOW - 2 * DAY)
    factories.appointment(ana, homes[1], NOW - 2 * DAY, status="cancelled")
    factories.appointment(ana, homes[2], NOW + 2 * DAY)
    Listing.objects.filter(pk=homes[3].pk).update(status=ListingStatus.WITHDRAWN)

    known = listing_health.health(Listing.objects.all(), NOW)

    assert set(listing_health.quiet(Listing.objects.all(), NOW)) == {home for home in homes if known[home.pk].is_quiet}
    assert [known[home.pk].is_quiet for home in homes] == [False, True, False, False, True]
