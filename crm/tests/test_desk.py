from datetime import UTC, datetime, timedelta

import pytest

from crm.desk import day_bounds, desk
from crm.models import AppointmentStatus, LeadStage, Task, TaskKind
from crm.tests import factories

pytestmark = pytest.mark.django_db

# A Tuesday, 14:00 in Chicago.
NOW = datetime(2026, 6, 9, 19, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_what_needs_me_is_counted_over_all_kinds():
    agent = factories.agent()
    factories.lead(stage=LeadStage.QUALIFIED)
    for number in range(2):
        fields = {"kind": TaskKind.CALLBACK, "text": "Call", "due_at": NOW, "key": f"t{number}"}
        Task.objects.create(lead=factories.lead(), assignee=agent, **fields)

    assert desk(agent, now=NOW).needs_count == 3


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


@pytest.mark.parametrize(
    ("now", "hours"),
    [(datetime(2026, 3, 8, 18, tzinfo=UTC), 23), (NOW, 24), (datetime(2026, 11, 1, 18, tzinfo=UTC), 25)],
)
def test_day_bounds_follow_the_clocks(now, hours):
    start, end = day_bounds(now)

    assert end.astimezone(UTC) - start.astimezone(UTC) == hours * HOUR
