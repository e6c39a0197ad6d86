from datetime import UTC, datetime, timedelta

import pytest

from crm.desk import day_bounds, desk
from crm.models import AppointmentStatus, Role, Task, TaskKind
from crm.tests import factories

pytestmark = pytest.mark.django_db

# A Tuesday, 14:00 in Chicago.
NOW = datetime(2026, 6, 9, 19, tzinfo=UTC)
HOUR = timedelta(hours=1)


def task(key, due_at=NOW, **fields):
    return Task.objects.create(
        **{"lead": factories.lead(), "kind": TaskKind.CALLBACK, "text": key, "due_at": due_at, "key": key} | fields
    )


def texts(agent):
    return [need.text for need in desk(agent, now=NOW).needs]


def test_an_agent_sees_their_own_and_nobodys_tasks_and_a_manager_all():
    agent, other = factories.agent(), factories.agent()
    manager = factories.agent(role=Role.MANAGER)
    task("mine", assignee=agent)
    task("nobody's", due_at=NOW + HOUR)
    task("theirs", due_at=NOW + 2 * HOUR, assignee=other)

    assert texts(agent) == ["mine", "nobody's"]
    assert texts(other) == ["nobody's", "theirs"]
    assert texts(manager) == ["mine", "nobody's", "theirs"]


def test_what_is_done_or_due_tomorrow_does_not_need_me_now():
    agent = factories.agent()
    task("done", assignee=agent, done_at=NOW)
    task("late tonight", assignee=agent, due_at=NOW + 9 * HOUR)
    task("tomorrow", assignee=agent, due_at=NOW + 11 * HOUR)

    assert texts(agent) == ["late tonight"]


def test_overdue_is_said():
    agent = factories.agent()
    task("late", due_at=NOW - HOUR)
    task("soon", due_at=NOW + HOUR)

    assert [need.is_late for need in desk(agent, now=NOW).needs] == [True, False]


def test_a_hold_needs_me_until_it_lapses():
    agent = factories.agent()
    home = factories.listing(agent)
    factories.hold(agent, home, NOW + 24 * HOUR, expires_at=NOW + timedelta(minutes=2))
    factories.hold(agent, home, NOW + 48 * HOUR, expires_at=NOW - timedelta(minutes=2))

    shown = desk(agent, now=NOW)

    assert [(need.kind, need.at) for need in shown.needs] == [("hold", NOW + timedelta(minutes=2))]
    assert desk(factories.agent(), now=NOW).needs == []


def test_todays_viewings_are_those_of_the_local_day():
    agent = factories.agent()
    home = factories.listing(agent)
    today = [factories.appointment(agent, home, NOW - 9 * HOUR), factories.appointment(agent, home, NOW + 9 * HOUR)]
    factories.appointment(agent, home, NOW + 3 * HOUR, status=AppointmentStatus.CANCELLED)
    factories.appointment(agent, home, NOW + 10 * HOUR)

    assert desk(agent, now=NOW).viewings == today


def test_a_day_without_viewings_tells_of_the_next_one():
    agent = factories.agent()
    home = factories.listing(agent)
    later = factories.appointment(agent, home, NOW + 72 * HOUR)
    factories.appointment(agent, home, NOW + 96 * HOUR)

    shown = desk(agent, now=NOW)

    assert (shown.viewings, shown.next_viewing) == ([], later)


def test_more_than_fits_is_counted():
    agent = factories.agent()
    for number in range(15):
        task(f"task {number}")

    shown = desk(agent, now=NOW)

    assert (len(shown.needs), shown.needs_count, shown.needs_more) == (12, 15, 3)


@pytest.mark.parametrize(
    ("now", "hours"),
    [(datetime(2026, 3, 8, 18, tzinfo=UTC), 23), (NOW, 24), (datetime(2026, 11, 1, 18, tzinfo=UTC), 25)],
)
def test_day_bounds_follow_the_clocks(now, hours):
    start, end = day_bounds(now)

    assert end.astimezone(UTC) - start.astimezone(UTC) == hours * HOUR
