"""manage.py rehearse: readable lines, exit codes, JSON; and a scratch office that is really elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from calls.rehearsal import scenery
from calls.rehearsal.scratch import play_in_scratch
from calls.tests.test_simulated_calls import Server, server  # noqa: F401
from crm.models import OfficeSettings

GOOD = {
    "name": "wrong-date",
    "about": "A story.",
    "outcome": "passed",
    "problems": [],
    "seconds": 0.3,
    "transcript": [],
}
BAD = GOOD | {
    "name": "cancel",
    "outcome": "failed",
    "problems": ["leads: expected 1, there is 2."],
    "transcript": [{"role": "user", "content": "Hello"}],
}


@pytest.fixture
def scratch(monkeypatch) -> list[dict[str, Any]]:
    """Results that the scratch office is made to give."""
    results: list[dict[str, Any]] = []
    monkeypatch.setattr("calls.management.commands.rehearse.play_in_scratch", lambda names: iter(results))
    return results


def test_all_good_ends_well(scratch, capsys):
    scratch.append(GOOD)

    call_command("rehearse", "wrong-date")

    assert capsys.readouterr().out == ("passed   wrong-date               0.30 s  A story.\n1 scenario: 1 passed\n")


def test_a_failure_says_why_with_what_was_said_and_ends_with_1(scratch, capsys):
    scratch += [GOOD, BAD]

    with pytest.raises(SystemExit) as raised:
        call_command("rehearse")

    said = capsys.readouterr().out
    assert raised.value.code == 1
    assert "FAILED   cancel" in said
    assert "- leads: expected 1, there is 2.\n           caller: Hello\n" in said
    assert said.endswith("2 scenarios: 1 passed, 1 failed\n")


def test_json_holds_everything(scratch, capsys):
    scratch += [GOOD, BAD]

    with pytest.raises(SystemExit):
        call_command("rehearse", json=True)

    assert json.loads(capsys.readouterr().out) == {"ok": False, "results": [GOOD, BAD]}


def test_nothing_played_is_no_success(scratch):
    with pytest.raises(SystemExit):
        call_command("rehearse")


def test_a_mistake_ends_with_2_before_anything_is_played(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("about: x\ncalls: []\nexpect: {leads: 1}\n")

    with pytest.raises(CommandError, match=r"mine\.yaml, line 2, calls: should hold something") as raised:
        call_command("rehearse", str(path))

    assert raised.value.returncode == 2


@pytest.mark.django_db(transaction=True)
def test_against_a_running_desk_nothing_stays(server, capsys):  # noqa: F811
    OfficeSettings.load()
    before = scenery.row_counts()

    call_command("rehearse", "wrong-date", "replayed-delivery", "closed-day", url=server.url)

    said = capsys.readouterr().out
    assert "3 scenarios: 2 passed, 1 skipped" in said
    assert "- closes the office: run it without --url" in said
    assert scenery.leftovers(before, scenery.row_counts()) == []


@pytest.mark.django_db(transaction=True)
def test_nobody_there_is_told():
    with pytest.raises(CommandError, match="Nothing answers at"):
        call_command("rehearse", "wrong-date", url="http://127.0.0.1:9/vapi/webhook")


@pytest.mark.django_db(transaction=True)
def test_the_shipped_stories_pass_in_a_scratch_office_and_leave_this_one_alone():
    before = scenery.row_counts()

    results = list(play_in_scratch([]))

    assert [(r["name"], r["problems"]) for r in results if r["outcome"] != "passed"] == []
    assert len(results) == 20
    assert scenery.leftovers(before, scenery.row_counts()) == []
