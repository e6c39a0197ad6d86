"""Put days, times and parts of the day together."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.conf import settings

from calls.spoken_time.clocks import read_clock, settle
from calls.spoken_time.days import MOST_DAYS, DayReader
from calls.spoken_time.instants import localize
from calls.spoken_time.when import PARTS_OF_DAY, Clock, Days, When
from calls.spoken_time.words import WEEKDAYS, Token, tokens_of
from crm.errors import PastTime, UnclearTime

_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
_FILLERS = frozenset({"at", "on", "the", "of", "in", "for", "by", "and", "a", "please", "exactly"})
_NAMES_OF_NIGHT = {"night": "evening", "noontime": "afternoon"}
_MINUTES = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60}
_NO_TIME = "I have the day but not the time."
_PASSED = "That time has passed."


def parse(text: str, now: datetime, tz: tzinfo, *, day: date | None = None, day_first: bool | None = None) -> When:
    """Return what `text` means at `now`, which is aware, in the zone `tz`.

    `day` is the day of a time that names none; None: today. `day_first` is how slashed dates are read; None: as
    PHONE_REGION does. Raises UnclearTime, PastTime.
    """
    if day_first is None:
        day_first = settings.PHONE_REGION != "US"
    today = now.astimezone(tz).date()
    written = _INSTANT.fullmatch(text.strip())
    if written:
        return _ahead_of(now, _exact(_written_instant(written, tz), tz))
    tokens = tokens_of(text)
    soon = _in_minutes(tokens)
    if soon is not None:
        return _exact(now + soon, tz)
    reading = _Reading(tokens, DayReader(today, day_first), _zone_words(tz, today))
    return _ahead_of(now, reading.when(day or today, tz))


def parse_exact(text: str, now: datetime, tz: tzinfo) -> datetime:
    """Return the instant `text` means. Raises UnclearTime, also when it names a day without a time; PastTime."""
    when = parse(text, now, tz)
    if when.starts_at is None:
        raise UnclearTime(_NO_TIME, when=when)
    return when.starts_at


def _ahead_of(now: datetime, when: When) -> When:
    """Refuse what is over, and what is so far off that no calendar reaches it."""
    if when.starts_at is not None and when.starts_at <= now:
        raise PastTime(_PASSED, when=when)
    if when.starts_at is not None and when.starts_at > now + timedelta(days=MOST_DAYS):
        raise UnclearTime("That is too far ahead.")
    return when


def _exact(instant: datetime, tz: tzinfo) -> When:
    local = instant.astimezone(tz)
    return When(local.date(), local.date(), local)


def _written_instant(match: re.Match[str], tz: tzinfo) -> datetime:
    """Return the instant of an ISO text; without an offset it is local."""
    offset = match[7]
    try:
        naive = datetime(*(int(part or 0) for part in match.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
        if offset is None:
            return localize(naive, tz)
        zone = "+00:00" if offset in "Zz" else offset
        # Through UTC, so that a day at the calendar's very end is refused here.
        return datetime.fromisoformat(f"{naive.isoformat()}{zone}").astimezone(UTC).astimezone(tz)
    except (ValueError, OverflowError) as exc:
        raise UnclearTime("There is no such day or time.") from exc


def _in_minutes(tokens: list[Token]) -> timedelta | None:
    """Read "in two hours", "half an hour from now"."""
    texts = [token.text for token in tokens]
    if texts in (["in", "half", "an", "hour"], ["half", "an", "hour", "from", "now"]):
        return timedelta(minutes=30)
    if len(tokens) == 3 and texts[0] == "in":
        count, unit = tokens[1:]
    elif len(tokens) == 4 and texts[2:] == ["from", "now"]:
        count, unit = tokens[:2]
    else:
        return None
    number = 1 if count.text in ("a", "an") else count.value
    if unit.text not in _MINUTES or number < 1:
        return None
    return timedelta(minutes=number * _MINUTES[unit.text])


def _zone_words(tz: tzinfo, today: date) -> frozenset[str]:
    """Return what people call the office's own zone: "cst", "cdt", "ct"."""
    names = {(datetime(today.year, month, 1, tzinfo=tz).tzname() or "").casefold() for month in (1, 7)}
    short = {name[0] + name[-1] for name in names if len(name) == 3}
    return frozenset(name for name in names | short if name.isalpha()) - {"am", "pm"}


class _Reading:
    """Reads a whole phrase: at most one time, one part of the day, and days that agree."""

    def __init__(self, tokens: list[Token], days: DayReader, zone_words: frozenset[str]) -> None:
        self._tokens, self._reader, self._zone_words = tokens, days, zone_words
        self._days: list[Days] = []
        self._weekdays: list[tuple[int, Days]] = []
        self._clock: Clock | None = None
        self._parts: set[str] = set()
        at = 0
        while at < len(tokens):
            at = self._step(at)

    def _step(self, at: int) -> int:
        """Take what stands at a position; return the position after it."""
        token = self._tokens[at]
        found = self._reader.read(self._tokens, at)
        if found is not None:
            self._take_days(found[0], token)
            return found[1]
        part = _NAMES_OF_NIGHT.get(token.text, token.text)
        if part in PARTS_OF_DAY:
            self._parts.add(part)
            return at + 1
        if token.text in _FILLERS or token.text in self._zone_words:
            return at + 1
        time_found = read_clock(self._tokens, at)
        if time_found is None or self._clock is not None:
            raise UnclearTime("I could not make out one time in that.")
        self._clock = time_found[0]
        return time_found[1]

    def _take_days(self, days: Days, token: Token) -> None:
        if days.part:
            self._parts.add(days.part)
        if token.text in WEEKDAYS:
            self._weekdays.append((WEEKDAYS[token.text], days))
        else:
            self._days.append(days)

    def _one_day(self, default: date) -> Days:
        """Return what all the days said agree on; a weekday beside a date confirms it, beside a week picks its day."""
        spans = {(days.first, days.last) for days in self._days or [days for _, days in self._weekdays]}
        if len(spans) > 1 or not (spans or self._clock or self._parts):
            raise UnclearTime("I could not make out one time in that.")
        first, last = next(iter(spans), (default, default))
        for weekday, _ in self._weekdays:
            first += timedelta(days=(weekday - first.weekday()) % 7)
            if first > last:
                raise UnclearTime("The weekday and the date do not fit together.")
            last = first
        return Days(first, last)

    def when(self, default: date, tz: tzinfo) -> When:
        """Return the meaning of the phrase, on the day `default` where it names none. Raises UnclearTime."""
        days = self._one_day(default)
        if len(self._parts) > 1:
            raise UnclearTime("I could not make out one time in that.")
        part = next(iter(self._parts), None)
        if self._clock is None:
            return When(days.first, days.last, part_of_day=part)
        if days.first != days.last:
            raise UnclearTime("I have the time but not the day.", when=When(days.first, days.last))
        at: time = settle(self._clock, part)
        local = localize(datetime.combine(days.first, at), tz)
        return When(days.first, days.first, local)
