"""Earlier calls brought in from the page and by programs: once, by a worker, with progress and words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls import history_import, history_runs
from calls.models import Call, HistoryRun
from calls.tests.vapi.test_history_import import ended
from calls.tests.vapi.test_history_import import vapi as vapi
from calls.tests.vapi.test_pages import page, signed_in
from crm.api.tests.conftest import problem, token_client
from crm.models import Agent, Role

pytestmark = pytest.mark.django_db
PATH = "/api/v1/call-history"


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr("calls.tasks.bring_in_history.delay_on_commit", found.append)
    return found


@pytest.fixture
def manager() -> Agent:
    return Agent.objects.create_user("mo@example.com", full_name="Mo", role=Role.MANAGER)


def test_a_manager_presses_twice_and_the_calls_come_once(url, vapi, queued, monkeypatch) -> None:
    monkeypatch.setattr(history_import, "LOT", 2)
    for _ in range(3):
        ended(vapi)
    boss = signed_in(Role.MANAGER)
    assert "Bring in calls" in page(boss)

    for _ in range(2):
        assert boss.post("/assistants/history").status_code == 302
    waiting = page(boss)
    for run_id in queued * 2:
        history_runs.play(run_id)
    over = page(boss)

    run = HistoryRun.objects.get()
    assert (len(queued), run.status, run.seen, run.brought, Call.objects.count()) == (1, "done", 3, 3, 3)
    assert "Waiting for a worker" in waiting
    assert "already" in waiting
    assert "3 calls were brought in" in over
    assert "Look for more" in over


def test_the_progress_is_asked_for_by_htmx_until_it_is_over(url, queued) -> None:
    boss = signed_in(Role.MANAGER)
    boss.post("/assistants/history")
    HistoryRun.objects.update(status="running", seen=120, brought=7)

    part = boss.get("/assistants/history", headers={"HX-Request": "true"}).content.decode()

    assert "120 calls looked at so far, 7 of them new." in part
    assert 'hx-trigger="every 2s"' in part
    assert boss.get("/assistants/history").status_code == 302


def test_it_is_for_managers_and_needs_a_key(url, queued, settings) -> None:
    agent = signed_in(Role.AGENT)
    assert "Calls before Pete" not in page(agent)
    assert agent.post("/assistants/history").status_code == 403

    settings.VAPI_API_KEY = ""
    boss = signed_in(Role.MANAGER)
    assert "Calls before Pete" not in page(boss)
    boss.post("/assistants/history")
    assert not HistoryRun.objects.exists()


def test_a_run_that_breaks_off_says_why_and_another_may_begin(url, vapi, queued, settings, manager) -> None:
    settings.VAPI_API_KEY = "another"
    history_runs.play(history_runs.start(manager).pk)

    assert HistoryRun.objects.get().problem.startswith("Vapi refuses the key")
    settings.VAPI_API_KEY = vapi.key
    history_runs.play(history_runs.start(manager).pk)
    assert list(HistoryRun.objects.values_list("status", flat=True)) == ["done", "failed"]


def test_a_run_whose_worker_went_away_stands_in_nobodys_way(url, queued, manager) -> None:
    history_runs.start(manager)
    HistoryRun.objects.update(heard_at=timezone.now() - timedelta(minutes=11))

    history_runs.start(manager)

    assert list(HistoryRun.objects.values_list("status", flat=True)) == ["queued", "failed"]


def test_a_program_does_the_same(url, queued, manager) -> None:
    client = token_client(manager)
    agent = token_client(Agent.objects.create_user("al@example.com", full_name="Al"))

    made = [client.post(PATH, {"days": 30}, HTTP_IDEMPOTENCY_KEY="h") for _ in range(2)]
    body: dict[str, Any] = made[0].json()

    assert (made[0].status_code, made[1].json()) == (201, body)
    assert {name: body[name] for name in ("days", "status", "agent")} == {
        "days": 30, "status": "queued", "agent": manager.pk,
    }  # fmt: skip
    assert queued == [body["id"]]
    assert problem(client.post(PATH, {})) == (409, "already_running")
    assert client.get(f"{PATH}/{body['id']}").json() == body
    assert problem(client.post(PATH, {"days": 0})) == (400, "invalid")
    assert problem(agent.get(PATH)) == (403, "manager_required")


def test_without_a_key_a_program_is_told(settings, manager) -> None:
    settings.VAPI_API_KEY = ""
    assert problem(token_client(manager).post(PATH, {})) == (409, "vapi_not_ready")


def test_a_signed_out_browser_starts_nothing(queued) -> None:
    assert Client().post("/assistants/history").status_code == 302
    assert queued == []
