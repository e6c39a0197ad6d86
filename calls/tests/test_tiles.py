import json
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings

from calls.tiles import STEPS, Tile, board_words, tile
from calls.tower.rights import is_among
from crm.models import Agent, Role

SHARED = json.loads((Path(settings.BASE_DIR) / "static/src/board/cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["title"])
def test_tile_shows_what_the_pages_script_shows(case):
    shown = tile(case["call"], datetime.fromisoformat(SHARED["now"]), Agent(pk=1))

    assert {
        "name": shown.name,
        "subtitle": shown.subtitle,
        "state": shown.state,
        "phase_word": shown.phase_word,
        "facts": [list(fact) for fact in shown.facts],
        "lines": [[line["role"], line["who"], line["text"], line["is_cut"]] for line in shown.lines],
        "hold": shown.hold["when"] if shown.hold else None,
        "booked": shown.booked,
        "alert": shown.alert,
        "steered": shown.steered,
        "muted": shown.muted,
        "waiting": shown.waiting,
        "may_claim": shown.may_claim,
        "outcome": shown.outcome,
        "outcome_tone": shown.outcome_tone,
    } == case["expected"]


@pytest.mark.parametrize("case", SHARED["steering"], ids=lambda case: case["title"])
def test_the_board_and_the_server_agree_on_who_may_steer(case):
    viewer = case["viewer"]
    role = Role.MANAGER if viewer["sees_everything"] else Role.AGENT
    person = Agent(pk=viewer["id"], team_id=viewer["team"], role=role)

    assert is_among(person, case["supervisors"]) == case["expected"]


def test_board_words_are_those_the_scripts_tests_use():
    assert board_words() == SHARED["words"]


def test_every_step_has_a_word():
    assert list(board_words()["steps"]) == STEPS


def test_steps_before_the_present_one_are_done():
    assert [mark for _, mark in Tile(state="held").steps] == ["done", "done", "done", "now", "ahead", "ahead"]
