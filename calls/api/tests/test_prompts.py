"""Stage prompts for programs: read, written by who saw them, and gone back to."""

from __future__ import annotations

import pytest

from calls.models import Assistant, StagePrompt
from crm.api.tests.conftest import problem

PROMPTS = "/api/v1/prompts"
BOOKING = f"{PROMPTS}/booking"
WORDS = {"text": "Offer a viewing. Then call update_system_prompt.", "note": "Shorter"}


@pytest.fixture
def ava(db: None) -> Assistant:
    return Assistant.objects.create(vapi_id="a-1", name="Ava")


def test_the_next_version_is_written_by_who_saw_the_one_before(api, admin) -> None:
    seen = api.get(BOOKING)
    first = seen.json()["newest"]["version"]
    written = api.put(BOOKING, WORDS, HTTP_IF_MATCH=seen["ETag"])

    assert written.json() | {"created_at": ""} == {
        "stage": "booking", "assistant": None, "version": first + 1, **WORDS, "author": admin.pk, "created_at": "",
    }  # fmt: skip
    assert problem(api.put(BOOKING, WORDS, HTTP_IF_MATCH=seen["ETag"])) == (412, "precondition_failed")
    assert api.put(BOOKING, {"text": "Other."}, HTTP_IF_MATCH=written["ETag"]).json()["version"] == first + 2
    assert api.get(BOOKING, HTTP_IF_NONE_MATCH=api.get(BOOKING)["ETag"]).status_code == 304


def test_the_history_is_read_and_gone_back_to(api) -> None:
    first = api.get(BOOKING).json()["newest"]
    api.put(BOOKING, WORDS)
    versions = api.get(f"{BOOKING}/versions").json()["results"]
    back = api.post(f"{BOOKING}/versions/{first['version']}/restore")

    assert [row["version"] for row in versions] == [first["version"] + 1, first["version"]]
    assert api.get(f"{BOOKING}/versions/{first['version']}").json() == first
    assert (back.json()["version"], back.json()["text"]) == (first["version"] + 2, first["text"])
    assert problem(api.post(f"{BOOKING}/versions/99/restore")) == (404, "not_found")
    assert problem(api.get(f"{PROMPTS}/farewell")) == (404, "not_found")


def test_an_assistant_has_words_of_its_own_and_follows_the_offices_again(api, ava) -> None:
    of_ava = f"{BOOKING}?assistant={ava.pk}"
    assert api.put(of_ava, WORDS).json()["version"] == 1
    own = api.get(PROMPTS).json()["results"][-1]
    ended = api.post(f"{BOOKING}/versions/0/restore?assistant={ava.pk}")

    assert (own["assistant"], own["speaking"]["text"]) == (ava.pk, WORDS["text"])
    assert (ended.json()["version"], ended.json()["text"]) == (2, "")
    assert api.get(of_ava).json()["speaking"]["assistant"] is None
    assert problem(api.get(f"{BOOKING}?assistant=999999")) == (404, "not_found")


def test_words_are_looked_at_before_they_speak(api) -> None:
    shown = api.post(f"{BOOKING}/preview", {"text": "Budget: {{budget}}, shoe size: {{shoe}}"}).json()

    assert "not known yet" in shown["text"]
    assert "“shoe” is no fact" in shown["warnings"][0]
    assert problem(api.post(f"{BOOKING}/preview", {"text": "x", "call": "none"})) == (404, "not_found")


def test_agents_read_and_managers_write(agent_api) -> None:
    count = StagePrompt.objects.count()

    assert agent_api.get(BOOKING).status_code == 200
    assert agent_api.get(f"{BOOKING}/versions").status_code == 200
    assert problem(agent_api.put(BOOKING, WORDS)) == (403, "manager_required")
    assert problem(agent_api.post(f"{BOOKING}/versions/1/restore")) == (403, "manager_required")
    assert StagePrompt.objects.count() == count


@pytest.mark.parametrize("wrong", [{}, {"text": ""}, {"text": "x" * 20_001}, {"text": "x", "note": "y" * 201}, []])
def test_words_that_cannot_speak_are_refused(api, wrong: object) -> None:
    assert problem(api.put(BOOKING, wrong)) == (400, "invalid")
