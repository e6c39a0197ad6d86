"""/rehearsals: results for everybody, starting for managers, played by a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls.models import RehearsalRun
from calls.rehearsal import runs
from calls.rehearsal.reading import shipped
from calls.rehearsal.scratch import ScratchFailed
from crm.models import Role
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued(monkeypatch) -> list[int]:
    """Runs handed to the worker."""
    found: list[int] = []
    monkeypatch.setattr("calls.tasks.rehearse.delay", found.append)
    return found


@pytest.fixture
def manager(client):
    person = factories.agent(role=Role.MANAGER)
    client.force_login(person)
    return person


def result(name: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    return {"name": name, "about": f"About {name}.", "outcome": outcome, "problems": [], "seconds": 0.4} | more


def test_before_the_first_run_all_stories_are_named(client, manager):
    page = client.get("/rehearsals").content.decode()

    assert "Nothing has been rehearsed yet." in page
    assert page.count("rehearsal-row") >= 20
    assert "Never played" in page


def test_a_manager_starts_all_and_a_worker_gets_it(client, manager, queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/rehearsals/start")

    run = RehearsalRun.objects.get()
    assert (answer.status_code, answer.url) == (302, "/rehearsals")
    assert (run.agent, run.status, queued) == (manager, "queued", [run.pk])
    assert run.names == [path.stem for path in shipped()]
    assert "every 2s" in client.get("/rehearsals").content.decode()


def test_one_story_alone(client, manager, queued):
    client.post("/rehearsals/start", {"name": "cancel"})

    assert RehearsalRun.objects.get().names == ["cancel"]


def test_a_second_run_waits_for_the_first(client, manager, queued):
    client.post("/rehearsals/start")
    page = client.post("/rehearsals/start", follow=True).content.decode()

    assert RehearsalRun.objects.count() == 1
    assert "running already" in page


def test_an_unknown_story_is_refused(client, manager, queued):
    page = client.post("/rehearsals/start", {"name": "../../etc/passwd"}, follow=True).content.decode()

    assert not RehearsalRun.objects.exists()
    assert "There is no scenario" in page


def test_agents_look_and_do_not_start(client, queued):
    client.force_login(factories.agent())

    assert client.post("/rehearsals/start").status_code == 403
    assert "Rehearse all" not in client.get("/rehearsals").content.decode()
    assert not RehearsalRun.objects.exists()


def test_strangers_see_nothing(client):
    assert client.get("/rehearsals").status_code == 302
    assert client.post("/rehearsals/start").status_code == 302


def test_results_are_shown_with_what_went_wrong_first(client, manager):
    said = [{"role": "user", "content": "<b>Tuesday</b>"}]
    failed = result("cancel", "failed", problems=["leads: expected 1, there is 2."], transcript=said)
    run = RehearsalRun.objects.create(
        names=["changes-mind", "cancel"], results=[result("changes-mind"), failed], status="failed",
        finished_at=timezone.now(),
    )  # fmt: skip

    page = client.get(f"/rehearsals/{run.pk}").content.decode()

    assert page.index('data-outcome="failed"') < page.index('data-outcome="passed"')
    assert "leads: expected 1, there is 2." in page
    assert "&lt;b&gt;Tuesday" in page
    assert "1 of 2 scenarios passed" in page
    assert client.get("/rehearsals/999999").status_code == 404


def test_a_worker_plays_and_keeps_each_result(monkeypatch):
    monkeypatch.setattr(runs, "play_in_scratch", lambda names: iter([result(name) for name in names]))
    run = RehearsalRun.objects.create(names=["cancel", "spam"])

    runs.play(run.pk)

    run.refresh_from_db()
    assert run.status == "passed"
    assert [each["name"] for each in run.results] == ["cancel", "spam"]
    assert run.finished_at is not None


def test_played_twice_is_played_once(monkeypatch):
    run = RehearsalRun.objects.create(names=["cancel"], status="running")
    monkeypatch.setattr(runs, "play_in_scratch", lambda names: pytest.fail("played again"))

    runs.play(run.pk)


@pytest.mark.parametrize(
    ("given", "status"),
    [([result("cancel", "failed")], "failed"), ([result("cancel", "broken")], "failed"), ([], "failed")],
)
def test_what_did_not_pass_is_a_failed_run(monkeypatch, given, status):
    monkeypatch.setattr(runs, "play_in_scratch", lambda names: iter(given))
    run = RehearsalRun.objects.create(names=["cancel"])

    runs.play(run.pk)

    run.refresh_from_db()
    assert run.status == status


def test_a_scratch_office_that_does_not_start_breaks_the_run_in_words(monkeypatch):
    def fails(names: list[str]) -> None:
        raise ScratchFailed("The scratch office ended with code 1; the log says why.")

    monkeypatch.setattr(runs, "play_in_scratch", fails)
    run = RehearsalRun.objects.create(names=["cancel"])

    runs.play(run.pk)

    run.refresh_from_db()
    assert (run.status, run.problem) == ("broken", "The scratch office ended with code 1; the log says why.")


def test_a_run_whose_worker_died_is_given_up(client, manager, queued):
    run = RehearsalRun.objects.create(names=["cancel"], status="running")
    RehearsalRun.objects.update(created_at=timezone.now() - runs.LOST_AFTER - timedelta(seconds=1))

    page = client.get("/rehearsals").content.decode()

    run.refresh_from_db()
    assert run.status == "broken"
    assert "The worker that played it went away" in page
    client.post("/rehearsals/start")
    assert RehearsalRun.objects.count() == 2
