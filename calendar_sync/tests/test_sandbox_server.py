"""The stand-in as a process, and its own addresses for being the person in Outlook."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

from calendar_sync.tests.conftest import ADA, HEADERS

PERSON = f"/_sandbox/people/{ADA}"
TIMES = {"start": "2026-11-24T15:00:00Z", "end": "2026-11-24T16:00:00Z"}


@pytest.fixture
def control(graph):
    with httpx.Client(base_url=graph.url) as client:
        yield client


def state(control):
    return control.get("/_sandbox/state").json()


def test_a_person_creates_moves_edits_and_deletes(control):
    event_id = control.post(f"{PERSON}/events", json={"subject": "Lunch", **TIMES, "showAs": "tentative"}).json()["id"]
    moved = {"start": "2026-11-24T17:00:00Z", "subject": "Late lunch"}
    assert control.patch(f"{PERSON}/events/{event_id}", json=moved).status_code == 204

    [event] = state(control)["mailboxes"][ADA]["events"]
    assert (event["subject"], event["showAs"]) == ("Late lunch", "tentative")
    assert (event["start"]["dateTime"][:16], event["end"]["dateTime"][:16]) == ("2026-11-24T17:00", "2026-11-24T18:00")

    assert control.delete(f"{PERSON}/events/{event_id}").status_code == 204
    assert state(control)["mailboxes"][ADA]["events"] == []


def test_people_are_added_and_given_tokens(control, graph):
    made = control.post("/_sandbox/people", json={"address": "Bob@northside.example", "timezone": "Europe/London"})
    token = control.post(f"/_sandbox/people/{made.json()['address']}/token", json={"seconds": 60}).json()

    headers = {**HEADERS, "Authorization": f"Bearer {token['access_token']}"}
    me = httpx.get(f"{graph.graph_url}/me", headers=headers).json()
    assert (me["displayName"], me["mail"]) == ("Bob", "bob@northside.example")


def test_faults_are_queued_and_forgotten(control, sandbox):
    fault = {"kind": "throttled", "retry_after": "3", "mailbox": ADA, "times": 2}
    assert control.post("/_sandbox/faults", json=fault).status_code == 204

    assert [f["retry_after"] for f in state(control)["faults"][ADA]] == ["3", "3"]
    control.delete("/_sandbox/faults")
    assert state(control)["faults"] == {}
    control.post("/_sandbox/faults/chance", json={"chance": 1.0, "kinds": ["html"]})
    assert sandbox.faults.take(ADA, _request()).kind == "html"


def _request():
    from calendar_sync.sandbox.messages import Request

    return Request.build("GET", "http://x/v1.0/me", {})


def test_things_are_broken_from_outside(control, sandbox, entra):
    entra.sign_in(ADA)
    for what in ("expire", "revoke-consent", "forget-delta"):
        assert control.post(f"{PERSON}/{what}").status_code == 204
    assert control.post(f"{PERSON}/revoke", json={"number": 50057}).status_code == 204
    assert control.post(f"{PERSON}/lifecycle", json={"event": "missed"}).json() == {"told": 0}
    assert control.post("/_sandbox/entra/fail", json={"status": 503}).status_code == 204
    assert control.patch(f"{PERSON}/account", json={"consent": "admin_approval"}).status_code == 204
    assert control.patch("/_sandbox/options", json={"latency": 0.0, "echoes": 2}).status_code == 204

    assert {token.refused_with for token in sandbox.entra.refresh_tokens.values()} == {50057}
    assert sandbox.entra.account(ADA).consent == "admin_approval"
    assert len(sandbox.entra.faults) == 1


def test_requests_are_listed_without_their_tokens(control, graph, sandbox):
    token = sandbox.entra.token_for(ADA)
    httpx.get(f"{graph.graph_url}/me", headers={**HEADERS, "Authorization": f"Bearer {token}"})

    answer = control.get("/_sandbox/requests")

    [entry] = answer.json()["requests"]
    assert (entry["method"], entry["path"], entry["status"], entry["mailbox"]) == ("GET", "/v1.0/me", 200, ADA)
    assert token not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_sandbox/faults", {"kind": "earthquake"}),
        ("POST", f"{PERSON}/events", {"subject": "No times"}),
        ("PATCH", "/_sandbox/options", {"colour": "red"}),
        ("PATCH", f"{PERSON}/account", {"colour": "red"}),
        ("POST", "/_sandbox/people", {"name": "Nobody"}),
    ],
)
def test_bad_wishes_are_400(control, method, path, body):
    assert control.request(method, path, json=body).status_code == 400


def test_unknown_people_and_addresses_are_404(control):
    assert control.post("/_sandbox/people/nobody@x.example/token").status_code == 404
    assert control.get("/_sandbox/nothing").status_code == 404


def test_the_page_shows_the_week_and_its_buttons_work(control, sandbox):
    assert "Ada Lovelace" in control.get("/").text
    page = f"/_sandbox/outlook/{ADA}"
    now = sandbox.clock().strftime("%Y-%m-%dT%H:00")

    added = control.post(page, data={"do": "add", "subject": "<b>Lunch</b>", "start": now, "minutes": "45"})
    assert (added.status_code, added.headers["Location"]) == (302, page.replace("@", "%40"))
    assert "&lt;b&gt;Lunch&lt;/b&gt;" in control.get(page).text
    [event] = sandbox.outlook(ADA).events()
    control.post(page, data={"do": "move", "id": event.id, "minutes": "60"})
    [moved] = sandbox.outlook(ADA).events()
    assert (moved.start - event.start).total_seconds() == 3600
    control.post(page, data={"do": "delete", "id": event.id})
    assert sandbox.outlook(ADA).events() == []
    assert control.post(page, data={"do": "dance"}).status_code == 400


def test_it_runs_as_a_process_of_its_own():
    command = [sys.executable, "-m", "calendar_sync.sandbox", "--demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            url = line.split(" on ")[1].split(" ")[0]
            people = httpx.get(f"{url}/_sandbox/state").json()["mailboxes"]
        finally:
            process.terminate()

    assert len(people) == 5
    assert process.wait(5) == 0
