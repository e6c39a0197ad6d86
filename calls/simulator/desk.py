"""What the assistant's language model does in every call: qualify, look for a home and a time, book, give up kindly."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from calls.simulator.conversation import Conversation
from calls.simulator.people import Person
from calls.simulator.reading import Answer, Offer, homes

TRIES = 4


class GiveUpError(Exception):
    """The assistant cannot do what the caller wants; a person must call back. The message says why."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended: `kind` in a word, and the viewing it is about, if any."""

    kind: str
    when: str = ""
    where: str = ""


@dataclass
class Desk:
    """One call with the person who makes it. `home` is what they want to see, "" while the assistant stands for it."""

    call: Conversation
    person: Person
    rng: random.Random
    home: str = ""

    async def open(self, *, ask_for_assistant: bool = False) -> None:
        """Play a call up to where a time is wanted."""
        await self.call.begin(ask_for_assistant=ask_for_assistant)
        await self.greet()
        await self._qualify()
        await self._find_home()

    async def greet(self) -> None:
        """Let the caller say what they look for."""
        who = self.person
        rooms = "a studio" if who.bedrooms == 0 else f"a {who.bedrooms} bedroom"
        opening = self.rng.choice(
            [
                f"Hi, I'm looking for {rooms} around {who.neighborhood}.",
                f"Hello, this is {who.first_name}. Do you have {rooms} in {who.neighborhood}?",
                f"Yeah hi, I saw {rooms} online and I'd like to know more.",
            ]
        )
        await self.call.hear(opening, misheard=opening.replace("looking", "cooking").replace("bedroom", "bathroom"))

    async def _qualify(self) -> None:
        """Ask what the agency must know, note it, and go on to booking. Now and then two functions in one message."""
        who, call = self.person, self.call
        await call.say("Happy to help. What can you spend a month?", interrupted=self.rng.random() < 0.15)
        await call.hear(f"About {who.budget} dollars.", misheard=f"A boat {who.budget} dollars.")
        await call.say("Thank you. And when would you like to move?")
        await call.hear(f"{who.move.capitalize()}. I have {who.pets}.")
        facts: dict[str, Any] = {"budget": who.spoken_budget, "timeline": who.move, "property_type": who.kind}
        facts["location"] = who.neighborhood
        advance = ("update_system_prompt", {"new_state": "BOOKING", "context": facts})
        if self.rng.random() < 0.3:
            await call.tools(
                advance, ("save_lead", {"full_name": who.name, "pets": who.pets, "bedrooms": who.bedrooms})
            )
        else:
            await call.tools(advance)

    async def _find_home(self) -> None:
        """Search for what the caller wants unless the assistant stands for one home."""
        if self.call.envelope.persona.address:
            return
        who = self.person
        wishes: list[dict[str, Any]] = [
            {"location": who.neighborhood, "max_rent": who.spoken_budget, "bedrooms": who.bedrooms},
            {"max_rent": round(who.budget * 1.1), "bedrooms": who.bedrooms},
            {},
        ]
        for wish in wishes:
            answer = await self.call.tool("search_rentals", **wish)
            if found := homes(answer.said):
                self.home = self.rng.choice(found)
                await self.call.say(answer.said)
                await self.call.hear(f"The one at {self.home} sounds good.")
                return
        raise GiveUpError("Nothing fitting on the market")

    async def times(self, **wish: Any) -> Answer:
        """Ask for free times and read them out."""
        if self.home:
            wish["property_id"] = self.home
        answer = await self.call.tool("get_availability", **wish)
        await self.call.say(answer.said)
        return answer

    async def any_times(self) -> Answer:
        """Ask for times as the caller likes them, then for any. Raises GiveUpError when there is none."""
        answer = await self.times(days_ahead=self.rng.choice([5, 7, "10"]), part_of_day=self.person.part_of_day)
        if not answer.offers:
            answer = await self.times(days_ahead=30)
        if not answer.offers:
            raise GiveUpError("No time could be offered")
        return answer

    async def book(self, offer: Offer, *, hold_first: bool = False, **attendee: Any) -> Offer:
        """Book `offer`, or when it is gone one of the alternatives, and return which."""
        who = self.person
        attendee = {"attendee_name": who.name, "attendee_email": who.email} | attendee
        if hold_first:
            # Without a name the time is only held, and the answer asks for one.
            answer = await self.call.tool("set_appointment", slot_id=self.spelled(offer))
            await self.call.say(f"{answer.said} May I have your name?")
            await self.call.hear(f"It's {who.name}.", misheard=f"It's {who.name.lower()}.")
        return await self.insist(
            offer, lambda slot: self.call.tool("set_appointment", slot_id=self.spelled(slot), **attendee)
        )

    def spelled(self, offer: Offer) -> str:
        """Return the slot's id as the model writes it: mostly as it was, sometimes in its own spelling."""
        spellings = [offer.slot_id] * 4 + [offer.slot_id.lower(), offer.slot_id.replace("-", " ")]
        return self.rng.choice(spellings)

    async def insist(self, offer: Offer, attempt: Callable[[Offer], Awaitable[Answer]]) -> Offer:
        """Try `offer`, then alternatives, as a patient caller would. Raises GiveUpError after a few."""
        for _ in range(TRIES):
            answer = await attempt(offer)
            await self.call.say(answer.said)
            if answer.ok:
                await self._give_up_others(answer)
                return offer
            offer = self.rng.choice(answer.offers or (await self.any_times()).offers)
            await self.call.hear(f"Then {offer.text}, please.")
        raise GiveUpError("No time could be booked")

    async def _give_up_others(self, answer: Answer) -> None:
        """Cancel the earlier viewings that the answer reminds of: the caller has only changed their mind."""
        for event_id in answer.event_ids[1:]:
            await self.call.hear("Yes, cancel the other one please.")
            cancelled = await self.call.tool("cancel_appointment", event_id=event_id, reason="Chose another time")
            await self.call.say(cancelled.said)

    async def confirm(self, offer: Offer) -> Outcome:
        """Enter the last stage, say good-bye and hang up after a booking."""
        await self.call.tool("update_system_prompt", new_state="CONFIRMATION", context={"selected_time": offer.text})
        await self.call.hear(self.rng.choice(["Great, thank you.", "Perfect. Bye!", "Awesome, see you then."]))
        await self.close("assistant-ended-call", f"{self.person.name} booked a viewing for {offer.text}.", booked=True)
        return Outcome("booked", offer.text, self.where)

    async def call_back(self, reason: str, *, when: str = "tomorrow morning") -> Outcome:
        """Promise that a person calls back, and hang up."""
        answer = await self.call.tool("request_callback", reason=reason, when=when)
        await self.call.say(answer.said)
        await self.call.hear("All right, thanks.")
        await self.close("customer-ended-call", f"{self.person.name} wants to be called back: {reason}.")
        return Outcome("callback")

    async def close(self, reason: str, summary: str = "", **data: Any) -> None:
        await self.call.end(reason, summary=summary, data=data)

    @property
    def where(self) -> str:
        persona = self.call.envelope.persona
        return self.home or ", ".join(part for part in (persona.address, persona.unit) if part)
