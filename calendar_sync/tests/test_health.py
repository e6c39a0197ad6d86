"""What the pages say about a calendar: one state, and each trouble with its cure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from calendar_sync.health import Person, person
from calendar_sync.models import Connection, ConnectionStatus, Notice, NoticeKind, Push, PushStatus
from calendar_sync.tests import factories
from crm.models import Agent
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db


def connected(**fields: Any) -> Connection:
    """Connect somebody whose one calendar was read a minute ago."""
    row = factories.connection(email="ana@example.com", **fields)
    factories.calendar(row, is_read=True, is_written=True, last_synced_at=ago(minutes=1))
    return row


def ago(**length: int) -> Any:
    return timezone.now() - timedelta(**length)


def of(agent: Agent) -> Person:
    found = person(agent.pk)
    assert found is not None
    return found


def notice(agent: Agent, kind: NoticeKind, **fields: Any) -> Notice:
    values = {"text": f"{kind} happened.", "cure": f"Cure of {kind}.", "key": f"{kind}:{agent.pk}"}
    return Notice.objects.create(kind=kind, agent=agent, **values | fields)


def test_who_has_not_connected_uses_petes_calendar_and_is_no_trouble():
    found = of(crm.agent())

    assert (found.state.key, found.state.is_trouble, found.troubles) == ("local", False, [])
    assert not found.can_sync


def test_a_calendar_that_is_read_and_written_is_connected():
    found = of(connected().agent)

    assert (found.state.key, found.troubles, found.can_sync) == ("connected", [], True)


def test_until_the_first_round_is_done_it_is_being_read():
    row = factories.connection()
    factories.calendar(row, is_read=True, is_written=True)

    assert of(row.agent).state.key == "reading"

    Connection.objects.update(created_at=ago(hours=2))
    assert of(row.agent).state.key == "stale"


def test_the_oldest_of_the_read_calendars_counts(settings):
    settings.CALENDAR_STALE_MINUTES = 60
    row = connected()
    late = factories.calendar(row, is_read=True, last_synced_at=ago(minutes=59))
    factories.calendar(row, last_synced_at=ago(days=9))

    found = of(row.agent)
    assert (found.state.key, found.synced_at) == ("connected", late.last_synced_at)

    late.last_synced_at = ago(minutes=61)
    late.save()
    found = of(row.agent)
    assert found.state.key == "stale"
    assert "no time of this person is offered" in found.troubles[0].text
    assert found.troubles[0].cure


def test_without_a_chosen_calendar_somebody_must_choose():
    row = factories.connection()
    factories.calendar(row, is_read=True, last_synced_at=ago(minutes=1))

    found = of(row.agent)

    assert (found.state.key, found.state.is_trouble) == ("choose", True)
    assert found.troubles[0].cure.startswith("Choose them")


@pytest.mark.parametrize(
    ("status", "code", "key", "text", "can_sync"),
    [
        (ConnectionStatus.NEEDS_RECONNECT, "AADSTS50173", "needs_reconnect", "The sign-in was revoked", False),
        (ConnectionStatus.ADMIN_ACTION, "AADSTS53003", "admin_action", "A conditional access policy", True),
        (ConnectionStatus.ERROR, "Weird", "error", "Microsoft refuses for a reason", True),
    ],
)
def test_a_broken_connection_says_what_is_wrong_and_the_cure(status, code, key, text, can_sync):
    found = of(connected(status=status, status_code=code).agent)

    assert (found.state.key, found.state.is_trouble, found.can_sync) == (key, True, can_sync)
    assert [trouble.text.startswith(text) for trouble in found.troubles] == [True]
    assert found.troubles[0].cure


def test_the_notice_of_a_broken_connection_is_not_said_twice():
    row = connected(status=ConnectionStatus.NEEDS_RECONNECT, status_code="AADSTS50173")
    notice(row.agent, NoticeKind.CONNECTION)
    notice(row.agent, NoticeKind.UNREADABLE)
    notice(row.agent, NoticeKind.CLASH)

    found = of(row.agent)

    assert [trouble.text for trouble in found.troubles] == ["connection happened.", "clash happened."]


def test_notices_make_a_connection_need_a_look_and_news_do_not():
    row = connected()
    notice(row.agent, NoticeKind.MOVED)
    notice(row.agent, NoticeKind.CLASH, resolved_at=timezone.now())
    found = of(row.agent)
    assert (found.state.key, found.troubles, len(found.notices)) == ("connected", [], 1)

    notice(row.agent, NoticeKind.DRIFT)
    notice(row.agent, NoticeKind.PUSH_FAILED)

    found = of(row.agent)
    assert found.state.key == "attention"
    assert [trouble.text for trouble in found.troubles] == ["push_failed happened.", "drift happened."]
    assert [trouble.cure for trouble in found.troubles] == ["Cure of push_failed.", "Cure of drift."]


def test_pushes_are_counted_for_each_connection():
    row, other = connected(), connected()
    viewing = crm.appointment(row.agent, crm.listing(row.agent), factories.MONDAY)
    for status in (PushStatus.WAITING, PushStatus.FAILED, PushStatus.FAILED, PushStatus.DONE):
        Push.objects.create(appointment=viewing, connection=row, status=status)

    found = of(row.agent)

    assert (found.waiting, found.failed, found.state.key) == (1, 2, "attention")
    assert (of(other.agent).waiting, of(other.agent).failed) == (0, 0)


def test_a_subscription_counts_when_it_covers_all_that_is_read():
    row = connected()
    first = row.calendars.get()
    first.subscription_id, first.subscription_expires_at = "s1", ago(days=-3)
    first.save()
    assert of(row.agent).subscribed_until == first.subscription_expires_at

    second = factories.calendar(row, is_read=True, last_synced_at=ago(minutes=1))
    assert of(row.agent).subscribed_until is None

    second.subscription_id, second.subscription_expires_at = "s2", ago(days=-2)
    second.save()
    assert of(row.agent).subscribed_until == second.subscription_expires_at

    second.subscription_expires_at = ago(minutes=1)
    second.save()
    assert of(row.agent).subscribed_until is None


def test_a_round_that_was_asked_for_is_under_way_for_a_while():
    row = connected()
    row.calendars.update(hinted_at=ago(seconds=10))
    assert of(row.agent).is_reading

    row.calendars.update(hinted_at=ago(seconds=50))
    assert not of(row.agent).is_reading


def test_nobody_is_found_who_does_not_work_here():
    assert person(0) is None
    assert person(crm.agent(is_active=False).pk) is None
