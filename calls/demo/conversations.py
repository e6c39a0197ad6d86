"""What was said in the demo agency's past calls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from crm.models import Appointment, Lead, Listing


@dataclass(frozen=True)
class Turn:
    """One thing said, or (role `tool`) one function asked for, with the start of its answer."""

    role: str
    text: str
    interrupted: bool = False


@dataclass(frozen=True)
class Story:
    """What a past call was about. `ending` is Vapi's word for how it ended."""

    lead: Lead
    listing: Listing
    appointment: Appointment | None
    ending: str

    @property
    def first_name(self) -> str:
        return self.lead.full_name.split(" ")[0]

    @property
    def spoken_time(self) -> str:
        """The viewing's time as one says it."""
        if self.appointment is None:
            return ""
        at = self.appointment.starts_at
        hour = f"{at.hour % 12 or 12}{':30' if at.minute else ''} {'AM' if at.hour < 12 else 'PM'}"
        return f"{at:%A} {at.day} {at:%B} at {hour}"


OPENINGS = [
    "Hi, I saw your listing for {home}. Is it still available?",
    "Hello, I'm calling about the place in {area}.",
    "Yeah, hi, I'm looking for {rooms} around {area}.",
    "Good morning. I'd like to know more about {home}, please.",
]
BUDGETS = [
    "Around {budget} a month, maybe a little more.",
    "I can do {budget}.",
    "Up to {budget} dollars, with heat if possible.",
]
TIMES = ["I need to move {timeline}.", "We'd move {timeline}.", "Ideally {timeline}."]
QUESTIONS = [
    ("Is there parking?", "I have noted the question about parking; the agent will bring the terms to the viewing."),
    ("What about laundry?", "{fact}"),
    ("Are pets allowed?", "{pets}"),
    ("Is heat included?", "{fact}"),
]
THANKS = ["Great, thank you.", "Perfect, see you then.", "Thanks, that's all I need.", "Awesome, bye."]


def converse(story: Story, rng: random.Random, greeting: str) -> Iterator[Turn]:
    """Tell the call, turn by turn."""
    words = _words(story)
    yield Turn("assistant", greeting, interrupted=rng.random() < 0.1)
    yield Turn("user", rng.choice(OPENINGS).format(**words))
    yield Turn("assistant", "Yes, it is. May I ask what you can spend a month?".format(**words))
    yield Turn("user", rng.choice(BUDGETS).format(**words))
    if story.ending == "customer-ended-call" and story.appointment is None:
        yield Turn("assistant", "Thank you. And when would you like to", interrupted=True)
        yield Turn("user", "Sorry, I have to go, I'll call back.")
        return
    yield Turn("assistant", "Thank you. And when would you like to move?")
    yield Turn("user", rng.choice(TIMES).format(**words))
    yield Turn("tool", "update_system_prompt", interrupted=False)
    question, answer = rng.choice(QUESTIONS)
    yield Turn("user", question)
    yield Turn("assistant", answer.format(**words), interrupted=rng.random() < 0.15)
    yield from _ending(story, rng, words)


def _words(story: Story) -> dict[str, str]:
    lead, listing = story.lead, story.listing
    facts = listing.facts.split("\n")
    return {
        "home": listing.address,
        "area": listing.neighborhood,
        "rooms": "a studio" if listing.bedrooms == 0 else f"a {listing.bedrooms} bedroom",
        "budget": f"{lead.budget or listing.rent:.0f}",
        "timeline": lead.timeline or "next month",
        "pets": facts[0],
        "fact": facts[-1],
        "name": lead.full_name,
        "first_name": story.first_name,
        "when": story.spoken_time,
    }


def _ending(story: Story, rng: random.Random, words: dict[str, str]) -> Iterator[Turn]:
    if story.appointment is None:
        yield Turn("assistant", "Would you like to see it? I can look for a time.")
        yield Turn("user", "Let me talk to my partner first. Could somebody call me back?")
        yield Turn("tool", "request_callback")
        yield Turn("assistant", f"Of course, {story.first_name}. Somebody from the office will call you.")
        yield Turn("user", "Thank you, bye.")
        return
    yield Turn("assistant", "Shall I look for a time to see it?")
    yield Turn("user", "Yes please.")
    yield Turn("tool", "get_availability")
    yield Turn("assistant", "I have {when}, or the day after. Which suits you?".format(**words))
    yield Turn(
        "user",
        rng.choice(["The first one works.", "The earlier one, please.", "The first. It's {name}."]).format(**words),
    )
    yield Turn("tool", "set_appointment")
    yield Turn("assistant", "You are booked for {when}. Thank you, {first_name}.".format(**words))
    yield Turn("user", rng.choice(THANKS))


def summary(story: Story) -> str:
    """Return what the end-of-call report would say."""
    lead, listing = story.lead, story.listing
    opening = f"{lead.full_name or 'The caller'} asked about {listing} at ${listing.rent:.0f} a month."
    if story.ending in ("customer-did-not-answer", "voicemail"):
        return ""
    if story.appointment is not None:
        return f"{opening} Budget and timing fit. A viewing was booked for {story.spoken_time}."
    if story.ending == "customer-ended-call":
        return f"{opening} The caller had to go before the qualification was complete."
    return f"{opening} The caller wants to think it over and asked for a call back."
