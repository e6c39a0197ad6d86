"""The scripted assistant: qualifies, finds a home and a time, books, moves, cancels, as the stage prompts ask.

It stands in where no language model answers. Like one, it knows only what was said and what its tools answered.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.conf import settings

from calls.practice import hearing
from calls.practice.line import Line
from calls.simulator.reading import Answer, Offer, homes

QUESTIONS = {
    "budget": "Happy to help. What can you spend a month?",
    "timeline": "Thank you. And when would you like to move?",
    "home": "Which home would you like to see?",
    "time": "Which day and time would suit you?",
    "name": "May I have your full name?",
}
SORRY = "I'm sorry, I did not get that. Shall I look for homes, book a viewing, move or cancel one?"
GOODBYE = "Thank you for calling. Goodbye!"


@dataclass
class Notes:
    """What the assistant remembers of a call. `asked` is its last question, `wish` what is being done."""

    asked: str = ""
    wish: str = "view"
    stage: str = "QUALIFICATION"
    facts: dict[str, Any] = field(default_factory=dict)
    home: str = ""
    name: str = ""
    offers: list[tuple[str, str]] = field(default_factory=list)
    slot_id: str = ""
    is_booked: bool = False
    is_over: bool = False

    @classmethod
    def load(cls, kept: dict[str, Any]) -> Self:
        return cls(**kept | {"offers": [(slot, text) for slot, text in kept.get("offers", [])]})

    def dump(self) -> dict[str, Any]:
        return asdict(self)


class ScriptedAssistant:
    """One call's assistant. `answer` is given each line of the caller after the line itself was posted."""

    def __init__(self, line: Line, notes: Notes | None = None) -> None:
        self.line = line
        self.notes = notes or Notes()

    @property
    def tz(self) -> ZoneInfo:
        return settings.OFFICE_TZ

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.line.clock.now, UTC)

    async def answer(self, text: str) -> None:
        """Do what the line asks for and say so. After a goodbye `notes.is_over` is set."""
        notes = self.notes
        self._note_facts(text)
        if email := hearing.email_of(text):
            return await self._email(email)
        wish = hearing.wish_of(text)
        if wish == "bye" or (wish == "" and notes.is_booked and not hearing.time_of(text)):
            notes.is_over = True
            return await self.line.say(GOODBYE)
        if wish == "person":
            return await self._call_back(text)
        if wish == "cancel":
            return await self._say(await self.line.tool("cancel_appointment", reason=text[:100]))
        if wish == "move":
            notes.wish, notes.slot_id = "move", ""
        return await self._towards_a_time(text)

    async def _towards_a_time(self, text: str) -> None:
        """Take the next step on the way to a booked time."""
        notes = self.notes
        if notes.asked == "name" and notes.name and notes.slot_id:
            return await self._book(slot_id=notes.slot_id)
        offers = [Offer(*pair) for pair in notes.offers]
        choice = hearing.chosen(text, offers, self.now, self.tz)
        if choice is not None:
            return await self._book(slot_id=choice.slot_id)
        said = "" if notes.asked == "timeline" else hearing.time_of(text)
        if said and self._has_home() and hearing.is_exact(said, self.now, self.tz):
            return await self._book(said=said)
        if said or notes.wish == "move":
            return await self._offer(said)
        return await self._qualify()

    def _note_facts(self, text: str) -> None:
        notes = self.notes
        if notes.asked == "timeline":
            notes.facts["timeline"] = text[:100]
        notes.facts |= hearing.facts_of(text)
        notes.name = hearing.name_of(text, was_asked=notes.asked == "name") or notes.name
        notes.home = hearing.home_of(text) or notes.home

    async def _qualify(self) -> None:
        """Ask for what is missing; once budget and time are known, go on to homes and times."""
        notes = self.notes
        for fact in ("budget", "timeline"):
            if notes.stage == "QUALIFICATION" and fact not in notes.facts and notes.asked != fact:
                return await self._ask(fact)
        if notes.stage == "QUALIFICATION":
            await self._advance("BOOKING")
        if self._has_home():
            return await self._offer("")
        if notes.asked in ("home", "time"):
            return await self.line.say(SORRY)
        return await self._search()

    async def _search(self) -> None:
        facts = self.notes.facts
        wishes = {"location": "location", "max_rent": "budget", "bedrooms": "bedrooms"}
        asked = {name: facts[fact] for name, fact in wishes.items() if fact in facts}
        if str(facts.get("pets", "no")).split(" ")[0] != "no":
            asked["pets"] = True
        answer = await self.line.tool("search_rentals", **asked)
        found = homes(answer.said)
        self.notes.home = found[0] if len(found) == 1 else ""
        await self._say(answer)
        await self._ask("time" if self.notes.home else "home")

    def _has_home(self) -> bool:
        return bool(self.notes.wish == "move" or self.notes.home or self.line.envelope.persona.address)

    async def _offer(self, said: str) -> None:
        """Offer times, those in the words of the caller if they named some."""
        notes = self.notes
        await self._advance("BOOKING")
        if notes.home and not self.line.envelope.persona.address:
            await self.line.tool("get_property_details", property_address=notes.home)
        answer = await self.line.tool("get_availability", **({"date": said} if said else {}))
        notes.offers, notes.asked = [(offer.slot_id, offer.text) for offer in answer.offers], "time"
        return await self._say(answer)

    async def _book(self, *, slot_id: str = "", said: str = "") -> None:
        """Book a time, or move the caller's viewing to it; a refusal brings other times."""
        await self._advance("BOOKING")
        notes = self.notes
        answer = await (self._move(slot_id, said) if notes.wish == "move" else self._set(slot_id, said))
        await self._say(answer)
        notes.offers = [(offer.slot_id, offer.text) for offer in answer.offers]
        if not answer.ok:
            notes.slot_id, notes.asked = "", "time"
        elif answer.event_ids or notes.wish == "move":
            notes.is_booked, notes.offers, notes.asked, notes.wish = True, [], "", "view"
            await self._advance("CONFIRMATION")
        else:
            notes.slot_id = notes.offers[-1][0] if notes.offers else slot_id
            await self._ask("name")

    async def _set(self, slot_id: str, said: str) -> Answer:
        notes, wanted = self.notes, {"slot_id": slot_id} if slot_id else {"start_time": said}
        if said and notes.home and not self.line.envelope.persona.address:
            wanted["property_address"] = notes.home
        if notes.name:
            wanted["attendee_name"] = notes.name
        return await self.line.tool("set_appointment", **wanted)

    async def _move(self, slot_id: str, said: str) -> Answer:
        wanted = {"slot_id": slot_id} if slot_id else {"new_start_time": said}
        return await self.line.tool("reschedule_appointment", **wanted)

    async def _email(self, email: str) -> None:
        await self.line.tool("save_lead", email=email)
        if self.notes.is_booked:
            return await self._say(await self.line.tool("send_confirmation_email", attendee_email=email))
        return await self.line.say("Thank you, I have noted your e-mail address.")

    async def _call_back(self, text: str) -> None:
        said = hearing.time_of(text)
        when = {"when": said} if said else {}
        await self._say(await self.line.tool("request_callback", reason=text[:100], **when))

    async def _advance(self, stage: str) -> None:
        if self.notes.stage in (stage, "CONFIRMATION"):
            return
        facts = {name: value for name, value in self.notes.facts.items() if name != "selected_time"}
        answer = await self.line.tool("update_system_prompt", new_state=stage, context=facts)
        if answer.ok:
            self.notes.stage = stage

    async def _ask(self, what: str) -> None:
        self.notes.asked = what
        await self.line.say(QUESTIONS[what])

    async def _say(self, answer: Answer) -> None:
        await self.line.say(answer.said)
