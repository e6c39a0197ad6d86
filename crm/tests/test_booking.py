"""Booking, holding, moving and cancelling, one caller at a time. The races are in test_booking_contention.py."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crm import booking, promises, signals
from crm.availability import Offer, find_slots
from crm.errors import (
    BadArguments,
    CrmError,
    IdempotencyMismatch,
    NoViewing,
    OutsideHours,
    PastTime,
    SlotTaken,
    UnknownProperty,
)
from crm.models import Agent, Appointment, Lead, LeadStage, Listing, TimelineEntry
from crm.tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2027, 3, 3)
NOW = make.at(date(2027, 3, 2), 20)
NINE = make.at(DAY, 9)
HALF_PAST = make.at(DAY, 9, 30)
CALL = uuid.UUID(int=7)


@pytest.fixture
def agent() -> Agent:
    return make.agent(hours=(9, 12))


@pytest.fixture
def home(agent: Agent) -> Listing:
    return make.listing(agent)


@pytest.fixture
def lead() -> Lead:
    return make.lead()


@pytest.fixture
def sent() -> Any:
    """Every signal about appointments, in order: (what, appointment, previous)."""
    heard: list[tuple[str, int, Any]] = []
    names = ["appointment_held", "appointment_booked", "appointment_rescheduled", "appointment_cancelled"]
    receivers = []
    for name in names:

        def receive(name: str = name, **arguments: Any) -> None:
            heard.append((name.removeprefix("appointment_"), arguments["appointment"].pk, arguments.get("previous")))

        def receiver(sender: Any, receive: Callable[..., None] = receive, **arguments: Any) -> None:
            receive(**{key: value for key, value in arguments.items() if key in ("appointment", "previous")})

        getattr(signals, name).connect(receiver, weak=False)
        receivers.append((getattr(signals, name), receiver))
    yield heard
    for signal, receiver in receivers:
        signal.disconnect(receiver)


def book(lead: Lead, home: Listing, starts_at: datetime = NINE, **arguments: Any) -> Appointment:
    return booking.book(
        **{"lead": lead, "listing": home, "starts_at": starts_at, "idempotency_key": str(uuid.uuid4()), "now": NOW}
        | arguments
    )


def refused(kind: type[CrmError], service: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Check that a service refuses and that it left every appointment, lead and history as they were."""
    before = everything()
    with pytest.raises(kind) as caught:
        service(*arguments, **named)
    assert everything() == before
    return caught.value


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Appointment, Lead, TimelineEntry)]


def times(offers: list[Offer]) -> list[str]:
    return [f"{offer.starts_at.astimezone(make.CHICAGO):%a %H:%M}" for offer in offers]


# --- Booking --------------------------------------------------------------------------------------------------------


def test_book_promises_the_time_and_tells(agent, home, lead, sent):
    home.viewing_minutes, home.buffer_before_minutes, home.buffer_after_minutes = 45, 10, 15
    home.save()

    appointment = book(lead, home, idempotency_key="key", source="voice", call_id=CALL)

    fields = "lead listing agent starts_at ends_at status expires_at buffer_before_minutes buffer_after_minutes source"
    stored = Appointment.objects.values_list(*fields.split(), "call_id", "idempotency_key").get()
    ends_at = make.at(DAY, 9, 45)
    assert stored == (
        lead.pk, home.pk, agent.pk, NINE, ends_at, "booked", None, 10, 15, "voice", CALL, "key",
    )  # fmt: skip
    lead.refresh_from_db()
    assert lead.stage == LeadStage.VIEWING_BOOKED
    assert sent == [("booked", appointment.pk, None)]
    entries = TimelineEntry.objects.filter(lead=lead, kind="viewing").values_list("text", "actor", "call_id")
    assert list(entries) == [(f"Viewing booked: {home}, Wed 3 Mar 2027, 09:00 CST, {agent}", "assistant", CALL)]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [("new", "viewing_booked"), ("qualified", "viewing_booked"), ("lost", "viewing_booked"), ("applied", "applied")],
)
def test_a_viewing_moves_a_lead_forward_and_never_back(home, stage, expected):
    lead = make.lead(stage=stage, lost_reason="went silent")

    book(lead, home)

    lead.refresh_from_db()
    assert lead.stage == expected


def test_everything_offered_can_be_booked_and_nothing_else(agent, home):
    make.appointment(agent, home, make.at(DAY, 10))
    window = {"start": make.at(DAY, 0), "end": make.at(DAY, 23), "listing": home, "now": NOW}
    offered = [offer.starts_at for offer in find_slots(**window)]

    for minute in range(8 * 60, 13 * 60, 15):
        start = make.at(DAY, *divmod(minute, 60))
        if start in offered:
            booking.cancel(book(make.lead(), home, start).pk)
        else:
            refused(CrmError, book, make.lead(phone=None), home, start)


@pytest.mark.parametrize(
    ("starts_at", "kind"),
    [
        (make.at(DAY, 8), OutsideHours),
        (make.at(DAY, 9, 7), OutsideHours),
        (NINE + timedelta(seconds=1), OutsideHours),
        (make.at(DAY, 11, 45), OutsideHours),
        (make.at(date(2027, 9, 1), 9), OutsideHours),
        (make.at(date(2027, 3, 4), 9), OutsideHours),
        (make.at(date(2027, 3, 1), 9), PastTime),
        (NOW, PastTime),
        (make.at(DAY, 10), SlotTaken),
        (make.at(DAY, 10, 15), SlotTaken),
        (make.at(DAY, 11), SlotTaken),
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(agent, home, lead, starts_at, kind):
    make.closure(date(2027, 3, 4))
    make.appointment(agent, home, make.at(DAY, 10))
    make.busy_time(agent, make.at(DAY, 11), make.at(DAY, 12))

    refusal = refused(kind, book, lead, home, starts_at)

    offers = refusal.alternatives
    assert len(offers) == 3
    assert offers == sorted(offers, key=lambda offer: offer.starts_at)
    for offer in offers:
        assert offer in find_slots(start=offer.starts_at, end=offer.ends_at, listing=home, now=NOW)


def test_too_soon_is_past(home, lead):
    refusal = refused(PastTime, book, lead, home, now=make.at(DAY, 8, 1))

    assert times(refusal.alternatives) == ["Wed 09:30", "Wed 10:00", "Wed 10:30"]


def test_a_full_day_is_taken(agent, home, lead):
    make.office(daily_cap=1)
    make.appointment(agent, home, make.at(DAY, 11))

    assert times(refused(SlotTaken, book, lead, home).alternatives) == ["Thu 09:00", "Thu 09:30", "Thu 10:00"]


def test_alternatives_are_the_nearest_times_each_once(agent, home, lead):
    home.agents.add(make.agent(hours=(9, 12)))
    for other in home.agents.all():
        make.appointment(other, make.listing(), make.at(DAY, 10, 30))

    refusal = refused(SlotTaken, book, lead, home, make.at(DAY, 10, 30), agent=agent)

    assert times(refusal.alternatives) == ["Wed 09:30", "Wed 10:00", "Wed 11:00"]
    assert {offer.agent_id for offer in refusal.alternatives} == {agent.pk}


@pytest.mark.parametrize("same", ["agent", "listing"])
def test_the_database_has_the_last_word(agent, home, lead, monkeypatch, same):
    """Were every check before it wrong, the constraints would still refuse, as politely."""
    other = make.agent(hours=(9, 12))
    home.agents.add(other)
    make.appointment(agent, home if same == "listing" else make.listing(), NINE)
    asked = other if same == "listing" else agent
    monkeypatch.setattr(promises, "_leave_nobody", lambda taken, wanted: False)
    monkeypatch.setattr(promises, "choose_agent", lambda **wanted: asked)

    refusal = refused(SlotTaken, book, lead, home, agent=asked)

    assert len(refusal.alternatives) == 3


def test_a_home_that_cannot_be_viewed(home, lead):
    Listing.objects.filter(pk=home.pk).update(status="let")

    refused(UnknownProperty, book, lead, home)


def test_an_agent_who_does_not_show_the_home(home, lead):
    stranger = make.agent(hours=(9, 12))

    refusal = refused(SlotTaken, book, lead, home, agent=stranger)

    assert times(refusal.alternatives) == ["Wed 09:00", "Wed 09:30", "Wed 10:00"]


@pytest.mark.parametrize(
    "arguments", [{"starts_at": NINE.replace(tzinfo=None)}, {"idempotency_key": ""}, {"idempotency_key": "k" * 201}]
)
def test_arguments_that_cannot_be_meant(home, lead, arguments):
    refused(BadArguments, book, lead, home, **arguments)


def test_a_time_in_another_zone_is_the_same_time(home, lead):
    appointment = book(lead, home, NINE.astimezone(make.CHICAGO))

    assert Appointment.objects.get(starts_at=NINE) == appointment


def test_too_far_ahead_is_said_of_who_is_busy_there_too(home, lead, agent):
    make.busy_time(agent, NOW + timedelta(days=61), NOW + timedelta(days=1_000))

    assert refused(OutsideHours, book, lead, home, NINE + timedelta(days=91)).details["rule"] == "horizon"


def test_the_end_of_time_is_refused(home, lead):
    refused(BadArguments, book, lead, home, datetime.max.replace(tzinfo=UTC) - timedelta(hours=1))


# --- One request, one appointment -----------------------------------------------------------------------------------


def test_the_same_key_finds_the_first_answer(home, lead, sent):
    first = book(lead, home, idempotency_key="key")
    booking.reschedule(first.pk, starts_at=HALF_PAST, now=NOW)

    again = book(lead, home, NINE.astimezone(make.CHICAGO), idempotency_key="key")

    assert (again.pk, again.starts_at) == (first.pk, HALF_PAST)
    assert Appointment.objects.count() == 1
    assert [what for what, _, _ in sent] == ["booked", "rescheduled"]


@pytest.mark.parametrize("other", ["starts_at", "lead", "listing", "hold", "agent"])
def test_the_same_key_for_something_else_is_a_mistake(agent, home, lead, other):
    book(lead, home, idempotency_key="key")
    changes = {
        "starts_at": HALF_PAST,
        "lead": make.lead(),
        "listing": make.listing(agent),
        "hold": True,
        "agent": agent,
    }

    refusal = refused(
        IdempotencyMismatch, book, **{"lead": lead, "home": home, "idempotency_key": "key"} | _renamed(other, changes)
    )

    assert refusal.code == "idempotency_mismatch"


def _renamed(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {"home" if name == "listing" else name: changes[name]}


def test_a_refused_request_leaves_its_key_free(agent, home, lead):
    blocker = make.appointment(agent, home, NINE)
    refused(SlotTaken, book, lead, home, idempotency_key="key")
    booking.cancel(blocker.pk)

    assert book(lead, home, idempotency_key="key").status == "booked"


def test_a_key_of_a_row_made_elsewhere_is_not_taken_over(agent, home, lead):
    make.appointment(agent, home, make.at(DAY, 11), idempotency_key="key")

    refused(IdempotencyMismatch, book, lead, home, idempotency_key="key")


# --- Fair choice ----------------------------------------------------------------------------------------------------


def test_the_least_booked_agent_of_the_week_is_chosen(home, lead, agent):
    idle = make.agent(hours=(9, 12))
    home.agents.add(idle)
    # Two, later in the week, against one, which was yesterday: the count comes before the rest.
    make.appointment(agent, make.listing(), make.at(date(2027, 3, 4), 9))
    make.appointment(agent, make.listing(), make.at(date(2027, 3, 7), 23))
    make.appointment(idle, make.listing(), make.at(date(2027, 3, 2), 9), status="completed")
    # Last week and next week do not count.
    make.appointment(idle, make.listing(), make.at(date(2027, 2, 28), 23))
    make.appointment(idle, make.listing(), make.at(date(2027, 3, 8), 0))
    make.appointment(idle, make.listing(), make.at(DAY, 11), status="cancelled")

    assert book(lead, home).agent == idle


def test_of_equals_the_one_with_the_longest_rest_is_chosen(home, lead, agent):
    rested = make.agent(hours=(9, 12))
    home.agents.add(rested)
    make.appointment(agent, make.listing(), make.at(date(2027, 2, 26), 10), status="completed")
    make.appointment(rested, make.listing(), make.at(date(2027, 2, 25), 10), status="completed")

    assert book(lead, home).agent == rested


def test_bookings_are_spread_evenly(home):
    for _ in range(3):
        home.agents.add(make.agent(hours=(9, 12)))
    Listing.objects.filter(pk=home.pk).update(allows_stacked_viewings=True)

    chosen = [book(make.lead(), home, make.at(DAY, 9 + n // 4)).agent_id for n in range(8)]

    assert sorted(chosen) == sorted([*home.agents.values_list("pk", flat=True)] * 2)


def test_the_fair_choice_is_free_then(home, lead, agent):
    """The one whose turn it is may be busy at that very time."""
    idle = make.agent(hours=(9, 12))
    home.agents.add(idle)
    make.appointment(agent, make.listing(), make.at(DAY, 11))
    make.busy_time(idle, NINE, HALF_PAST)

    assert book(lead, home).agent == agent


def test_only_the_agents_named_are_asked(home, lead, agent):
    other = make.agent(hours=(9, 12))
    home.agents.add(other)
    make.appointment(other, make.listing(), make.at(DAY, 11))

    assert book(lead, home, agents=[other]).agent == other
    refused(SlotTaken, book, make.lead(), home, agents=[])


# --- Holds ----------------------------------------------------------------------------------------------------------


def test_a_hold_keeps_the_time_for_its_seconds(agent, home, lead, sent):
    make.office(hold_seconds=90)

    held = book(lead, home, hold=True)

    assert (held.status, held.expires_at) == ("held", NOW + timedelta(seconds=90))
    lead.refresh_from_db()
    assert lead.stage == "new"
    assert sent == [("held", held.pk, None)]
    refused(SlotTaken, book, make.lead(), home)
    refused(SlotTaken, book, make.lead(), home, now=NOW + timedelta(seconds=89))


def test_a_lapsed_hold_gives_way(home, lead, sent):
    held = book(lead, home, hold=True)

    taken = book(make.lead(), home, now=held.expires_at)

    held.refresh_from_db()
    assert (held.status, held.cancel_reason) == ("cancelled", "The hold has lapsed")
    assert [(what, pk) for what, pk, _ in sent] == [("held", held.pk), ("cancelled", held.pk), ("booked", taken.pk)]


def test_a_lapsed_hold_of_another_agent_gives_way_at_the_home(home, lead):
    other = make.agent(hours=(9, 12))
    held = book(lead, home, hold=True)
    home.agents.add(other)

    assert book(make.lead(), home, agent=other, now=held.expires_at).agent == other


@pytest.mark.parametrize("by", ["lead", "call"])
def test_ones_own_hold_becomes_the_booking(home, lead, sent, by):
    held = book(lead, home, hold=True, call_id=CALL)
    named = lead if by == "lead" else make.lead(full_name="Ann")

    booked = book(named, home, call_id=CALL if by == "call" else None, idempotency_key="second")

    assert booked.pk == held.pk
    assert Appointment.objects.values_list("status", "lead", "expires_at", "call_id").get() == (
        "booked", named.pk, None, CALL,
    )  # fmt: skip
    assert [what for what, _, _ in sent] == ["held", "booked"]
    assert book(named, home, call_id=CALL if by == "call" else None, idempotency_key="second").pk == held.pk


def test_a_hold_of_somebody_else_is_not_ones_own(home, lead):
    book(lead, home, hold=True, call_id=CALL)

    refused(SlotTaken, book, make.lead(), home)
    refused(SlotTaken, book, make.lead(), home, call_id=uuid.UUID(int=8))


def test_ones_own_hold_is_kept_even_when_notice_has_passed_meanwhile(home, lead):
    soon = make.at(DAY, 7, 59)
    held = book(lead, home, hold=True, now=soon)

    assert book(lead, home, now=soon + timedelta(minutes=2)).pk == held.pk


def test_holding_another_time_gives_up_the_first(home, lead, sent):
    first = book(lead, home, hold=True, call_id=CALL)

    second = book(lead, home, HALF_PAST, hold=True, call_id=CALL)

    first.refresh_from_db()
    assert (first.status, second.status) == ("cancelled", "held")


def test_a_hold_is_kept_when_the_other_time_is_refused(agent, home, lead):
    held = book(lead, home, hold=True, call_id=CALL)
    make.appointment(agent, home, HALF_PAST)

    refused(SlotTaken, book, lead, home, HALF_PAST, call_id=CALL)

    held.refresh_from_db()
    assert held.status == "held"


def test_a_hold_of_another_home_is_kept(agent, home, lead):
    other = make.listing(make.agent(hours=(9, 12)))
    first = book(lead, home, hold=True, call_id=CALL)

    book(lead, other, hold=True, call_id=CALL)

    first.refresh_from_db()
    assert first.status == "held"


def test_confirm_books_what_was_held(home, lead, sent):
    held = book(lead, home, hold=True)

    for _ in range(2):
        assert booking.confirm(held.pk, now=NOW).status == "booked"

    assert [what for what, _, _ in sent] == ["held", "booked"]
    lead.refresh_from_db()
    assert lead.stage == LeadStage.VIEWING_BOOKED


def test_confirm_for_the_person_it_turned_out_to_be(home, lead):
    held = book(lead, home, hold=True)
    ann = make.lead(full_name="Ann")

    assert booking.confirm(held.pk, lead=ann, now=NOW).lead == ann
    ann.refresh_from_db()
    assert ann.stage == LeadStage.VIEWING_BOOKED


def test_a_lapsed_hold_is_not_confirmed(home, lead):
    held = book(lead, home, hold=True)

    refusal = refused(SlotTaken, booking.confirm, held.pk, now=held.expires_at)

    assert times(refusal.alternatives) == ["Wed 09:00", "Wed 09:30", "Wed 10:00"]
    booking.release_expired_holds(held.expires_at)
    refused(SlotTaken, booking.confirm, held.pk, now=held.expires_at)


def test_release_expired_holds(agent, home, lead, sent):
    held = book(lead, home, hold=True)
    book(make.lead(), home, HALF_PAST)

    assert booking.release_expired_holds(held.expires_at - timedelta(microseconds=1)) == 0
    assert booking.release_expired_holds(held.expires_at) == 1
    assert booking.release_expired_holds(held.expires_at) == 0
    assert list(Appointment.objects.values_list("status", flat=True)) == ["cancelled", "booked"]
    assert [what for what, _, _ in sent] == ["held", "booked", "cancelled"]


# --- Moving and cancelling ------------------------------------------------------------------------------------------


def test_reschedule_moves_and_tells_from_where(agent, home, lead, sent):
    appointment = book(lead, home)

    moved = booking.reschedule(appointment.pk, starts_at=HALF_PAST, now=NOW)

    assert (moved.starts_at, moved.ends_at, moved.status) == (HALF_PAST, make.at(DAY, 10), "booked")
    assert sent[1:] == [("rescheduled", moved.pk, (NINE, HALF_PAST, agent.pk))]
    # The old time is free again.
    assert book(make.lead(), home).starts_at == NINE


def test_reschedule_may_overlap_its_own_time(agent, home, lead):
    make.office(slot_step_minutes=15, buffer_before_minutes=60, daily_cap=1)
    appointment = book(lead, home)

    assert booking.reschedule(appointment.pk, starts_at=make.at(DAY, 9, 15), now=NOW).starts_at == make.at(DAY, 9, 15)


@pytest.mark.parametrize("as_text", [True, False])
def test_reschedule_to_a_slot_may_change_the_agent(home, lead, agent, as_text, time_machine):
    time_machine.move_to(NOW)
    other = make.agent(hours=(9, 12))
    appointment = book(lead, home, agent=agent)
    home.agents.add(other)
    slot = Offer(other.pk, home.pk, make.at(DAY, 11), make.at(DAY, 11, 30))

    moved = booking.reschedule(appointment.pk, slot=slot.slot_id if as_text else slot, now=NOW)

    assert (moved.pk, moved.agent, moved.starts_at) == (appointment.pk, other, make.at(DAY, 11))


@pytest.mark.parametrize(
    ("starts_at", "kind"),
    [
        (HALF_PAST, SlotTaken),
        (make.at(DAY, 13), OutsideHours),
        (make.at(date(2027, 3, 1), 9), PastTime),
    ],
)
def test_a_refused_move_keeps_the_old_time(agent, home, lead, starts_at, kind):
    make.appointment(agent, home, HALF_PAST)
    appointment = book(lead, home)

    refusal = refused(kind, booking.reschedule, appointment.pk, starts_at=starts_at, now=NOW)

    assert len(refusal.alternatives) == 3


def test_reschedule_to_where_it_is_changes_nothing(home, lead, sent):
    appointment = book(lead, home)
    before = everything()

    assert booking.reschedule(appointment.pk, starts_at=NINE, now=NOW).pk == appointment.pk

    assert everything() == before
    assert len(sent) == 1


def test_a_repeated_move_happens_once(home, lead):
    appointment = book(lead, home)
    booking.reschedule(appointment.pk, starts_at=HALF_PAST, idempotency_key="move", now=NOW)
    booking.reschedule(appointment.pk, starts_at=NINE, idempotency_key="back", now=NOW)

    again = booking.reschedule(appointment.pk, starts_at=HALF_PAST, idempotency_key="move", now=NOW)

    assert again.starts_at == NINE
    refused(
        IdempotencyMismatch,
        booking.reschedule,
        appointment.pk,
        starts_at=make.at(DAY, 11),
        idempotency_key="move",
        now=NOW,
    )


def test_a_slot_of_another_home_is_not_a_move(agent, home, lead):
    appointment = book(lead, home)
    slot = Offer(agent.pk, make.listing(agent).pk, HALF_PAST, make.at(DAY, 10))

    refused(BadArguments, booking.reschedule, appointment.pk, slot=slot, now=NOW)
    refused(BadArguments, booking.reschedule, appointment.pk, now=NOW)


def test_a_move_keeps_a_hold_a_hold(home, lead):
    held = book(lead, home, hold=True)

    moved = booking.reschedule(held.pk, starts_at=HALF_PAST, now=NOW)

    assert (moved.status, moved.expires_at) == ("held", held.expires_at)
    refused(NoViewing, booking.reschedule, held.pk, starts_at=NINE, now=held.expires_at)


def test_cancel_gives_the_time_back_once(home, lead, sent):
    appointment = book(lead, home)

    for reason in ("Found another home", "again"):
        assert booking.cancel(appointment.pk, reason=reason).cancel_reason == "Found another home"

    assert [what for what, _, _ in sent] == ["booked", "cancelled"]
    lead.refresh_from_db()
    assert lead.stage == LeadStage.VIEWING_BOOKED
    assert book(make.lead(), home).starts_at == NINE


def test_cancel_takes_reasons_of_any_length(home, lead):
    assert booking.cancel(book(lead, home).pk, reason="x" * 9000).cancel_reason == "x" * 500


@pytest.mark.parametrize("status", ["completed", "no_show"])
def test_what_is_over_is_left_alone(agent, home, status):
    over = make.appointment(agent, home, NINE, status=status)

    refused(NoViewing, booking.cancel, over.pk)
    refused(NoViewing, booking.confirm, over.pk)
    refused(NoViewing, booking.reschedule, over.pk, starts_at=HALF_PAST, now=NOW)


def test_what_never_was():
    for service in (booking.cancel, booking.confirm):
        refused(NoViewing, service, 2**40)
    refused(NoViewing, booking.reschedule, 2**40, starts_at=NINE, now=NOW)


def test_a_receiver_that_fails_does_not_undo_a_promise(home, lead, caplog):
    def fail(sender: Any, **arguments: Any) -> None:
        raise RuntimeError("calendar")

    signals.appointment_booked.connect(fail)
    try:
        assert book(lead, home).status == "booked"
    finally:
        signals.appointment_booked.disconnect(fail)
    assert "calendar" in caplog.text


def test_booking_asks_a_bounded_number_of_questions(home, lead, django_assert_max_num_queries):
    for _ in range(4):
        home.agents.add(make.agent(hours=(9, 12)))
    make.office()

    with django_assert_max_num_queries(26):
        book(lead, home)
