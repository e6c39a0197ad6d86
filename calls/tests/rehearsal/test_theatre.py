"""A story that should fail is seen to fail, and whatever happens nothing is left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from calls.rehearsal import scenery
from calls.rehearsal.reading import read_scenarios
from crm.models import Listing
from crm.tests import factories

BOOKS = """\
about: Somebody books.
calls:
  - steps:
      - caller: Tuesday at three, I'm Nora Webb.
      - tool: set_appointment
        with: {{start_time: "Tuesday at 3 PM", attendee_name: Nora Webb}}
        answer: {answer}
expect:
  {expect}
"""
VIEWING = "viewings: [{when: Tuesday 15:00, with: Ana, home: 12 Oak Street}]"


def books(expect: str = VIEWING, answer: str = "ok") -> str:
    return BOOKS.format(expect=expect, answer=answer)


async def test_a_story_that_ends_as_expected_passes(written, play):
    result = await play(written(books()))

    assert (result.outcome, result.problems) == ("passed", [])
    assert {"role": "user", "content": "Tuesday at three, I'm Nora Webb."} in result.transcript


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("viewings: [{when: Tuesday 15:30}]", "viewings: expected one booked on Tuesday"),
        ("viewings: [{when: Wednesday 15:00}]", "viewings: expected one booked on Wednesday"),
        ("viewings: [{when: Tuesday 15:00, status: cancelled}]", "viewings: expected one cancelled"),
        ("viewings: [{when: Tuesday 15:00}, {when: Tuesday 15:00}]", "viewings: expected one booked"),
        ("leads: 1", "was not expected"),
        (f"{VIEWING}\n  leads: 2", "leads: expected 2, there is 1."),
        (f"{VIEWING}\n  callbacks: 1", "callbacks: expected 1, there is 0."),
        (f"{VIEWING}\n  emails: [a@example.com]", "emails: expected “a@example.com”, there is nothing."),
        (f"{VIEWING}\n  tool_calls: 2", "tool_calls: expected 2, there is 1."),
        (f"{VIEWING}\n  lead: {{full_name: Nora Web}}", "lead.full_name: expected “Nora Web”, there is “Nora Webb”."),
        (f"{VIEWING}\n  call: {{stage: BOOKING}}", "call.stage: expected “BOOKING”, there is “QUALIFICATION”."),
        (f"{VIEWING}\n  context: {{budget: 5}}", "context.budget: expected 5, there is nothing."),
        (f"{VIEWING}\n  heard: [never said]", "heard: nobody said “never said”."),
        (f"{VIEWING}\n  said: [never said]", "said: nobody said “never said”."),
    ],
)
async def test_a_story_that_ends_otherwise_fails_and_says_how(written, play, expect, problem):
    result = await play(written(books(expect)))

    assert result.outcome == "failed"
    assert any(problem in found for found in result.problems), result.problems


async def test_a_tool_that_answers_otherwise_fails_the_story_with_the_line(written, play):
    result = await play(written(books(answer="slot_taken")))

    assert result.outcome == "failed"
    assert result.problems[0].startswith("line 5: set_appointment should answer slot_taken, but: Booked: Tuesday")


async def test_an_offer_nobody_made_cannot_be_played(written, play):
    text = books().replace('start_time: "Tuesday at 3 PM"', "slot_id: <offer 1>")

    result = await play(written(text))

    assert result.outcome == "broken"
    assert "line 5: <offer 1> is not there" in result.problems[0]


async def test_a_broken_product_is_seen_by_the_shipped_stories(play, monkeypatch):
    """When every time is taken for four in the afternoon, the story of the wrong date must not pass."""
    from calls.tools import times

    real = times.read_time
    monkeypatch.setattr("calls.tools.viewings.read_time", lambda desk, text: real(desk, text) + timedelta(hours=1))

    (scenario,) = read_scenarios(["wrong-date"])
    result = await play(scenario)

    assert result.outcome == "failed"
    assert "16:00" in " ".join(result.problems)


@pytest.mark.parametrize("name", ["wrong-date", "spam", "withheld-number", "hang-up-half-way", "replayed-delivery"])
async def test_nothing_is_left_in_an_office_that_has_data_of_its_own(play, name):
    def office() -> None:
        agent = factories.agent(hours=(9, 17))
        factories.listing(agent, address="900 Birch Street")
        factories.lead(full_name="Somebody Real")

    await sync_to_async(office)()
    before = await sync_to_async(scenery.row_counts)()
    (scenario,) = read_scenarios([name])

    result = await play(scenario)

    assert result.outcome == "passed", result.problems
    after = await sync_to_async(scenery.row_counts)()
    # The office's settings come into being at their first use.
    assert scenery.leftovers(before, after) in ([], ["crm.OfficeSettings had 0 rows and has 1"])


async def test_nothing_is_left_when_a_story_breaks_half_way(written, play, monkeypatch):
    before = await sync_to_async(scenery.row_counts)()

    def fails(*args: object) -> None:
        raise RuntimeError("the grader broke")

    monkeypatch.setattr("calls.rehearsal.theatre.grade", fails)

    result = await play(written(books()))

    assert (result.outcome, result.problems) == ("broken", ["RuntimeError: the grader broke"])
    after = await sync_to_async(scenery.row_counts)()
    assert scenery.leftovers(before, after) in ([], ["crm.OfficeSettings had 0 rows and has 1"])


async def test_what_is_left_behind_is_told(written, play, monkeypatch):
    real = scenery.remove

    def forgets(made: scenery.Scenery) -> None:
        real(made)
        factories.lead()

    monkeypatch.setattr(scenery, "remove", forgets)

    result = await play(written(books()))

    assert result.outcome == "failed"
    assert result.problems == ["The rehearsal left traces: crm.Lead had 0 rows and has 1."]


async def test_time_is_the_storys_and_afterwards_everybodys_again(written, play):
    text = books("viewings: [{when: 2031-03-04 15:00}]").replace("about: S", "clock: 2031-03-03 10:00\nabout: S")

    result = await play(written(text))

    assert (result.outcome, result.problems) == ("passed", [])
    assert abs(timezone.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_beside_a_running_desk_only_stories_without_a_clock_and_an_office_of_their_own_are_played(play):
    scenarios = {scenario.name: scenario for scenario in read_scenarios([])}

    played = await play(scenarios["wrong-date"], owns_time=False)
    skipped = await play(scenarios["daylight-saving-day"], owns_time=False)
    closing = await play(scenarios["closed-day"], owns_time=False)

    assert (played.outcome, played.problems) == ("passed", [])
    assert (skipped.outcome, closing.outcome) == ("skipped", "skipped")
    assert "clock of its own" in skipped.problems[0]
    assert not await sync_to_async(Listing.objects.exists)()
