"""Calls and the board's snapshot, as programs read them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from calls.models import Assistant, Call, Phase, call_pk
from calls.webhook.shapes import identifier
from crm import freshness
from crm.api.tests.conftest import problem
from crm.models import Agent, Lead, Listing, Role
from crm.tokens import issue_token

CALLS = "/api/v1/calls"
SHAPE = {
    "id",
    "vapi_id",
    "status",
    "stage",
    "phase",
    "direction",
    "assistant",
    "lead",
    "customer_number",
    "started_at",
    "ended_at",
    "ended_reason",
    "duration_seconds",
    "summary",
    "recording_url",
    "cost",
    "context",
    "transcript",
    "phase_seconds",
    "alerts",
}


@pytest.fixture
def api(db: None) -> APIClient:
    person = Agent.objects.create_user("ada@example.com", full_name="Ada", role=Role.ADMIN)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_token(agent=person, scopes=['read'])[1]}")
    return client


def make_call(vapi_id: str, **values: Any) -> Call:
    return Call.objects.create(id=call_pk(vapi_id), vapi_id=vapi_id, **values)


def test_a_call_has_its_shape(api):
    line = {"role": "user", "text": "Hi", "at": "2027-01-01T00:00:00+00:00", "interrupted": False}
    call = make_call("v-1", transcript=[line], customer_number="+13125550100")

    body = api.get(f"{CALLS}/v-1").json()

    assert set(body) >= SHAPE
    assert (body["id"], body["transcript"], body["customer_number"]) == (str(call.pk), [line], "+13125550100")
    assert api.get(CALLS).json()["results"][0]["transcript"] == [line]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_call_is_found_by_either_id(api, slash):
    vapi_id = str(uuid.uuid4())
    call = make_call(vapi_id)

    for name in (vapi_id, str(call.pk), str(call.pk).upper(), call.pk.hex):
        assert api.get(f"{CALLS}/{name}{slash}").json()["vapi_id"] == vapi_id


@pytest.mark.parametrize("vapi_id", ["a/b/c", "a b", "ü\U0001f3e0", "a?b=1&c#d", "%2F", "a\nb", "x" * 200 + "y" * 100])
def test_a_call_is_found_whatever_vapi_names_it(api, vapi_id):
    call = make_call(identifier(vapi_id))
    make_call("another")

    assert api.get(f"{CALLS}/{quote(vapi_id, safe='')}").json()["id"] == str(call.pk)
    assert [row["id"] for row in api.get(CALLS, {"vapi_id": vapi_id}).json()["results"]] == [str(call.pk)]


@pytest.mark.parametrize(
    "name",
    ["nobody", "7b0a1f6e-1f5d-4c0e-9d53-6f2a7c9d3e11", "x" * 5000, "%00", "a%00b", "é", "..", "%2e%2e", "{x}", "1"],
)
def test_an_unknown_call_is_404(api, name):
    assert problem(api.get(f"{CALLS}/{name}")) == (404, "not_found")


def test_calls_come_newest_first_in_pages(api):
    now = datetime.now(UTC)
    for n in range(5):
        make_call(f"v-{n}", created_at=now - timedelta(minutes=n // 2))

    seen, url = [], f"{CALLS}?page_size=2"
    while url:
        page = api.get(url).json()
        seen += [row["vapi_id"] for row in page["results"]]
        url = page["next"]

    assert sorted(seen) == [f"v-{n}" for n in range(5)]
    assert seen[-1] == "v-4"
    assert {*seen[:2]} == {"v-0", "v-1"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("vapi_id=v-1", ["v-1"]),
        ("vapi_id=nobody", []),
        ("status=ended", ["v-2"]),
        ("stage=BOOKING", ["v-1"]),
        ("phase=ENDED,THINKING", ["v-1", "v-2"]),
        ("live=1", ["v-1"]),
        ("live=false", ["v-2"]),
        ("direction=web", ["v-2"]),
        ("phone=+13125550100", ["v-1"]),
        ("lead=99999", []),
        ("from=2020-01-01&to=2020-02-01", []),
        ("ordering=created_at", ["v-1", "v-2"]),
        ("ordering=-id", ["v-1", "v-2"]),
    ],
)
def test_calls_are_filtered(api, query, found):
    make_call("v-1", stage="BOOKING", phase=Phase.THINKING, customer_number="+13125550100")
    make_call("v-2", status="ended", phase=Phase.ENDED, direction="web")

    assert sorted(row["vapi_id"] for row in api.get(f"{CALLS}?{query}").json()["results"]) == found


@pytest.mark.parametrize(
    "query",
    ["stage=x", "phase=x", "direction=up", "lead=x", "live=perhaps", "from=x", "phone=x", "ordering=transcript"],
)
def test_a_bad_parameter_is_400(api, query):
    assert problem(api.get(f"{CALLS}?{query}")) == (400, "invalid_parameter")


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_however_long(api, rows, django_assert_num_queries):
    for n in range(rows):
        make_call(f"v-{n}", lead=Lead.objects.create(full_name=str(n)))
    api.get(CALLS)

    with django_assert_num_queries(2):
        assert len(api.get(CALLS).json()["results"]) == rows


def test_reads_wait_for_what_was_acknowledged(api, monkeypatch):
    settled = []
    monkeypatch.setattr(freshness, "_waiting", [lambda: settled.append(1)])
    make_call("v-1")

    for path in (CALLS, f"{CALLS}/v-1", "/api/v1/live"):
        assert api.get(path).status_code == 200
    assert settled == [1, 1, 1]


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_snapshot_is_the_boards(api, slash):
    body = api.get(f"/api/v1/live{slash}").json()

    assert set(body) == {"seq", "calls"}
    assert isinstance(body["seq"], int)


@pytest.mark.parametrize("rows", [1, 3])
def test_assistants_are_listed(api, rows, django_assert_num_queries):
    home = Listing.objects.create(address="1 Oak", rent=1, bedrooms=1)
    for n in range(rows):
        Assistant.objects.create(vapi_id=f"a-{n}", name=f"Rosa {n}", listing=home)
    api.get("/api/v1/assistants/")

    with django_assert_num_queries(2):
        found = api.get(f"/api/v1/assistants?listing={home.pk}").json()["results"]

    assert [row["vapi_id"] for row in found] == [f"a-{n}" for n in range(rows)]
    assert api.get(f"/api/v1/assistants/{found[0]['id']}").json() == found[0]
    assert api.get("/api/v1/assistants?vapi_id=a-0&is_active=false").json()["results"] == []


def test_nobody_listens_in_without_a_token(db):
    for path in (CALLS, f"{CALLS}/v-1", "/api/v1/live"):
        assert problem(APIClient().get(path)) == (401, "not_authenticated")


def test_calls_are_not_written_here(api):
    assert problem(api.post(CALLS, {}, format="json"))[0] == 403
    assert problem(api.delete(f"{CALLS}/v-1"))[0] == 403
