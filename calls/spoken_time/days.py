"""Days: "tomorrow", "next Wednesday", "June 3rd", "the 5th", "in two days", "6/14"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from calls.spoken_time.when import Days
from calls.spoken_time.words import MONTHS, WEEKDAYS, Token, iso_date
from crm.errors import PastTime, UnclearTime

_ONE = ("a", "an")
_SPANS = {"day": 1, "days": 1, "week": 7, "weeks": 7}
_DETERMINERS = ("this", "next", "coming", "upcoming")
# Further ahead nobody books a viewing; it also keeps arithmetic inside the calendar.
MOST_DAYS = 1500


@dataclass(frozen=True)
class DayReader:
    """Reads days against today's local date."""

    today: date
    day_first: bool

    def read(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read a day at a position; return it and the position after it, or None when there is none."""
        readers = (self._named, self._weekday, self._week, self._counted, self._month_first, self._day_of_month,
                   self._written, self._place)  # fmt: skip
        for reader in readers:
            found = reader(tokens, at)
            if found is not None:
                return found
        return None

    def _ahead(self, days: int, part: str | None = None) -> Days:
        if days > MOST_DAYS:
            raise UnclearTime("That is too far ahead.")
        day = self.today + timedelta(days=days)
        return Days(day, day, part)

    def _named(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        word = tokens[at].text
        if word in ("yesterday", "last"):
            raise PastTime("That day has passed.")
        if word == "today":
            return self._ahead(0), at + 1
        if word == "tonight":
            return self._ahead(0, "evening"), at + 1
        if word == "tomorrow":
            return self._ahead(1), at + 1
        if _texts(tokens, at, 3) == ["day", "after", "tomorrow"]:
            return self._ahead(2), at + 3
        if word == "this" and _texts(tokens, at + 1, 1)[:1] in (["morning"], ["afternoon"], ["evening"]):
            return self._ahead(0, tokens[at + 1].text), at + 2
        return None

    def _weekday(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        start = at + 1 if tokens[at].text in _DETERMINERS else at
        if start >= len(tokens) or tokens[start].text not in WEEKDAYS:
            return None
        weekday = WEEKDAYS[tokens[start].text]
        if start == at and _texts(tokens, at + 1, 2) == ["next", "week"]:
            return self._in_next_week(weekday), at + 3
        if start == at and _texts(tokens, at + 1, 1) == ["week"]:
            raise UnclearTime("I was not sure which week you meant.")
        return self._next(weekday), start + 1

    def _next(self, weekday: int, weeks: int = 0) -> Days:
        return self._ahead((weekday - self.today.weekday() - 1) % 7 + 1 + 7 * weeks)

    def _in_next_week(self, weekday: int) -> Days:
        return self._ahead(7 - self.today.weekday() + weekday)

    def _week(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read "this week", "next week", "next week Tuesday", "this weekend"."""
        which, what = (*_texts(tokens, at, 2), "", "")[:2]
        if which not in ("this", "next") or what not in ("week", "weekend"):
            return None
        following = tokens[at + 2] if at + 2 < len(tokens) else None
        if (which, what) == ("next", "week") and following and following.text in WEEKDAYS:
            return self._in_next_week(WEEKDAYS[following.text]), at + 3
        monday = self.today - timedelta(days=self.today.weekday()) + timedelta(days=7 * (which == "next"))
        first = monday + timedelta(days=5 * (what == "weekend"))
        return Days(max(first, self.today), monday + timedelta(days=6)), at + 2

    def _counted(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read "in two days", "a week from now", "two weeks from Tuesday"."""
        start = at + 1 if tokens[at].text == "in" else at
        length = _length(tokens, start)
        if length is None:
            return None
        if start > at:
            return self._ahead(length), start + 2
        joint = _texts(tokens, start + 2, 2)
        if len(joint) < 2 or joint[0] not in ("from", "after"):
            return None
        if joint[1] in ("now", "today"):
            return self._ahead(length), start + 4
        if joint[1] == "tomorrow":
            return self._ahead(length + 1), start + 4
        if joint[1] in WEEKDAYS and length % 7 == 0:
            return self._next(WEEKDAYS[joint[1]], weeks=length // 7), start + 4
        return None

    def _month_first(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read "June 3rd", "June the third 2027"."""
        if tokens[at].text not in MONTHS:
            return None
        day_at = at + 2 if _texts(tokens, at + 1, 1) == ["the"] else at + 1
        if day_at >= len(tokens) or tokens[day_at].kind not in ("number", "ordinal"):
            return None
        year, after = _year(tokens, day_at + 1)
        return self._date(year, MONTHS[tokens[at].text], tokens[day_at].value), after

    def _day_of_month(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read "3 June", "the third of June 2027"."""
        if tokens[at].kind not in ("number", "ordinal"):
            return None
        month_at = at + 2 if _texts(tokens, at + 1, 1) == ["of"] else at + 1
        if month_at >= len(tokens) or tokens[month_at].text not in MONTHS:
            return None
        year, after = _year(tokens, month_at + 1)
        return self._date(year, MONTHS[tokens[month_at].text], tokens[at].value), after

    def _written(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read "6/14", "6/14/2027", "2027-06-14"."""
        token = tokens[at]
        if token.kind == "iso":
            day = iso_date(token.text)
            return self._date(day.year, day.month, day.day), at + 1
        if token.kind != "slashed":
            return None
        first, second, *rest = (int(part) for part in token.text.split("/"))
        day_number, month = (first, second) if self.day_first else (second, first)
        year = rest[0] + (2000 if rest[0] < 100 else 0) if rest else None
        return self._date(year, month, day_number), at + 1

    def _place(self, tokens: list[Token], at: int) -> tuple[Days, int] | None:
        """Read "the 5th": the next month that has one, this month included."""
        if tokens[at].kind != "ordinal":
            return None
        number = tokens[at].value
        if not 1 <= number <= 31:
            raise UnclearTime("There is no such day in the calendar.")
        day = self.today
        while day.day != number:
            day += timedelta(days=1)
        return Days(day, day), at + 1

    def _date(self, year: int | None, month: int, day: int) -> Days:
        """Return a date; without a year the next such date. Raises UnclearTime, PastTime."""
        years = [year] if year is not None else range(self.today.year, self.today.year + 9)
        dates = [found for found in (_make(y, month, day) for y in years) if found is not None]
        if not dates:
            raise UnclearTime("There is no such day in the calendar.")
        found = next((each for each in dates if each >= self.today), None)
        if found is None:
            raise PastTime("That day has passed.")
        return self._ahead((found - self.today).days)


def _make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _texts(tokens: list[Token], at: int, count: int) -> list[str]:
    return [token.text for token in tokens[at : at + count]]


def _length(tokens: list[Token], at: int) -> int | None:
    """Return the days in "two weeks", "a day"."""
    if at + 1 >= len(tokens) or tokens[at + 1].text not in _SPANS:
        return None
    if tokens[at].text in _ONE:
        return _SPANS[tokens[at + 1].text]
    return tokens[at].value * _SPANS[tokens[at + 1].text] if tokens[at].kind == "number" else None


def _year(tokens: list[Token], at: int) -> tuple[int | None, int]:
    if at < len(tokens) and tokens[at].kind == "number" and len(tokens[at].text) == 4 and not tokens[at].spelled:
        return tokens[at].value, at + 1
    return None, at
