"""The history of stage prompts: versions, overrides, conflicts, and what spoke where."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection

from calls import stage_prompts
from calls.errors import PromptConflict
from calls.models import Assistant, Call, PromptUse, StagePrompt, call_pk
from calls.stage_prompts import Line, compare, end_override, preview, restore, speaking, warnings, write_version
from calls.stages import prompts, uses
from calls.stages.default_prompts import DEFAULT_PROMPTS
from crm.errors import BadArguments
from crm.models import Agent
from crm.tests import factories

pytestmark = pytest.mark.django_db
GOOD = "Ask {{budget}}, then update_system_prompt."


@pytest.fixture
def ada() -> Agent:
    return factories.agent(full_name="Ada Park")


@pytest.fixture(autouse=True)
def _first_versions(db: None) -> Any:
    for stage, text in DEFAULT_PROMPTS.items():
        StagePrompt.objects.get_or_create(stage=stage, assistant=None, version=1, defaults={"text": text})
    uses._known.clear()
    yield
    prompts.install({})


def oak() -> Assistant:
    return Assistant.objects.create(vapi_id="asst-oak", name="Oak")


def call(name: str = "c1", **fields: Any) -> Call:
    return Call.objects.create(id=call_pk(name), vapi_id=name, **fields)


def test_versions_follow_one_another_and_the_newest_speaks(ada):
    first = write_version(stage="BOOKING", text=GOOD, author=ada, base=1, note="Shorter")
    second = write_version(stage="BOOKING", text="Two update_system_prompt", author=ada, base=2)

    assert (first.version, first.note, first.author, second.version) == (2, "Shorter", ada, 3)
    prompts.refresh()
    assert prompts.chosen("BOOKING").version_id == second.pk
    assert prompts.render("BOOKING", {}) == "Two update_system_prompt"


def test_the_same_text_writes_nothing(ada):
    first = write_version(stage="BOOKING", text=GOOD, author=ada, base=1)

    assert write_version(stage="BOOKING", text=f" {GOOD}\r\n", author=ada, base=2) == first
    assert stage_prompts.versions("BOOKING").count() == 2


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"text": " \r\n "}, "Write what"),
        ({"text": "x" * 20_001}, "20,001"),
        ({"text": "a\0b"}, "cannot be kept"),
        ({"stage": "LUNCH"}, "no such stage"),
        ({"note": "x" * 201}, "200 characters"),
    ],
)
def test_what_cannot_speak_is_refused(ada, fields, word):
    with pytest.raises(BadArguments, match=word):
        write_version(**{"stage": "BOOKING", "text": GOOD, "author": ada, "base": 1} | fields)

    assert StagePrompt.objects.count() == 3


def test_who_writes_on_an_old_version_is_told_and_nothing_is_lost(ada):
    mine = write_version(stage="BOOKING", text=GOOD, author=ada, base=1)

    with pytest.raises(PromptConflict) as caught:
        write_version(stage="BOOKING", text="Theirs", author=None, base=1)

    assert caught.value.newest == mine
    assert caught.value.message.startswith("Ada Park saved version 2")
    assert stage_prompts.newest("BOOKING") == mine


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_assistant", [False, True])
def test_of_people_who_write_at_the_same_moment_one_wins(has_assistant):
    assistant = oak() if has_assistant else None
    base = 0 if has_assistant else 1
    barrier, outcomes = threading.Barrier(6), []

    def write(number: int) -> None:
        barrier.wait()
        try:
            text = f"{number} update_system_prompt"
            write_version(stage="BOOKING", text=text, author=None, base=base, assistant=assistant)
            outcomes.append("written")
        except PromptConflict:
            outcomes.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["conflict"] * 5 + ["written"]
    assert stage_prompts.versions("BOOKING", assistant).count() == base + 1


def test_going_back_writes_the_old_text_as_a_new_version(ada):
    write_version(stage="BOOKING", text=GOOD, author=ada, base=1)
    old = stage_prompts.versions("BOOKING").get(version=1)

    back = restore(old, author=ada, base=2)

    assert (back.version, back.text, back.note) == (3, old.text, "Back to version 1")


def test_an_assistants_own_prompt_goes_before_the_offices_until_it_ends(ada):
    assistant, office = oak(), stage_prompts.newest("BOOKING")
    own = write_version(stage="BOOKING", text=GOOD, author=ada, base=0, assistant=assistant)
    prompts.refresh()

    assert speaking("BOOKING", assistant) == own
    assert prompts.chosen("BOOKING", "asst-oak").version_id == own.pk
    assert prompts.chosen("BOOKING", "asst-elm").version_id == prompts.chosen("BOOKING").version_id == office.pk
    assert prompts.chosen("CONFIRMATION", "asst-oak").version_id == stage_prompts.newest("CONFIRMATION").pk

    end_override(stage="BOOKING", assistant=assistant, author=ada, base=1)
    prompts.refresh()
    assert speaking("BOOKING", assistant) == office
    assert prompts.chosen("BOOKING", "asst-oak").version_id == office.pk
    assert own in stage_prompts.versions("BOOKING", assistant)


def test_what_is_probably_not_meant_is_told():
    assert warnings("BOOKING", GOOD + " {{CONTEXT}} {{ full_name }}") == []
    assert warnings("CONFIRMATION", "Say goodbye.") == []
    found = warnings("BOOKING", "Ask {{budgte}} and {{timeline")
    assert [line.split(":")[0] for line in found] == [
        "“budgte” is no fact that Pete collects",
        "A pair of braces is open",
        "update_system_prompt is not named",
    ]


def test_a_preview_says_what_the_call_would_hear():
    known = call(context={"budget": 1800})

    assert preview("Budget ${{budget}}, {{timeline}}", known) == "Budget $1,800, not known yet"
    assert preview("Budget {{budget}}", None) == "Budget not known yet"


def test_a_comparison_shows_the_changed_lines_with_some_around():
    before = "\n".join("abcdefghij")
    after = before.replace("b", "B").replace("j", "J")

    assert compare(before, after, 1) == [
        Line("same", "a"),
        Line("removed", "b"),
        Line("added", "B"),
        Line("same", "c"),
        Line("gap", ""),
        Line("same", "i"),
        Line("removed", "j"),
        Line("added", "J"),
    ]
    assert compare(before, before) == []


def test_a_use_is_noted_once_and_only_of_what_there_is():
    known, version = call(), stage_prompts.newest("BOOKING")
    for _ in range(2):
        uses._known.clear()
        uses.record(known.pk, version.pk)
    uses.record(call_pk("forged"), version.pk)
    uses.record(known.pk, 999_999)
    uses.record(known.pk, 0)

    assert list(PromptUse.objects.values_list("call", "prompt")) == [(known.pk, version.pk)]
    assert (call_pk("forged"), version.pk) not in uses._known


def test_which_versions_spoke_in_a_call_and_in_how_many(ada):
    first, second = call("c1"), call("c2")
    office, own = stage_prompts.newest("QUALIFICATION"), stage_prompts.newest("BOOKING")
    uses.record(first.pk, office.pk)
    uses.record(second.pk, office.pk)
    for tool_call_id in "ab":
        first.tool_calls.create(
            tool_call_id=tool_call_id, fingerprint=uuid.uuid4(), name="update_system_prompt", stage_prompt=own
        )
    uses.record(first.pk, own.pk)

    assert list(stage_prompts.spoken_in(first)) == [own, office]
    assert list(stage_prompts.spoken_in(second)) == [office]
    assert stage_prompts.count_calls([office.pk, own.pk, 7_000]) == {office.pk: 2, own.pk: 1}
    assert stage_prompts.count_calls([]) == {}
