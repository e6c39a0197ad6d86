"""Mailboxes with believable weeks, for the demo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calendar_sync.sandbox.outlook import Outlook
from calendar_sync.sandbox.sandbox import Sandbox

CHICAGO = "America/Chicago"
# Of the demo's staff these use Outlook; the others keep to Pete's own calendar.
PEOPLE = [
    ("marcus.bell@demo.example.com", "Marcus Bell"),
    ("priya.nair@demo.example.com", "Priya Nair"),
    ("grace.okafor@demo.example.com", "Grace Okafor"),
    ("tomasz.zielinski@demo.example.com", "Tomasz Zielinski"),
    ("ana.reyes@demo.example.com", "Ana Reyes"),
]


@dataclass(frozen=True)
class _Week:
    """The days of one person's calendar from the Monday of this week on."""

    monday: date

    def at(self, day: int, clock: str) -> datetime:
        """Return the instant of a local time on the n-th day."""
        return datetime.combine(self.monday + timedelta(days=day), time.fromisoformat(clock), ZoneInfo(CHICAGO))

    def span(self, day: int, start: str, end: str) -> tuple[datetime, datetime]:
        return self.at(day, start), self.at(day, end)


def fill(sandbox: Sandbox) -> None:
    """Give each person of the demo a mailbox with this week and the three after it."""
    today = sandbox.clock().astimezone(ZoneInfo(CHICAGO)).date()
    week = _Week(today - timedelta(days=today.weekday()))
    for number, (address, name) in enumerate(PEOPLE):
        outlook = sandbox.add_person(address, name, timezone=CHICAGO)
        _routine(outlook, week)
        for days in range(0, 28, 7):
            _one_week(outlook, _Week(week.monday + timedelta(days=days)), number)
    _special(sandbox, week)


def _routine(outlook: Outlook, week: _Week) -> None:
    outlook.weekdays("Stand-up", *week.span(0, "09:00", "09:15"), location={"displayName": "Office"})
    friday = {"type": "weekly", "daysOfWeek": ["friday"]}
    outlook.create_series("Week's numbers", *week.span(4, "16:00", "16:30"), friday)
    monthly = {"type": "relativeMonthly", "daysOfWeek": ["tuesday"], "index": "first"}
    outlook.create_series("Owners' meeting", *week.span(1, "14:00", "15:30"), monthly)


def _one_week(outlook: Outlook, week: _Week, number: int) -> None:
    """Fill one week, differently for each person."""
    shift = number % 3
    outlook.create("Lunch with Dana", *week.span(1 + shift, "12:00", "13:00"), showAs="tentative")
    outlook.create("Inspection, 1452 N Milwaukee Ave", *week.span(2 - shift, "10:00", "11:30"))
    outlook.create("Dentist", *week.span(3 - shift, "15:00", "16:00"), sensitivity="private")
    outlook.create("Paperwork", *week.span(4 - shift, "13:00", "14:00"), showAs="free")
    outlook.create("Vendor call, boiler", *week.span(shift, "11:00", "11:45"))


def _special(sandbox: Sandbox, week: _Week) -> None:
    """Add what does not fit a routine: leave, a moved stand-up, a cancelled meeting, a shared calendar."""
    marcus, priya, grace, tomasz = (sandbox.outlook(address) for address, _ in PEOPLE[:4])
    marcus.create_all_day("Leave", week.monday + timedelta(days=10), days=2, showAs="oof")
    priya.create_all_day("Conference", week.monday + timedelta(days=16), showAs="workingElsewhere")
    standup = next(event for event in grace.events() if event.fields["subject"] == "Stand-up")
    grace.move(standup.occurrence_id(week.monday + timedelta(days=8)), week.at(8, "10:00"))
    grace.delete(standup.occurrence_id(week.monday + timedelta(days=9)))
    signing = tomasz.create("Lease signing", *week.span(8, "14:00", "15:00"))
    tomasz.cancelled_by_organizer(signing)
    marcus.add_calendar("Family")
    priya.add_calendar("Marcus Bell", can_edit=False, owner=("Marcus Bell", PEOPLE[0][0]))
