from __future__ import annotations

import re

from calls.models import Assistant
from calls.tests.tools.conftest import at, caller
from crm import slots
from crm.models import Appointment, ListingStatus
from crm.tests import factories


def offered(text: str) -> list[slots.Offer]:
    return [slots.decode(found) for found in re.findall(r"\(slot ([^)]+)\)", text)]


def test_offers_a_few_times_of_different_days_and_holds_nothing(ask, home, agent) -> None:
    answer = ask("get_availability", property_id=str(home.pk))

    assert answer.ok
    assert answer.text.startswith("Free to see 412 Oak Street: Tuesday 1 June at 10:30 AM, today (slot ")
    assert [offer.starts_at for offer in offered(answer.text)] == [at(1, 10, 30), at(2, 12), at(3, 9), at(4, 12)]
    assert {(offer.agent_id, offer.listing_id) for offer in offered(answer.text)} == {(agent.pk, home.pk)}
    assert not Appointment.objects.exists()
    assert answer.facts == {"listing_id": home.pk, "property": "412 Oak Street"}


def test_a_day_and_a_part_of_the_day_narrow_it(ask, home) -> None:
    answer = ask("get_availability", property_id=home.pk, date="Thursday", part_of_day="Afternoon")

    starts = [offer.starts_at for offer in offered(answer.text)]
    assert starts == sorted(starts)
    assert all(at(3, 12) <= start < at(3, 17) for start in starts)
    assert len(starts) == 4


def test_a_part_of_the_day_may_come_with_the_day(ask, home) -> None:
    answer = ask("get_availability", date="tomorrow morning")

    assert all(at(2, 9) <= offer.starts_at < at(2, 12) for offer in offered(answer.text))


def test_a_full_day_is_answered_with_the_next_free_times(ask, home) -> None:
    factories.closure(at(3, 0).date())

    answer = ask("get_availability", date="2027-06-03")

    assert answer.ok
    assert answer.text.startswith("Nothing is free on Thursday 3 June. The next free times: Friday 4 June at 9 AM")


def test_nothing_free_at_all_offers_a_callback(ask, agent, home) -> None:
    agent.working_hours.all().delete()

    answer = ask("get_availability")

    assert answer.ok
    assert "request_callback" in answer.text
    assert offered(answer.text) == []


def test_days_ahead_is_bounded_and_read_leniently(ask, home) -> None:
    assert {offer.starts_at.date() for offer in offered(ask("get_availability", days_ahead="1").text)} == {
        at(1, 9).date(),
        at(2, 9).date(),
    }
    assert ask("get_availability", days_ahead=100_000).ok
    assert ask("get_availability", days_ahead=-5).ok
    assert ask("get_availability", days_ahead=None, unknown_key={"a": 1}).ok


def test_the_home_is_the_assistants_unless_another_is_named(ask, home, agent) -> None:
    other = factories.listing(agent, address="9 Elm Avenue")
    Assistant.objects.create(vapi_id="asst-1", name="Elm", listing=other)

    answer = ask("get_availability", who=caller("by-assistant", assistant_id="asst-1"))
    named = ask("get_availability", who=caller("named", assistant_id="asst-1"), property_id=str(home.pk))

    assert {offer.listing_id for offer in offered(answer.text)} == {other.pk}
    assert {offer.listing_id for offer in offered(named.text)} == {home.pk}


def test_among_several_homes_none_is_guessed(ask, home, agent) -> None:
    factories.listing(agent, address="9 Elm Avenue")

    answer = ask("get_availability")

    assert {offer.listing_id for offer in offered(answer.text)} == {None}


def test_one_agent_may_be_asked_for_if_they_show_the_home(ask, home, agent) -> None:
    second = factories.agent(hours=(9, 17))
    home.agents.add(second)
    stranger = factories.agent(hours=(9, 17))

    by_id = ask("get_availability", user_id=second.pk, property_id=home.pk)
    by_email = ask("get_availability", user_id=second.email.upper(), property_id=home.pk)
    not_theirs = ask("get_availability", user_id=stranger.pk, property_id=home.pk)
    nobody = ask("get_availability", user_id="user_123", property_id=home.pk)

    assert {offer.agent_id for offer in offered(by_id.text)} == {second.pk}
    assert {offer.agent_id for offer in offered(by_email.text)} == {second.pk}
    assert not_theirs.code == nobody.code == "bad_arguments"


def test_refusals(ask, home, agent) -> None:
    let = factories.listing(agent, address="1 Gone Street", status=ListingStatus.LET)

    assert ask("get_availability", property_id="999999").code == "unknown_property"
    assert ask("get_availability", property_id=let.pk).code == "unknown_property"
    wrong = ask("get_availability", property_id=home.pk, days_ahead="many", part_of_day="teatime")
    assert wrong.text == (
        "[bad_arguments] days_ahead should be a whole number. part_of_day should be one of morning, afternoon, evening."
    )
    unclear = ask("get_availability", property_id=home.pk, date="February 30")
    assert unclear.text.startswith("[unclear_time] There is no such day in the calendar.")
    assert offered(unclear.text)
    past = ask("get_availability", property_id=home.pk, date="2023-06-01")
    assert past.text.startswith("[past_time] That day has passed. I can offer ")
    assert offered(past.text)


def test_a_start_is_offered_of_the_agent_with_the_fewest_viewings_that_week(ask, home, agent) -> None:
    busier, idle = factories.agent(hours=(9, 17)), factories.agent(hours=(9, 17))
    home.agents.add(busier, idle)
    elsewhere = factories.listing(agent, busier)
    for viewed_by, hour in ((agent, 9), (busier, 10), (busier, 11)):
        factories.appointment(viewed_by, elsewhere, at(3, hour))

    answer = ask("get_availability", property_id=home.pk, date="2027-06-04")
    assert {offer.agent_id for offer in offered(answer.text)} == {idle.pk}

    for hour in (13, 14):
        factories.appointment(idle, elsewhere, at(3, hour))
    answer = ask("get_availability", property_id=home.pk, date="2027-06-04")
    assert {offer.agent_id for offer in offered(answer.text)} == {agent.pk}
