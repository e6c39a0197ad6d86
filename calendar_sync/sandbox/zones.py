"""Times as Graph writes them: a local time, and the name of its zone in Windows' words or IANA's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from calendar_sync.sandbox.messages import GraphError

_KNOWN = frozenset(available_timezones())


def zone(name: str) -> ZoneInfo:
    """Return the zone that Windows or IANA calls `name`; 400 as Graph answers when nobody does."""
    iana = win_tz.get(name, name)
    if iana not in _KNOWN:
        raise GraphError(400, "TimeZoneNotSupportedException", f"A valid TimeZone value must be specified: '{name}'.")
    return ZoneInfo(iana)


def read(value: Any, field: str) -> tuple[datetime, str]:
    """Read a dateTimeTimeZone: the aware instant and the zone's name as it was given."""
    if not isinstance(value, dict) or not isinstance(value.get("dateTime"), str):
        raise GraphError(400, "RequestBodyRead", f"'{field}' must be an object with a dateTime.")
    name = value.get("timeZone") or "UTC"
    try:
        # Seven digits of a second, as Graph writes them, are one more than Python reads.
        local = datetime.fromisoformat(value["dateTime"][:26])
    except ValueError as exc:
        raise GraphError(400, "ErrorInvalidRequest", f"'{field}' is not a date and time.") from exc
    if local.tzinfo is not None:
        return local.astimezone(UTC), name
    return local.replace(tzinfo=zone(name)), name


def write(moment: datetime, name: str) -> dict[str, str]:
    """Write an instant as a dateTimeTimeZone in the zone called `name`."""
    local = moment.astimezone(zone(name))
    return {"dateTime": local.strftime("%Y-%m-%dT%H:%M:%S.%f0"), "timeZone": name}


def stamp(moment: datetime) -> str:
    """Write an instant as a DateTimeOffset in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def parse_instant(text: str, field: str) -> datetime:
    """Read a DateTimeOffset of a query or a body; UTC where it names no offset."""
    # A plus sign that was not escaped arrives as a space.
    text = text.replace(" ", "+")
    seconds, dot, rest = text.partition(".")
    fraction = rest[:6].rstrip("Zz") if dot else ""
    offset = rest.lstrip("0123456789") if dot else ""
    try:
        moment = datetime.fromisoformat(f"{seconds}{dot}{fraction}{offset}" if fraction else f"{seconds}{offset}")
    except ValueError as exc:
        raise GraphError(400, "ErrorInvalidParameter", f"'{field}' is not a date and time: '{text}'.") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def at_local(day: date, clock: time, name: str) -> datetime:
    """Return the instant at which clocks in the zone called `name` show `clock` on `day`."""
    return datetime.combine(day, clock, zone(name))
