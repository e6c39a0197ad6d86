"""What the database itself refuses of connected calendars, past every line of the application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from calendar_sync.tests import factories

pytestmark = pytest.mark.django_db


@contextmanager
def refused_by(constraint: str) -> Iterator[None]:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        yield


def test_an_account_is_connected_once():
    first = factories.connection()
    with refused_by("connection_account_unique"):
        factories.connection(tenant_id=first.tenant_id, object_id=first.object_id)


def test_an_agent_has_one_account():
    first = factories.connection()
    with refused_by("agent_id"):
        factories.connection(first.agent)


def test_a_connection_has_a_known_status():
    with refused_by("connection_status_known"):
        factories.connection(status="fine")


def test_one_calendar_is_written():
    first = factories.calendar(is_written=True)
    with refused_by("calendar_one_written"):
        factories.calendar(first.connection, is_written=True)
    factories.calendar(is_written=True)


def test_a_calendar_is_listed_once():
    first = factories.calendar()
    with refused_by("calendar_external_unique"):
        factories.calendar(first.connection, external_id=first.external_id)


def test_an_event_is_mirrored_once():
    first = factories.mirrored_event()
    with refused_by("mirrored_event_unique"):
        factories.mirrored_event(first.calendar, external_id=first.external_id)


def test_an_event_does_not_end_before_it_starts():
    with refused_by("mirrored_event_order"):
        factories.mirrored_event(ends_at=factories.MONDAY - timedelta(seconds=1))
