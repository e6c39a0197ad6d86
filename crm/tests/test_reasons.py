"""Why a time is not offered: every rule, in words, and the same rule that availability names first."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from crm.availability import why_closed
from crm.diary.reasons import Reason, reasons
from crm.models import Agent, Listing
from crm.tests import factories
from crm.tests.factories import at

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 6, 1)
NOW = at(MONDAY, 8)
HOUR = timedelta(hours=1)


@pytest.fixture
def agent() -> Agent:
    return factories.agent(hours=(9, 17), full_name="Ana Reyes")


def asked(agent: Agent, starts_at: datetime, *, viewer: Agent | None = None, listing: Listing | None = None) -> list:
    return reasons(viewer=viewer or agent, agent=agent, listing=listing, starts_at=starts_at, now=NOW)


def rules(found: list[Reason]) -> list[str]:
    return [reason.rule for reason in found]


def test_an_offered_time_has_no_reason_against_it(agent: Agent) -> None:
    assert asked(agent, at(MONDAY, 12)) == []


def test_all_rules_that_close_a_time_are_named(agent: Agent) -> None:
    factories.office(daily_cap=1)
    factories.closure(MONDAY, reason="Stocktaking")
    factories.busy_time(agent, at(MONDAY, 7), at(MONDAY, 9))
    factories.appointment(agent, factories.listing(agent), at(MONDAY, 12))

    found = asked(agent, at(MONDAY, 8, 30))

    assert rules(found) == ["outside_hours", "closure", "busy", "minimum_notice", "daily_cap"]
    texts = {reason.rule: reason.text for reason in found}
    assert "9:00–17:00" in texts["outside_hours"]
    assert "Stocktaking" in texts["closure"]
    assert "60 minutes" in texts["minimum_notice"]


@pytest.mark.parametrize("hour", [6, 8, 10, 12, 13, 16, 18])
def test_the_first_reason_is_the_rule_that_availability_names(agent: Agent, hour: int) -> None:
    factories.office(buffer_after_minutes=30)
    factories.busy_time(agent, at(MONDAY, 10), at(MONDAY, 11))
    home = factories.listing(agent)
    factories.appointment(agent, home, at(MONDAY, 12), buffer_after_minutes=60)

    found = rules(asked(agent, at(MONDAY, hour), listing=home))

    assert (found or [None])[0] == why_closed(agent_id=agent.pk, listing=home, starts_at=at(MONDAY, hour), now=NOW)


def test_a_hold_says_until_when(agent: Agent) -> None:
    home = factories.listing(agent)
    factories.hold(agent, home, at(MONDAY, 12), expires_at=NOW + HOUR)

    found = asked(agent, at(MONDAY, 12))

    assert rules(found) == ["hold"]
    assert "until 09:00" in found[0].text


def test_who_does_not_show_the_home_is_told_so(agent: Agent) -> None:
    home = factories.listing()
    assert rules(asked(agent, at(MONDAY, 12), listing=home)) == ["not_shown"]
    assert "does not show" in asked(agent, at(MONDAY, 12), listing=home)[0].text


def test_a_buffer_is_named_when_only_it_is_in_the_way(agent: Agent) -> None:
    factories.office(buffer_before_minutes=30)
    factories.appointment(agent, factories.listing(agent), at(MONDAY, 12))

    assert rules(asked(agent, at(MONDAY, 12))) == ["appointment"]
    assert rules(asked(agent, at(MONDAY, 12, 30))) == ["buffer"]
