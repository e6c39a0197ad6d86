from datetime import timedelta

import pytest

from calendar_sync.models import ConnectionStatus
from calendar_sync.tests import factories
from crm import calendar_status
from crm.calendar_status import CalendarStatus
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db


def test_who_has_not_connected_uses_the_own_calendar_of_pete():
    agent = crm.agent()

    assert calendar_status.statuses([agent]) == {agent.pk: CalendarStatus("pete", "local", None)}


def test_who_has_connected_is_shown_as_the_connection_stands():
    connected = factories.connection(last_synced_at=factories.MONDAY)
    broken = factories.connection(
        status=ConnectionStatus.NEEDS_RECONNECT, last_synced_at=factories.MONDAY - timedelta(days=3)
    )

    assert calendar_status.statuses([connected.agent, broken.agent]) == {
        connected.agent_id: CalendarStatus("microsoft", "connected", factories.MONDAY),
        broken.agent_id: CalendarStatus("microsoft", "needs_reconnect", factories.MONDAY - timedelta(days=3)),
    }


def test_everybody_is_looked_up_with_one_query(django_assert_num_queries):
    agents = [factories.connection().agent for _ in range(3)]

    with django_assert_num_queries(1):
        calendar_status.statuses(agents)
