"""The smallest valid rows of connected calendars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db.models import QuerySet

from calendar_sync.models import Calendar, Connection, MirroredEvent
from crm.models import Agent, BusyTime
from crm.tests import factories as crm

MONDAY = datetime(2027, 6, 7, 15, tzinfo=UTC)
_numbers = count(1)


def connection(agent: Agent | None = None, **fields: Any) -> Connection:
    number = next(_numbers)
    values = {"agent": agent or crm.agent(), "tenant_id": "tenant", "object_id": f"object-{number}"}
    return Connection.objects.create(**values | fields)


def calendar(of: Connection | None = None, **fields: Any) -> Calendar:
    values = {"connection": of or connection(), "external_id": f"calendar-{next(_numbers)}", "name": "Calendar"}
    return Calendar.objects.create(**values | fields)


def busy_times() -> QuerySet[BusyTime]:
    """Return all busy times but those that stand for what was not read yet, beyond the window."""
    return BusyTime.objects.exclude(external_id__startswith="beyond:")


def mirrored_event(of: Calendar | None = None, **fields: Any) -> MirroredEvent:
    values = {
        "calendar": of or calendar(),
        "external_id": f"event-{next(_numbers)}",
        "starts_at": MONDAY,
        "ends_at": MONDAY + timedelta(hours=1),
    }
    return MirroredEvent.objects.create(**values | fields)
