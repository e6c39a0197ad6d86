"""What the scripted assistant makes of what callers say."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from calls.practice import hearing
from calls.simulator.reading import Offer

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 6, 1, 10, tzinfo=CHICAGO)
OFFERS = [
    Offer("A", "Tuesday 2 June at 9 AM"),
    Offer("B", "Tuesday 2 June at 3 PM"),
    Offer("C", "Wednesday 3 June at 9 AM"),
]


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("I have to cancel my viewing", "cancel"),
        ("Could we move my viewing?", "move"),
        ("Sorry, I can't make it", "move"),
        ("Let me speak to a real person", "person"),
        ("Thanks, bye.", "bye"),
        ("I'd like to book a viewing", "view"),
        ("Lovely weather", ""),
    ],
)
def test_wishes(text, wish):
    assert hearing.wish_of(text) == wish


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Tuesday at 3 PM would be nice", "Tuesday at 3 PM"),
        ("what about tomorrow morning?", "tomorrow morning"),
        ("June 3rd at half past two", "June 3rd half past two"),
        ("do you have anything next week", "next week"),
        ("at 12 North Avenue", ""),
        ("I have two cats", ""),
    ],
)
def test_times(text, time):
    assert hearing.time_of(text).replace("at half", "half") == time


@pytest.mark.parametrize(
    ("text", "was_asked", "name"),
    [
        ("My name is Nora Webb.", False, "Nora Webb"),
        ("Hi, this is José Núñez, calling about a flat", False, "José Núñez"),
        ("Otto Lind", True, "Otto Lind"),
        ("otto lind", True, "Otto Lind"),
        ("Otto Lind", False, ""),
        ("Why do you need that?", True, ""),
        ("I'm looking for a flat", False, ""),
    ],
)
def test_names(text, was_asked, name):
    assert hearing.name_of(text, was_asked=was_asked) == name


def test_facts():
    assert hearing.facts_of("A two bedroom in Lakeview for $1,900, with a dog") == {
        "budget": 1900,
        "bedrooms": 2,
        "pets": "a dog",
        "location": "Lakeview",
    }
    assert hearing.facts_of("I'd like to see 1452 N Milwaukee Ave at 3 PM") == {}


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("The first one", "A"),
        ("the last one please", "C"),
        ("Tuesday at 3 PM", "B"),
        ("at 3 PM", "B"),
        ("at 9 AM", None),
        ("Wednesday at 9 AM", "C"),
        ("Friday at 9 AM", None),
        ("hm", None),
    ],
)
def test_which_offer_is_meant(text, slot):
    chosen = hearing.chosen(text, OFFERS, NOW, CHICAGO)

    assert (chosen.slot_id if chosen else None) == slot


def test_email_addresses_written_and_spelled():
    assert hearing.email_of("it is nora.webb@example.com, thanks") == "nora.webb@example.com"
    assert hearing.email_of("nora dot webb at example dot com") == "nora dot webb at example dot com"
    assert hearing.email_of("meet me at the house") == ""
