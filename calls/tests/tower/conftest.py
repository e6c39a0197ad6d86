from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone

from calls.models import Assistant, Call, Phase, call_pk
from calls.tests.tower.line import CONTROL, LISTEN, Line, Rerouted
from calls.tower import actions, keyring
from calls.webhook.decode import Monitor
from crm.models import Role
from crm.tests import factories


@pytest.fixture
def line(monkeypatch):
    with Line() as standing_in:
        monkeypatch.setattr(actions, "make_transport", lambda: Rerouted(standing_in.url))
        yield standing_in


@pytest.fixture
def team(db):
    return factories.team(name="North")


@pytest.fixture
def call(team):
    return live_call(assistant=Assistant.objects.create(vapi_id="asst-1", name="Riley", team=team))


@pytest.fixture
def manager(client, db):
    person = factories.agent(role=Role.MANAGER, full_name="Ana Soto", phone="+13125550100")
    client.force_login(person)
    return person


def live_call(vapi_id: str = "call-1", **fields: Any) -> Call:
    values = {"status": "in-progress", "phase": Phase.LISTENING, "last_event_at": timezone.now()} | fields
    call = Call.objects.create(id=call_pk(vapi_id), vapi_id=vapi_id, **values)
    keyring.keep(call.pk, Monitor(CONTROL, LISTEN))
    return call


def post(client: Any, call: Call, name: str, *, as_json: bool = False, htmx: bool = True, **fields: Any) -> Any:
    """Press one of the menu's buttons."""
    values = {"key": str(uuid.uuid4()), "reason": "The assistant is stuck"} | fields
    headers = {"Accept": "application/json"} if as_json else {"HX-Request": "true"} if htmx else {"Accept": "text/html"}
    return client.post(f"/calls/{call.pk}/tower/{name}", values, headers=headers)
