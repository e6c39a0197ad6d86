"""What a caller's line is about, read without a language model: wishes, facts, times, names, addresses."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from calls.phrases import say_date, say_time
from calls.simulator.reading import ADDRESS, Offer
from calls.spoken_time import parse
from crm.errors import CrmError

_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_TIME = re.compile(
    rf"\d{{4}}-\d\d-\d\d(?:[t ]\d\d:\d\d)?"
    rf"|(?:(?:last|next|this)\s+)?(?:{_DAYS}|week|weekend)\b|\b(?:today|tomorrow|tonight|noon|morning|afternoon|evening)\b"
    rf"|\b(?:{_MONTHS})\s+\d{{1,2}}(?:st|nd|rd|th)?\b|\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})\b"
    rf"|\b(?:at |half past |quarter past )?(?:\d{{1,2}}(?::\d\d)?|{_NUMBERS})\s*(?:a\.?m\.?|p\.?m\.?|o'clock)(?!\w)"
    rf"|\b(?:at|half past|quarter past) (?:\d{{1,2}}(?::\d\d)?|{_NUMBERS})\b(?! (?:north|south|east|west)\b)"
    rf"|\b\d{{1,2}}:\d\d\b|\bin \d+ days\b",
    re.IGNORECASE,
)
_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_ROOMS = {"studio": 0, "one": 1, "two": 2, "three": 3, "four": 4}
_NAME = re.compile(
    r"(?:[Mm]y name is|[Mm]y name's|[Nn]ame is|[Tt]his is|I'm|I am|[Ii]t's)\s+"
    r"((?:[^\W\d_][\w'-]*)(?:\s+[^\W\d_a-z][\w'-]*){1,3})"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[\w.+-]+(?: dot [\w-]+)* at [\w-]+ dot \w+", re.IGNORECASE)
_BUDGET = re.compile(r"\$\s?(\d[\d,]{2,})|\b(\d,\d{3}|\d{3,5})\b(?!\s*(?:a\.?m|p\.?m|[NSEW]\b|[A-Z]))")
_BEDROOMS = re.compile(r"\b(\d|one|two|three|four)[- ](?:bed|room)|\b(studio)\b", re.IGNORECASE)
_PETS = re.compile(r"\b((?:an?|two|my|small|big) )?(dogs?|cats?|pupp(?:y|ies)|pets?)\b", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:in|around|near)\s+((?:[A-Z][\w']+)(?:\s+[A-Z][\w']+)?)")
# In the order in which they are looked for: what ends a call or needs a person goes before everything else.
WISHES = {
    "bye": r"\b(?:good ?bye|bye|that's all|that is all|hang up)\b",
    "person": r"\b(?:real person|human|call me back|call back|callback|speak (?:to|with)|talk to (?:a|some))\b",
    "cancel": r"\bcancel\b",
    "move": r"\b(?:reschedule|another (?:time|day)|different (?:time|day)|move (?:my|the|it|that)|can't make it)\b",
    "view": r"\b(?:view|viewing|visit|see it|look at it|come by|book|times|when can)\b",
}


def wish_of(text: str) -> str:
    """Return what the caller wants in a word of WISHES, "" for none of them."""
    return next((wish for wish, words in WISHES.items() if re.search(words, text, re.IGNORECASE)), "")


def time_of(text: str) -> str:
    """Return the words of a line that name a day or a time, "" when there are none."""
    return " ".join(match.group(0) for match in _TIME.finditer(text))


def is_exact(said: str, now: datetime, tz: ZoneInfo) -> bool:
    """Say whether the words name one moment, not only a day or a part of it."""
    try:
        return parse(said, now, tz).starts_at is not None
    except CrmError:
        # Which words are wrong, the tool can tell the caller better.
        return True


def name_of(text: str, *, was_asked: bool) -> str:
    """Return the caller's name: introduced as such, or the whole line when it was asked for."""
    found = _NAME.search(text)
    if found:
        return found[1].strip()
    bare = re.sub(r"^(?:it's|i'm|i am|my name is|this is|sure|yes)[,\s]+", "", text.strip(" ."), flags=re.IGNORECASE)
    is_name = was_asked and len(bare.split()) <= 4 and not re.search(r"[\d?@]", bare)
    return bare.title() if is_name and bare.islower() else bare if is_name else ""


def email_of(text: str) -> str:
    found = _EMAIL.search(text)
    return found[0] if found else ""


def home_of(text: str) -> str:
    """Return an address as people say it, "" when there is none."""
    found = ADDRESS.search(text) or re.search(r"\b\d{1,5} (?![AP]M\b)[A-Z][\w']+(?: [A-Z][\w']+)*", text)
    return found[0] if found else ""


def facts_of(text: str) -> dict[str, Any]:
    """Return what the line tells about the home that is wanted, under the names tools know it by."""
    facts: dict[str, Any] = {}
    bare = text.replace(home_of(text), " ") if home_of(text) else text
    if budget := _BUDGET.search(bare):
        facts["budget"] = int((budget[1] or budget[2]).replace(",", ""))
    if rooms := _BEDROOMS.search(bare):
        word = (rooms[1] or rooms[2]).lower()
        facts["bedrooms"] = int(word) if word.isdigit() else _ROOMS[word]
    if re.search(r"\bno pets?\b", bare, re.IGNORECASE):
        facts["pets"] = "no pets"
    elif pets := _PETS.search(bare):
        facts["pets"] = pets[0].strip()
    if place := _PLACE.search(bare):
        facts["location"] = place[1]
    return facts


def chosen(text: str, offers: list[Offer], now: datetime, tz: ZoneInfo) -> Offer | None:
    """Return the offer a line means: by its place in the list, or by its day and time."""
    if not offers:
        return None
    said = time_of(text)
    for word, place in _ORDINALS.items():
        if re.search(rf"\b{word}\b", text, re.IGNORECASE) and not said and -len(offers) <= place < len(offers):
            return offers[place]
    if len(offers) == 1 and re.search(r"\b(?:yes|sure|fine|works|perfect|great|ok|okay)\b", text, re.IGNORECASE):
        return offers[0]
    return _named(said, offers, now, tz) if said else None


def _named(said: str, offers: list[Offer], now: datetime, tz: ZoneInfo) -> Offer | None:
    try:
        meant = parse(said, now, tz)
    except CrmError:
        return None
    if meant.starts_at is None:
        return None
    local = meant.starts_at.astimezone(tz)
    clock = f"at {say_time(local)}"
    same_clock = [offer for offer in offers if offer.text.endswith(clock)]
    has_day = re.search(rf"{_DAYS}|{_MONTHS}|today|tomorrow|\d{{4}}-", said, re.IGNORECASE)
    if not has_day:
        return same_clock[0] if len(same_clock) == 1 else None
    day = say_date(local.date(), now.astimezone(tz).date())
    return next((offer for offer in same_clock if offer.text.startswith(day)), None)
