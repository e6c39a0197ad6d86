"""Stepping into a live call by program: the same actions, rights and log as in the tower."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from calls.models import ControlAction
from calls.tests.tower.conftest import live_call
from crm.api.tests.conftest import problem, token_client
from crm.models import Role
from crm.tests import factories


@pytest.fixture
def boss(db):
    return factories.agent(role=Role.MANAGER)


@pytest.fixture
def api(boss):
    return token_client(boss)


def path(call) -> str:
    return f"/api/v1/calls/{call.vapi_id}/control"


def test_a_program_says_something_once(api, boss, call, line) -> None:
    wish = {"kind": "say", "text": "Hold on", "reason": "Stuck"}
    body = api.post(path(call), wish, HTTP_IDEMPOTENCY_KEY="k").json()
    again = api.post(path(call) + "/", wish, HTTP_IDEMPOTENCY_KEY="k").json()
    other = api.post(path(call), wish | {"text": "Bye"}, HTTP_IDEMPOTENCY_KEY="k")

    assert line.told == [{"type": "say", "content": "Hold on", "endCallAfterSpoken": False}]
    assert body == again
    assert (body["action"]["kind"], body["action"]["outcome"], body["supervisor"]["agent"]) == ("say", "done", boss.pk)
    assert problem(other) == (422, "idempotency_mismatch")
    assert api.get(f"/api/v1/calls/{call.pk}").json()["control_actions"] == [body["action"]]
    released = api.post(path(call), {"kind": "release"}).json()
    assert released["action"] is None
    assert datetime.fromisoformat(released["supervisor"]["expires_at"]) <= timezone.now()


def test_a_caller_is_put_through(api, call, line) -> None:
    other = factories.agent(full_name="Ben Okafor", phone="+17735550177")

    assert api.post(path(call), {"kind": "transfer", "reason": "Asked", "to": other.pk}).status_code == 200
    assert line.told[0]["destination"] == {"type": "number", "number": "+17735550177"}


def test_what_cannot_be_done_is_refused_and_says_why(api, call, line) -> None:
    over = live_call("call-2", phase="ENDED")

    assert problem(api.post(path(over), {"kind": "mute", "reason": "x"})) == (409, "call_over")
    assert problem(api.post(path(call), {"kind": "mute"})) == (400, "bad_arguments")
    for wrong in ({"kind": "listen"}, {}, {"kind": "say", "text": "x" * 2000}, {"kind": "transfer", "to": 2**70}):
        assert problem(api.post(path(call), wrong)) == (400, "invalid")
    assert problem(api.get(path(call))) == (405, "method_not_allowed")
    assert line.told == []
    assert not ControlAction.objects.exists()


def test_a_call_of_another_team_is_not_there(call, line, team) -> None:
    stranger, mate = (token_client(factories.agent(team=each)) for each in (factories.team(), team))
    call.lead = factories.lead(owner=factories.agent(team=team))
    call.save()

    assert problem(stranger.post(path(call), {"kind": "mute", "reason": "x"})) == (404, "not_found")
    assert mate.post(path(call), {"kind": "mute", "reason": "x"}).status_code == 200


def test_calls_are_searched_by_what_was_said(api, call) -> None:
    call.transcript = [{"role": "user", "text": "Is there parking?", "at": None, "interrupted": False}]
    call.save()

    assert [row["id"] for row in api.get("/api/v1/calls", {"search": "parking"}).json()["results"]] == [str(call.pk)]
    assert api.get("/api/v1/calls", {"search": "swimming"}).json()["results"] == []
