"""Local wall times to instants."""

from __future__ import annotations

from datetime import datetime, tzinfo

from crm.errors import UnclearTime


def localize(naive: datetime, tz: tzinfo) -> datetime:
    """Return `naive` as an aware instant of `tz`.

    Raises UnclearTime for a wall time that the clock change skips or repeats there.
    """
    earlier, later = naive.replace(tzinfo=tz, fold=0), naive.replace(tzinfo=tz, fold=1)
    before, after = earlier.utcoffset(), later.utcoffset()
    if before == after or before is None or after is None:
        return earlier
    if before > after:
        raise UnclearTime("The clocks go back that day and that time comes twice.")
    raise UnclearTime("The clocks go forward that day and that time does not exist.")
