"""The calls that are played. Each scenario is a coroutine over a Desk and returns how its call ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from calls.simulator.desk import Desk, Outcome
from calls.simulator.meeting import Meeting
from calls.simulator.reading import Answer, Offer, homes


async def straightforward(desk: Desk) -> Outcome:
    """Qualify, offer, book."""
    await desk.open(ask_for_assistant=desk.rng.random() < 0.3)
    return await _view(desk)


async def _view(desk: Desk, *, hold_first: bool = False) -> Outcome:
    """Find a time and book it."""
    answer = await desk.any_times()
    offer = desk.rng.choice(answer.offers)
    await desk.call.hear(f"{offer.text} works for me.", misheard=f"{offer.text} walks for me.")
    return await desk.confirm(await desk.book(offer, hold_first=hold_first))


async def in_words(desk: Desk) -> Outcome:
    """Book by the words of an offer instead of its id, as models do."""
    await desk.open()
    answer = await desk.any_times()
    offer = desk.rng.choice(answer.offers)
    await desk.call.hear(f"{offer.text}, please.")
    home = {"property_address": desk.home} if desk.home else {}
    said = await desk.call.tool("set_appointment", start_time=offer.text, attendee_name=desk.person.name, **home)
    await desk.call.say(said.said)
    if said.ok:
        return await desk.confirm(offer)
    return await desk.confirm(await desk.book((said.offers or answer.offers)[0]))


async def indecision(desk: Desk) -> Outcome:
    """Ask three times, hold one, take another, and move that in the same call."""
    await desk.open()
    await desk.times(date="tomorrow")
    await desk.call.hear("Hmm, that is soon. And in the afternoon?")
    await desk.times(part_of_day="afternoon")
    await desk.call.hear("I'm not sure. What about next week?")
    answer = await desk.any_times()
    await desk.call.hear(f"{answer.offers[0].text}, then.")
    held = await desk.call.tool("set_appointment", slot_id=desk.spelled(answer.offers[0]))
    await desk.call.say(held.said)
    await desk.call.hear("No wait. I'd rather take the last one you said.")
    booked = await desk.book(answer.offers[-1])
    await desk.call.hear("Actually, is there anything on another day? Sorry.")
    return await _move(desk, booked.text)


async def _move(desk: Desk, before: str) -> Outcome:
    """Move the caller's viewing to another time than `before`. Of several, the last one named is meant."""
    event: dict[str, str] = {}

    async def attempt(slot: Offer) -> Answer:
        answer = await desk.call.tool("reschedule_appointment", slot_id=desk.spelled(slot), **event)
        if not answer.ok and answer.event_ids:
            event["event_id"] = answer.event_ids[-1]
            answer = await desk.call.tool("reschedule_appointment", slot_id=desk.spelled(slot), **event)
        return answer

    answer = await desk.times(days_ahead=21)
    offers = [offer for offer in answer.offers if offer.text != before]
    if not offers:
        await desk.close("customer-ended-call", f"{desk.person.name} keeps {before}.")
        return Outcome("kept", before, desk.where)
    offer = desk.rng.choice(offers)
    await desk.call.hear(f"{offer.text} would be better.")
    moved = await desk.insist(offer, attempt)
    await desk.call.hear("Thank you so much.")
    await desk.close("assistant-ended-call", f"{desk.person.name} moved the viewing to {moved.text}.", booked=True)
    return Outcome("moved", moved.text, desk.where)


async def wrong_dates(desk: Desk) -> Outcome:
    """Name times that cannot be, then take what is offered instead."""
    await desk.open()
    home = {"property_address": desk.home} if desk.home else {}
    offers: list[Offer] = []
    for wrong in ("last Tuesday at 3 PM", "February 30th at 10", "2023-10-10T15:00:00", "at 3 in the night tomorrow"):
        await desk.call.hear(f"Could I come {wrong}?")
        answer = await desk.call.tool("set_appointment", start_time=wrong, attendee_name=desk.person.name, **home)
        if answer.ok:
            desk.call.wire.tally.remark(f"set_appointment accepted {wrong!r}: {answer.text}")
        await desk.call.say(answer.said)
        offers = list(answer.offers) or offers
    offers = offers or list((await desk.any_times()).offers)
    await desk.call.hear(f"All right, {offers[0].text}.")
    return await desk.confirm(await desk.book(offers[0]))


async def race(desk: Desk, meeting: Meeting) -> Outcome:
    """Want the same time as another caller, at the same moment."""
    await desk.open()
    answer = await desk.any_times()
    wanted = await meeting.agree([offer.slot_id for offer in answer.offers])
    offers = [offer for offer in answer.offers if offer.slot_id == wanted] or list(answer.offers)
    return await desk.confirm(await desk.book(offers[0]))


async def hang_up(desk: Desk) -> Outcome:
    """Go away half-way, in the middle of a sentence of the assistant."""
    await desk.call.begin()
    await desk.greet()
    await desk.call.say("Happy to help. What can you spend a month?")
    await desk.call.hear(f"About {desk.person.budget}.")
    facts = {"budget": desk.person.spoken_budget, "location": desk.person.neighborhood}
    await desk.call.tool("update_system_prompt", new_state="QUALIFICATION", context=facts)
    await desk.call.say("And when would you like to move in, roughly?", interrupted=True)
    await desk.call.hear("Sorry, my bus is here. I'll call again.")
    await desk.close("customer-ended-call", f"{desk.person.name} had to go before the call was finished.")
    return Outcome("hung up")


async def hold_and_hang_up(desk: Desk) -> Outcome:
    """Hold a time and go away before giving a name."""
    await desk.open()
    answer = await desk.any_times()
    held = await desk.call.tool("set_appointment", slot_id=desk.spelled(answer.offers[0]))
    await desk.call.say(held.said, interrupted=True)
    await desk.close("customer-ended-call", "The caller left before giving a name.")
    # Somebody whose name is known already is booked at once.
    return Outcome("booked", answer.offers[0].text, desk.where) if held.event_ids else Outcome("hung up")


async def give_name_late(desk: Desk) -> Outcome:
    """Hold a time first, then say the name."""
    await desk.open()
    return await _view(desk, hold_first=True)


async def no_answer(desk: Desk) -> Outcome:
    """Call a lead who does not pick up."""
    desk.call.tell(type="status-update", status="queued")
    desk.call.tell(type="status-update", status="ringing")
    await desk.call.clock.wait(25)
    await desk.close(desk.rng.choice(["customer-did-not-answer", "customer-busy"]))
    return Outcome("no answer")


async def voicemail(desk: Desk) -> Outcome:
    """Call a lead and reach a machine."""
    await desk.call.begin()
    await desk.call.hear("You have reached the voicemail of")
    await desk.call.say("This is Pete from the leasing office. Please call us back about the viewing.")
    await desk.close("voicemail")
    return Outcome("voicemail")


async def come_back_to_move(desk: Desk) -> Outcome:
    """Call again, from the number that booked, to move the viewing."""
    await desk.call.begin()
    await desk.call.hear(f"Hi, it's {desk.person.first_name} again. I can't make it, could we move my viewing?")
    return await _move(desk, "")


async def come_back_to_cancel(desk: Desk) -> Outcome:
    """Call again to cancel the viewing."""
    await desk.call.begin()
    await desk.call.hear("Hello, I have to cancel my viewing. I found another place.")
    answer = await desk.call.tool("cancel_appointment", reason="Found another place")
    await desk.call.say(answer.said)
    await desk.call.hear("Thanks, bye.")
    await desk.close("customer-ended-call", f"{desk.person.name} cancelled the viewing.")
    return Outcome("cancelled" if answer.ok else "not cancelled")


async def wants_a_person(desk: Desk) -> Outcome:
    """Insist on speaking to somebody."""
    await desk.call.begin()
    await desk.call.hear("Can I speak to a real person please?", misheard="Can I speak to a real parson")
    await desk.call.say("I can have somebody call you back. What is it about?", interrupted=True)
    await desk.call.hear("It's about my deposit. Just have them call me.")
    return await desk.call_back(
        "Question about a deposit", when=desk.rng.choice(["today", "tomorrow at 10", "in two hours"])
    )


async def withheld(desk: Desk) -> Outcome:
    """Book without showing a number: name and e-mail are all there is."""
    await desk.open()
    return await _view(desk)


async def search(desk: Desk) -> Outcome:
    """Ask about homes, prices and pets, view nothing."""
    await desk.call.begin()
    await desk.call.hear("What do you have for a dog owner, below two thousand?")
    answer = await desk.call.tool("search_rentals", max_rent="$2,000", pets=True)
    await desk.call.say(answer.said)
    await desk.call.hear("And anything bigger, three bedrooms?")
    answer = await desk.call.tool("search_rentals", bedrooms="3", max_rent=4000)
    await desk.call.say(answer.said)
    if found := homes(answer.text):
        await desk.call.hear(f"Tell me more about {found[0]}.")
        details = await desk.call.tool("get_property_details", property_address=found[0])
        await desk.call.say(details.said)
    await desk.call.tool("save_lead", full_name=desk.person.name, budget=desk.person.spoken_budget, pets="one dog")
    await desk.call.hear("I'll think about it. Thank you.")
    await desk.close("customer-ended-call", f"{desk.person.name} asked what there is for a dog owner.")
    return Outcome("informed")


async def misheard_email(desk: Desk) -> Outcome:
    """Book, then have the confirmation sent: the address is wrong at first and spelled out after that."""
    await desk.open()
    answer = await desk.any_times()
    booked = await desk.book(answer.offers[0], attendee_email=None)
    await desk.call.hear("Can you mail me that?", misheard="Can you nail me that")
    name = desk.person.email.split("@")[0]
    wrong = await desk.call.tool("send_confirmation_email", attendee_email=f"{name} at example")
    if wrong.code != "bad_email":
        desk.call.wire.tally.remark(f"send_confirmation_email accepted a broken address: {wrong.text}")
    await desk.call.say(wrong.said)
    await desk.call.hear(f"No: {' '.join(name)} at example dot com.")
    right = await desk.call.tool("send_confirmation_email", attendee_email=desk.person.email)
    await desk.call.say(right.said)
    return await desk.confirm(booked)


async def silence(desk: Desk) -> Outcome:
    """Say nothing at all."""
    await desk.call.begin()
    await desk.call.silence(10)
    await desk.call.say("Are you still there?")
    await desk.call.silence(12)
    await desk.close("silence-timed-out")
    return Outcome("silence")


Scenario = Callable[[Desk], Awaitable[Outcome]]


@dataclass(frozen=True)
class Story:
    """One or two calls that belong together, and how often they are drawn.

    Two parts are one caller ringing twice; `pair` is two callers at once. `kind` is Vapi's type of call, `home` asks
    for an assistant that stands for one home, `outbound` for the one that calls leads.
    """

    name: str
    parts: tuple[Scenario, ...] = ()
    pair: Callable[[Desk, Meeting], Awaitable[Outcome]] | None = None
    share: int = 1
    kind: str = "inboundPhoneCall"
    withheld: bool = False
    home: bool = False

    @property
    def calls(self) -> int:
        return 2 if self.pair else len(self.parts)


STORIES = [
    Story("booking", (straightforward,), share=4),
    Story("name late", (give_name_late,)),
    Story("time in words", (in_words,)),
    Story("indecision", (indecision,)),
    Story("wrong dates", (wrong_dates,)),
    Story("same slot", pair=race, home=True),
    Story("hangs up", (hang_up,)),
    Story("holds, hangs up", (hold_and_hang_up,)),
    Story("no answer", (no_answer,), kind="outboundPhoneCall"),
    Story("voicemail", (voicemail,), kind="outboundPhoneCall"),
    Story("comes back to move", (straightforward, come_back_to_move), home=True),
    Story("comes back to cancel", (straightforward, come_back_to_cancel), home=True),
    Story("wants a person", (wants_a_person,)),
    Story("number withheld", (withheld,), withheld=True),
    Story("web call", (withheld,), kind="webCall", withheld=True),
    Story("searches", (search,)),
    Story("misheard e-mail", (misheard_email,)),
    Story("silence", (silence,)),
]
