"""Rehearsals, the doctor's checks and one's own switch, for programs."""

from __future__ import annotations

from calls.models import RehearsalRun
from crm.api.tests.conftest import problem

RUNS, CHECKS, PRESENCE = "/api/v1/rehearsals", "/api/v1/checks", "/api/v1/presence"


def test_a_rehearsal_is_started_by_managers_one_at_a_time(
    api, agent_api, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    queued: list[int] = []
    monkeypatch.setattr("calls.tasks.rehearse.delay", queued.append)
    names = [row["name"] for row in agent_api.get(f"{RUNS}/scenarios").json()["results"]]

    with django_capture_on_commit_callbacks(execute=True):
        made = api.post(RUNS, {"names": names[:1]})

    assert made.status_code == 201
    assert (made.json()["names"], made.json()["status"], queued) == (names[:1], "queued", [made.json()["id"]])
    assert problem(api.post(RUNS, {})) == (409, "already_running")
    assert problem(api.post(RUNS, {"names": ["../../etc/passwd"]})) == (400, "bad_arguments")
    assert problem(agent_api.post(RUNS, {})) == (403, "manager_required")
    assert agent_api.get(f"{RUNS}/{made.json()['id']}").json() == made.json()
    assert RehearsalRun.objects.count() == 1


def test_checks_are_made_for_managers(api, agent_api) -> None:
    names = [row["name"] for row in api.get(CHECKS).json()["results"]]
    found = api.post(CHECKS, {"names": ["Audit"]}).json()["results"]

    assert "Audit" in names
    assert [(row["name"], row["ok"]) for row in found] == [("Audit", True)]
    assert problem(api.post(CHECKS, {"names": ["Weather"]})) == (400, "invalid")
    assert problem(agent_api.get(CHECKS)) == (403, "manager_required")


def test_the_switch_is_ones_own(api, agent_api) -> None:
    assert agent_api.put(PRESENCE, {"takes_calls": False}).json() == {"takes_calls": False}
    assert agent_api.get(PRESENCE).json() == {"takes_calls": False}
    assert api.get(PRESENCE).json() == {"takes_calls": True}
    assert problem(agent_api.put(PRESENCE, {})) == (400, "invalid")
