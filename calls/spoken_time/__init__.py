"""Dates and times as people say them and models write them.

`parse` reads a small strict grammar against the call's own clock and refuses the rest: a wrong viewing costs more than
one more question. These readings are fixed:

- A weekday, also "this" or "next" Tuesday, is the next one after today; "Tuesday next week" is the one of next week.
- A date without a year is the next such date, today included.
- An hour without am or pm is the one an office keeps: 1 to 7 are in the afternoon, 8 to 11 in the morning, 12 is noon.
  A part of the day ("in the evening") or a 24-hour form ("15:00", "08:30") goes before that.
- A time without a day is today.
- Dates with slashes are month first where PHONE_REGION is US, else day first.
"""

from calls.spoken_time.instants import localize
from calls.spoken_time.parser import parse, parse_exact
from calls.spoken_time.when import PARTS_OF_DAY, When

__all__ = ["PARTS_OF_DAY", "When", "localize", "parse", "parse_exact"]
