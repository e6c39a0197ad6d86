"""The stage on which demo data is drawn: one seed, one day."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings

T = TypeVar("T")
SEED = 1452


@dataclass
class Scene:
    """What every part draws from. The same `now` gives the same agency, whenever during the day that is."""

    now: datetime
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(settings.TIME_ZONE)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.tz).date()

    def at(self, days: float, *, hour: int = 0, minute: int = 0, tz: ZoneInfo | None = None) -> datetime:
        """Return the instant of a wall-clock time, `days` after today."""
        day = self.today + timedelta(days=days)
        return datetime.combine(day, time(hour, minute), tz or self.tz)

    def past(self, days: float) -> datetime:
        """Return an office-hours instant about `days` before today's midnight."""
        moment = self.at(-max(1, round(days)), hour=self.rng.randint(9, 18), minute=self.rng.randint(0, 59))
        return moment + timedelta(seconds=self.rng.randint(0, 59))

    def weighted(self, choices: list[tuple[T, int]]) -> T:
        """Draw one of [(value, weight)]."""
        values, weights = zip(*choices, strict=True)
        return self.rng.choices(values, weights)[0]


def fictional_number(area: int, index: int) -> str:
    """Return the `index`th number of an area code's hundred that are kept for fiction, in E.164."""
    return f"+1{area}55501{index % 100:02d}"
