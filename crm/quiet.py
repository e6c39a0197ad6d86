"""Quiet hours: when a person wants neither browser nor e-mail, on their own clocks."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.models import NoticeWishes


def quiet_until(wishes: NoticeWishes, now: datetime, zone: str) -> datetime | None:
    """Return when the quiet hours in which `now` lies end, None outside them. They may go over midnight."""
    start, end = wishes.quiet_from, wishes.quiet_until
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(ZoneInfo(zone))
    clock = local.time()
    if start < end:
        return _at(local, end) if start <= clock < end else None
    if clock >= start:
        return _at(local + timedelta(days=1), end)
    return _at(local, end) if clock < end else None


def _at(day: datetime, clock: time) -> datetime:
    return datetime.combine(day.date(), clock, day.tzinfo)
