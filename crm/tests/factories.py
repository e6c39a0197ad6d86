"""The smallest valid rows. Everything a test does not name gets a value that is valid and unlike the others."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from crm.models import (
    Agent,
    Appointment,
    AppointmentStatus,
    BusyTime,
    Closure,
    Lead,
    Listing,
    OfficeSettings,
    Team,
    WorkingHours,
)

HALF_HOUR = timedelta(minutes=30)
CHICAGO = ZoneInfo("America/Chicago")
_numbers = count(1)


def team(**fields: Any) -> Team:
    return Team.objects.create(**{"name": f"Team {next(_numbers)}"} | fields)


def agent(*, hours: tuple[int, int] | None = None, **fields: Any) -> Agent:
    """Create an agent in Chicago; `hours` (9, 17) opens every day of the week from 9 to 17 on the local clock."""
    number = next(_numbers)
    row = Agent.objects.create(
        **{"email": f"agent{number}@example.com", "full_name": f"Agent {number}", "timezone": "America/Chicago"}
        | fields
    )
    if hours is not None:
        for weekday in range(7):
            working_hours(row, weekday=weekday, start_minute=hours[0] * 60, end_minute=hours[1] * 60)
    return row


def lead(**fields: Any) -> Lead:
    return Lead.objects.create(**{"phone": f"+1312555{next(_numbers):04d}"} | fields)


def listing(*agents: Agent, **fields: Any) -> Listing:
    """Create an available home that `agents` show."""
    number = next(_numbers)
    row = Listing.objects.create(**{"address": f"{number} Oak Street", "rent": 1800, "bedrooms": 2} | fields)
    row.agents.set(agents)
    return row


def working_hours(
    of: Agent, *, weekday: int = 0, start_minute: int = 9 * 60, end_minute: int = 17 * 60
) -> WorkingHours:
    return WorkingHours.objects.create(agent=of, weekday=weekday, start_minute=start_minute, end_minute=end_minute)


def busy_time(of: Agent, starts_at: datetime, ends_at: datetime, **fields: Any) -> BusyTime:
    return BusyTime.objects.create(agent=of, starts_at=starts_at, ends_at=ends_at, **fields)


def closure(starts_on: date, ends_on: date | None = None, **fields: Any) -> Closure:
    return Closure.objects.create(starts_on=starts_on, ends_on=ends_on or starts_on, **fields)


def office(**rules: Any) -> OfficeSettings:
    """Set the office's booking rules."""
    row = OfficeSettings.load()
    for name, value in rules.items():
        setattr(row, name, value)
    row.save()
    return row


def new_appointment(of: Agent, home: Listing, starts_at: datetime, **fields: Any) -> Appointment:
    """Return half an hour of `of` at `home`, not saved; booked unless told otherwise."""
    return Appointment(
        **{
            "lead": fields.pop("lead", None) or lead(),
            "listing": home,
            "agent": of,
            "starts_at": starts_at,
            "ends_at": starts_at + HALF_HOUR,
            "is_stacked": home.allows_stacked_viewings,
            "idempotency_key": f"factory-{next(_numbers)}",
        }
        | fields
    )


def appointment(of: Agent, home: Listing, starts_at: datetime, **fields: Any) -> Appointment:
    """Create an appointment as `new_appointment` makes it, past every rule but the database's."""
    row = new_appointment(of, home, starts_at, **fields)
    row.save(force_insert=True)
    return row


def hold(of: Agent, home: Listing, starts_at: datetime, *, expires_at: datetime, **fields: Any) -> Appointment:
    return appointment(of, home, starts_at, status=AppointmentStatus.HELD, expires_at=expires_at, **fields)


def at(day: date, hour: int, minute: int = 0, *, tz: ZoneInfo = CHICAGO, fold: int = 0) -> datetime:
    """Return the UTC instant at which clocks of `tz` show that time."""
    return datetime.combine(day, time(hour, minute, fold=fold), tz).astimezone(UTC)
