from __future__ import annotations

import re
from datetime import timedelta

import pytest

from calls.tests.tools.conftest import NUMBER, at, caller
from crm.models import Appointment, AppointmentStatus, Lead
from crm.slots import encode
from crm.tests import factories

HALF_HOUR = timedelta(minutes=30)


def slot(agent, home, starts_at) -> str:
    return encode(agent.pk, home.pk if home else None, starts_at, starts_at + HALF_HOUR)


def rows() -> list[tuple]:
    return list(Appointment.objects.order_by("pk").values_list("status", "starts_at", "lead__phone"))


def someone_elses(agent, home, starts_at) -> Appointment:
    return factories.appointment(agent, home, starts_at, lead=factories.lead(phone="+13125559999"))


# --- set_appointment


def test_booking_a_slot_says_when_where_and_with_whom(ask, agent, home) -> None:
    answer = ask(
        "set_appointment",
        slot_id=slot(agent, home, at(3, 15)),
        attendee_name="Jane Roe",
        attendee_email="Jane@Example.com",
    )

    viewing = Appointment.objects.get()
    assert answer.text == (
        f"Booked: Thursday 3 June at 3 PM, in 2 days, at 412 Oak Street, with Anna Agent. Its event_id is {viewing.pk}."
    )
    assert answer.facts == {
        "selected_time": "Thursday 3 June at 3 PM",
        "appointment_id": viewing.pk,
        "listing_id": home.pk,
        "property": "412 Oak Street",
        "full_name": "Jane Roe",
        "email": "jane@example.com",
    }
    assert (viewing.status, viewing.starts_at, viewing.agent, viewing.call_id) == (
        AppointmentStatus.BOOKED,
        at(3, 15),
        agent,
        caller().call_id,
    )
    lead = Lead.objects.get()
    assert (lead.phone, lead.full_name, lead.email) == (NUMBER, "Jane Roe", "jane@example.com")


@pytest.mark.parametrize("spelled", ["{}", " {} ", "(slot {})", "Slot: {}", "slot {}"])
def test_a_slot_id_is_read_however_it_is_written(ask, agent, home, spelled: str) -> None:
    text = spelled.format(slot(agent, home, at(3, 15)).lower().replace("-", " "))

    assert ask("set_appointment", slot_id=text, attendee_name="Jane Roe").ok
    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_without_a_name_the_slot_is_held_and_the_name_asked_for(ask, agent, home, clock) -> None:
    wanted = slot(agent, home, at(3, 15))

    held = ask("set_appointment", slot_id=wanted)

    assert held.ok
    assert "name" in held.text
    assert f"(slot {wanted})" in held.text
    assert rows() == [("held", at(3, 15), NUMBER)]
    assert Appointment.objects.get().expires_at == at(1, 9) + timedelta(seconds=180)
    # The held time is not lost to somebody else meanwhile.
    other = ask("set_appointment", who=caller("call-2", "+13125550200"), slot_id=wanted, attendee_name="Other Person")
    assert other.code == "slot_taken"

    assert ask("set_appointment", slot_id=wanted, attendee_name="Jane Roe").ok
    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_the_name_alone_books_what_the_call_holds(ask, agent, home) -> None:
    ask("set_appointment", slot_id=slot(agent, home, at(3, 15)))

    booked = ask("set_appointment", attendee_name="Jane Roe")

    assert booked.text.startswith("Booked: Thursday 3 June at 3 PM")
    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_the_name_alone_books_nothing_that_another_call_holds(ask, agent, home) -> None:
    ask("set_appointment", slot_id=slot(agent, home, at(3, 15)))

    refused = ask("set_appointment", who=caller("another"), attendee_name="Jane Roe")

    assert refused.code == "bad_arguments"
    assert rows() == [("held", at(3, 15), NUMBER)]


def test_a_hold_that_has_lapsed_is_booked_anew_if_the_time_is_still_free(ask, agent, home, clock) -> None:
    wanted = slot(agent, home, at(3, 15))
    ask("set_appointment", slot_id=wanted)
    clock.shift(timedelta(seconds=181))

    assert ask("set_appointment", slot_id=wanted, attendee_name="Jane Roe").ok
    assert [row for row in rows() if row[0] == "booked"] == [("booked", at(3, 15), NUMBER)]


def test_booking_another_time_gives_the_hold_up(ask, agent, home) -> None:
    ask("set_appointment", slot_id=slot(agent, home, at(3, 15)))

    assert ask("set_appointment", slot_id=slot(agent, home, at(4, 10)), attendee_name="Jane Roe").ok

    assert rows() == [("cancelled", at(3, 15), NUMBER), ("booked", at(4, 10), NUMBER)]


def test_a_returning_caller_is_not_asked_for_the_name_again(ask, agent, home) -> None:
    factories.lead(phone=NUMBER, full_name="Jane Roe")

    answer = ask("set_appointment", slot_id=slot(agent, home, at(3, 15)))

    assert answer.text.startswith("Booked: ")


@pytest.mark.parametrize("name", ["caller", "<name>", "Unknown caller", "", "null", "N/A", "555"])
def test_a_stand_in_for_a_name_is_no_name(ask, agent, home, name: str) -> None:
    ask("set_appointment", slot_id=slot(agent, home, at(3, 15)), attendee_name=name)

    assert rows() == [("held", at(3, 15), NUMBER)]


def test_a_time_in_words_books_the_office_zones_time(ask, home) -> None:
    answer = ask(
        "set_appointment", start_time="Thursday at three", property_address="412 oak st", attendee_name="Jane Roe"
    )

    assert answer.ok
    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_the_slot_goes_before_a_time_and_a_home_that_say_otherwise(ask, agent, home) -> None:
    other = factories.listing(agent, address="9 Elm Avenue")

    ask(
        "set_appointment",
        slot_id=slot(agent, home, at(3, 15)),
        start_time="2023-01-01T10:00:00",
        property_id=other.pk,
        attendee_name="Jane Roe",
    )

    assert list(Appointment.objects.values_list("listing", "starts_at")) == [(home.pk, at(3, 15))]


def test_a_slot_without_a_home_asks_which_home(ask, agent, home) -> None:
    factories.listing(agent, address="9 Elm Avenue")
    free = slot(agent, None, at(3, 15))

    asked = ask("set_appointment", slot_id=free, attendee_name="Jane Roe")
    assert asked.code == "unknown_property"
    assert not Appointment.objects.exists()

    assert ask("set_appointment", slot_id=free, attendee_name="Jane Roe", property_address="9 Elm").ok
    assert Appointment.objects.get().listing.address == "9 Elm Avenue"


def test_the_same_wish_with_a_new_id_acts_once(ask, agent, home) -> None:
    wanted = slot(agent, home, at(3, 15))
    first = ask("set_appointment", slot_id=wanted, attendee_name="Jane Roe")

    second = ask("set_appointment", slot_id=wanted, attendee_name="Jane Roe")

    assert second.ok
    assert second.text.startswith("That viewing is booked already: Thursday 3 June at 3 PM")
    assert second.facts["appointment_id"] == first.facts["appointment_id"]
    assert len(rows()) == 1


def test_a_time_that_was_cancelled_can_be_booked_again_in_the_same_call(ask, agent, home) -> None:
    wanted = slot(agent, home, at(3, 15))
    ask("set_appointment", slot_id=wanted, attendee_name="Jane Roe")
    ask("cancel_appointment")

    assert ask("set_appointment", slot_id=wanted, attendee_name="Jane Roe").text.startswith("Booked: ")
    assert [row[0] for row in rows()] == ["cancelled", "booked"]


def test_a_second_viewing_of_the_same_home_is_pointed_out(ask, agent, home) -> None:
    first = ask("set_appointment", slot_id=slot(agent, home, at(3, 15)), attendee_name="Jane Roe")

    second = ask("set_appointment", slot_id=slot(agent, home, at(4, 15)), attendee_name="Jane Roe")

    assert f"event_id {first.facts['appointment_id']}): ask whether to cancel that one" in second.text


def test_a_number_the_model_argues_does_not_say_who_calls(ask, agent, home) -> None:
    jane = factories.lead(phone="+13125559999", full_name="Jane Roe")

    ask("set_appointment", slot_id=slot(agent, home, at(3, 15)), attendee_name="Mallory", attendee_phone=jane.phone)

    jane.refresh_from_db()
    assert jane.full_name == "Jane Roe"
    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_an_address_the_model_argues_does_not_say_who_calls(ask, agent, home) -> None:
    jane = factories.lead(phone="+13125559999", full_name="Jane Roe", email="jane@example.com")

    ask(
        "set_appointment",
        slot_id=slot(agent, home, at(3, 15)),
        attendee_name="Mallory",
        attendee_email="jane@example.com",
    )

    assert Appointment.objects.get().lead != jane
    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_a_withheld_number_leaves_the_number_that_was_said(ask, agent, home) -> None:
    who = caller("withheld", number=None)

    ask(
        "set_appointment",
        who=who,
        slot_id=slot(agent, home, at(3, 15)),
        attendee_name="Jane",
        attendee_phone="312 555 0177",
    )

    assert rows() == [("booked", at(3, 15), "+13125550177")]


def test_all_of_a_call_from_a_withheld_number_is_one_lead(ask, agent, home) -> None:
    who = caller("withheld", number="anonymous")

    ask("save_lead", who=who, full_name="Jane Roe", budget=1800)
    ask("set_appointment", who=who, slot_id=slot(agent, home, at(3, 15)))
    ask("request_callback", who=who)

    lead = Lead.objects.get()
    assert (lead.phone, lead.full_name, lead.appointments.count(), lead.tasks.count()) == (None, "Jane Roe", 1, 1)


def refused(answer, code: str) -> str:
    assert answer.code == code
    assert answer.text.startswith(f"[{code}] ")
    assert "\n" not in answer.text
    return answer.text


def test_a_taken_slot_is_refused_with_others(ask, agent, home) -> None:
    theirs = someone_elses(agent, home, at(3, 15))

    text = refused(ask("set_appointment", slot_id=slot(agent, home, at(3, 15)), attendee_name="Jane"), "slot_taken")

    assert re.search(r"I can offer Thursday 3 June at .* \(slot ", text)
    assert list(Appointment.objects.all()) == [theirs]


@pytest.mark.parametrize(
    ("start_time", "code"),
    [
        ("tomorrow at 11 pm", "outside_hours"),
        ("2027-06-03T15:10:00", "outside_hours"),
        ("2028-06-03T15:00:00", "outside_hours"),
        ("2023-06-01T10:00:00", "past_time"),
        ("today at 9:30", "past_time"),
        ("sometime next week", "unclear_time"),
        ("Thursday", "unclear_time"),
        ("February 30 at 3", "unclear_time"),
        ("9999-12-31T23:59:59", "unclear_time"),
        ("2027-11-07T01:30:00", "unclear_time"),
    ],
)
def test_times_that_cannot_be_are_refused_with_what_is_free(ask, home, start_time: str, code: str) -> None:
    text = refused(ask("set_appointment", start_time=start_time, attendee_name="Jane Roe"), code)

    assert "I can offer " in text
    assert "(slot " in text
    assert not Appointment.objects.exists()
    assert not Lead.objects.exists()


def test_an_unclear_time_of_a_known_day_offers_that_day(ask, home) -> None:
    text = ask("set_appointment", start_time="Thursday", attendee_name="Jane Roe").text

    assert set(re.findall(r"(\w+ \d+ June) at", text)) == {"Thursday 3 June"}


@pytest.mark.parametrize("forged", ["ZZZZ-ZZZZ", "7K2MP-9QX3W-0TBCD-41HJZ", "Thursday", "1", "💥", "\x00"])
def test_a_slot_nobody_offered_is_refused(ask, home, forged: str) -> None:
    text = refused(ask("set_appointment", slot_id=f"x{forged}", attendee_name="Jane Roe"), "unknown_slot")

    assert "(slot " in text


def test_a_slot_that_was_offered_days_ago_is_refused(ask, agent, home, clock) -> None:
    old = slot(agent, home, at(9, 15))
    clock.shift(timedelta(days=3))

    refused(ask("set_appointment", who=caller(now=at(4, 9)), slot_id=old, attendee_name="Jane Roe"), "unknown_slot")


def test_a_bad_address_is_refused_before_anything_is_promised(ask, agent, home) -> None:
    answer = ask(
        "set_appointment", slot_id=slot(agent, home, at(3, 15)), attendee_name="Jane", attendee_email="jane at nowhere"
    )

    assert "spell" in refused(answer, "bad_email")
    assert not Appointment.objects.exists()


def test_neither_slot_nor_time_is_named_as_missing(ask, home) -> None:
    assert "slot_id is missing" in refused(ask("set_appointment", attendee_name="Jane"), "bad_arguments")


@pytest.mark.parametrize("wrong", [["x"], {"a": 1}, True])
def test_an_argument_of_the_wrong_kind_is_named(ask, home, wrong: object) -> None:
    assert "start_time should be text" in refused(ask("set_appointment", start_time=wrong), "bad_arguments")


# --- reschedule_appointment


@pytest.fixture
def booked(ask, agent, home) -> Appointment:
    ask("set_appointment", slot_id=slot(agent, home, at(3, 15)), attendee_name="Jane Roe")
    return Appointment.objects.get()


def test_the_only_viewing_moves_without_being_named(ask, agent, home, booked) -> None:
    answer = ask("reschedule_appointment", slot_id=slot(agent, home, at(4, 10)))

    assert (
        answer.text
        == "Moved: the viewing is now Friday 4 June at 10 AM, in 3 days, at 412 Oak Street, with Anna Agent."
    )
    assert answer.facts["selected_time"] == "Friday 4 June at 10 AM"
    assert rows() == [("booked", at(4, 10), NUMBER)]


def test_at_four_means_four_on_the_day_of_the_viewing(ask, booked) -> None:
    assert ask("reschedule_appointment", event_id=str(booked.pk), new_start_time="four").ok
    assert rows() == [("booked", at(3, 16), NUMBER)]


def test_moving_to_a_taken_time_keeps_the_old_one(ask, agent, home, booked) -> None:
    someone_elses(agent, home, at(4, 10))

    text = refused(ask("reschedule_appointment", slot_id=slot(agent, home, at(4, 10))), "slot_taken")

    assert "I can offer " in text
    booked.refresh_from_db()
    assert booked.starts_at == at(3, 15)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "bad_arguments"),
        ({"new_start_time": "sometime"}, "unclear_time"),
        ({"new_start_time": "Friday"}, "unclear_time"),
        ({"new_start_time": "2023-06-01T10:00"}, "past_time"),
        ({"new_start_time": "tomorrow at 11 pm"}, "outside_hours"),
        ({"slot_id": "ZZZZ"}, "unknown_slot"),
    ],
)
def test_a_move_that_cannot_be_changes_nothing(ask, booked, arguments: dict, code: str) -> None:
    refused(ask("reschedule_appointment", **arguments), code)

    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_a_slot_of_another_home_is_no_move(ask, agent, booked) -> None:
    other = factories.listing(agent, address="9 Elm Avenue")

    refused(ask("reschedule_appointment", slot_id=slot(agent, other, at(4, 10))), "bad_arguments")

    assert rows() == [("booked", at(3, 15), NUMBER)]


# --- cancel_appointment


def test_the_only_viewing_is_cancelled_without_being_named(ask, booked) -> None:
    answer = ask("cancel_appointment", reason="changed mind")

    assert answer.text == "Cancelled: the viewing on Thursday 3 June at 3 PM, in 2 days, at 412 Oak Street."
    booked.refresh_from_db()
    assert (booked.status, booked.cancel_reason) == ("cancelled", "changed mind")
    refused(ask("cancel_appointment"), "no_viewing")


@pytest.mark.parametrize("name", ["cancel_appointment", "reschedule_appointment", "send_confirmation_email"])
def test_somebody_elses_viewing_is_not_theirs(ask, agent, home, name: str) -> None:
    theirs = someone_elses(agent, home, at(3, 15))

    text = refused(ask(name, event_id=str(theirs.pk), new_start_time="Friday at 10"), "no_viewing")

    assert "Thursday" not in text
    assert rows() == [("booked", at(3, 15), "+13125559999")]


def test_a_withheld_number_reaches_only_the_viewings_of_its_call(ask, agent, home) -> None:
    jane = factories.lead(phone="+13125559999", email="jane@example.com", full_name="Jane Roe")
    theirs = factories.appointment(agent, home, at(3, 15), lead=jane)
    mallory = caller("withheld", number=None, email="jane@example.com", context={"email": "jane@example.com"})
    ask("save_lead", who=mallory, email="jane@example.com", phone=jane.phone)

    refused(ask("cancel_appointment", who=mallory, event_id=theirs.pk), "no_viewing")
    refused(ask("cancel_appointment", who=mallory), "no_viewing")
    ask("set_appointment", who=mallory, slot_id=slot(agent, home, at(4, 10)), attendee_name="Jane Roe")
    assert ask("cancel_appointment", who=mallory).ok

    theirs.refresh_from_db()
    assert theirs.status == "booked"


def test_several_viewings_are_asked_about_by_day(ask, agent, home, booked) -> None:
    ask("set_appointment", slot_id=slot(agent, home, at(4, 10)), attendee_name="Jane Roe")

    text = refused(ask("cancel_appointment"), "bad_arguments")

    assert "Thursday 3 June" in text
    assert f"(event_id {booked.pk})" in text
    assert "Friday 4 June" in text
    assert ask("cancel_appointment", event_id=f"#{booked.pk}").ok


@pytest.mark.parametrize("event_id", ["99999999", "evt_123", "-1", "٣", 10**17, 1.5])
def test_an_event_id_nobody_has_is_refused(ask, booked, event_id: object) -> None:
    refused(ask("cancel_appointment", event_id=event_id), "no_viewing")

    assert rows() == [("booked", at(3, 15), NUMBER)]


def test_a_viewing_that_has_begun_cannot_be_cancelled(ask, booked, clock) -> None:
    clock.move_to(at(3, 15, 5))

    refused(ask("cancel_appointment", who=caller(now=at(3, 15, 5)), event_id=booked.pk), "no_viewing")
