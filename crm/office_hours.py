"""The office's usual hours: kept with the settings, and given to people who have none of their own."""

from __future__ import annotations

from datetime import time
from typing import TypedDict

from django.db import transaction

from crm.models import Agent, OfficeSettings, WorkingHours


class Stretch(TypedDict):
    """Monday is 0; times as "09:00"."""

    weekday: int
    start: str
    end: str


def people_without_hours() -> list[Agent]:
    """Return the active, bookable people nothing can be offered for."""
    return list(Agent.objects.filter(is_active=True, is_bookable=True, working_hours=None))


@transaction.atomic
def give_hours() -> list[WorkingHours]:
    """Give the office's hours to everybody who has none; return what they got."""
    hours: list[Stretch] = OfficeSettings.load().default_hours
    people = people_without_hours() if hours else []
    return WorkingHours.objects.bulk_create(
        WorkingHours(
            agent=person, weekday=row["weekday"], start_minute=_minute(row["start"]), end_minute=_minute(row["end"])
        )
        for person in people
        for row in hours
    )


def _minute(text: str) -> int:
    clock = time.fromisoformat(text)
    return clock.hour * 60 + clock.minute
