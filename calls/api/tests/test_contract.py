"""What outside programs rely on: every path, every field, every name that the public surface promises."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from calls.models import Assistant, Call, Phase, call_pk
from crm.api.tests.conftest import problem
from crm.models import CalendarState, Closure, OfficeSettings
from crm.tests import factories

V1 = "/api/v1"
SHAPES = {
    "leads": "id full_name phone email budget timeline property_type location stage source owner created_at",
    "listings": (
        "id address unit rent currency bedrooms bathrooms property_type status available_on agents"
    ),
    "appointments": "id lead listing agent starts_at ends_at status source calendar_state external_id",
    "calls": (
        "id vapi_id status stage phase direction assistant lead customer_number started_at ended_at ended_reason"
        " duration_seconds summary recording_url cost context transcript phase_seconds alerts"
    ),
    "agents": "id email full_name role timezone calendar",
    "assistants": "id vapi_id name",
    "closures": "id starts_on ends_on reason",
    "busy-times": "id agent starts_at ends_at reason",
    "notes": "id lead text",
    "webhooks": "id url events",
}  # fmt: skip
PROGRAM_READS = [
    "/vapi/assistants",
    "/calendar/events",
    "/calendar/availability",
    "/calendar/auth/status",
    "/search/rental",
    "/database/status",
    "/database/rentals",
    "/database/available",
    *(f"{V1}/{name}" for name in [*SHAPES, "availability", "settings", "live"]),
]
RULES = {
    "viewing_minutes": 30,
    "slot_step_minutes": 30,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
    "minimum_notice_minutes": 60,
    "horizon_days": 60,
    "daily_cap": None,
    "hold_seconds": 180,
}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture
def worker() -> Any:
    return factories.agent(hours=(0, 24), email="wanda@example.com")


@pytest.fixture
def desk(api, worker) -> dict[str, Any]:
    """One of everything, by resource, with nothing left out."""
    home = factories.listing(worker, unit="2B", available_on=date(2026, 1, 1), bathrooms="1.5", property_type="loft")
    lead = factories.lead(full_name="Jane Roe", email="jane@example.com", budget="1900.00", owner=worker)
    start = datetime(2030, 1, 7, 15, tzinfo=UTC)
    call = Call.objects.create(
        pk=call_pk("v-1"), vapi_id="v-1", lead=lead, customer_number="+13125550100", phase=Phase.ENDED,
        started_at=start, ended_at=start + timedelta(minutes=2), summary="Wants a loft.", cost="0.12",
        transcript=[{"role": "user", "text": "Hi", "at": start.isoformat(), "interrupted": True}],
        alerts=[{"code": "silence", "at": start.isoformat()}],
    )  # fmt: skip
    viewing = factories.appointment(worker, home, start, lead=lead, calendar_state=CalendarState.SYNCED)
    return {
        "leads": lead.pk, "listings": home.pk, "appointments": viewing.pk, "calls": str(call.pk), "agents": worker.pk,
        "assistants": Assistant.objects.create(vapi_id="a-1", name="Ava").pk,
        "closures": Closure.objects.create(starts_on=start.date(), ends_on=start.date(), reason="Feast").pk,
        "busy-times": factories.busy_time(worker, start + timedelta(hours=2), start + timedelta(hours=3)).pk,
        "notes": api.post(f"{V1}/notes", {"lead": lead.pk, "text": "Hi"}).json()["id"],
        "webhooks": api.post(f"{V1}/webhooks", {"url": "https://example.com/", "events": ["call.ended"]}).json()["id"],
    }  # fmt: skip


@pytest.mark.parametrize("resource", SHAPES)
def test_a_record_has_every_promised_field_alone_and_in_its_list(api, desk, resource: str) -> None:
    wanted = set(SHAPES[resource].split())
    page = api.get(f"{V1}/{resource}/", {"page_size": 200, "ordering": "id"}).json()
    row = next(row for row in page["results"] if row["id"] == desk[resource])
    alone = api.get(f"{V1}/{resource}/{desk[resource]}/").json()

    assert set(page) == {"next", "previous", "results"}
    assert wanted <= row.keys()
    assert wanted <= alone.keys()
    for name, value in alone.items():
        if name.endswith("_at") and value is not None:
            assert RFC_3339.fullmatch(value), name


def test_the_values_are_written_as_promised(api, desk) -> None:
    lead, home, viewing, call, agent = (
        api.get(f"{V1}/{name}/{desk[name]}").json() for name in ("leads", "listings", "appointments", "calls", "agents")
    )
    assert (lead["budget"], lead["phone"][:2], lead["owner"]) == ("1900.00", "+1", agent["id"])
    assert (home["rent"], home["currency"], home["agents"]) == ("1800.00", "USD", [agent["id"]])
    assert (viewing["status"], viewing["calendar_state"], viewing["external_id"]) == ("booked", "synced", "")
    assert (viewing["lead"], viewing["listing"], viewing["agent"]) == (lead["id"], home["id"], agent["id"])
    assert (call["phase"], call["direction"], call["duration_seconds"]) == ("ENDED", "inbound", 120)
    assert call["phase_seconds"].keys() <= set(Phase.values)
    assert call["transcript"][0].keys() == {"role", "text", "at", "interrupted"}
    assert call["alerts"][0].keys() >= {"code", "at"}
    assert agent["calendar"].keys() == {"provider", "status", "last_synced_at"}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", PROGRAM_READS)
def test_every_path_answers_a_token_and_nobody_else(client, api, path: str, slash: str, db) -> None:
    assert problem(client.get(path + slash)) == (401, "not_authenticated")
    assert api.get(path + slash).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/calendar/nothing", "/search/nothing", "/database/nothing/"])
def test_unknown_paths_are_problems(api, path: str) -> None:
    assert problem(api.get(path)) == (404, "not_found")
    assert problem(api.post(path, {})) == (404, "not_found")


@pytest.mark.parametrize("path", [f"{V1}/leads", f"{V1}/notes", f"{V1}/appointments", f"{V1}/closures"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_write_is_never_redirected(api, path: str, slash: str) -> None:
    assert api.post(path + slash, {"x": 1}).status_code in (201, 400)


def test_the_documents_endpoints_have_their_fields(api, desk) -> None:
    listing = set(SHAPES["listings"].split())
    found = api.get("/search/rental", {"max_rent": 2000}).json()
    status = api.get("/database/status").json()
    start = {"start": "2030-01-07T00:00:00Z", "end": "2030-01-08T00:00:00Z"}
    events = api.get("/calendar/events", {"user_id": desk["agents"]} | start).json()
    assistants = api.get("/vapi/assistants").json()

    assert listing <= found["results"][0].keys()
    assert (status["status"], status["rentals"], status["available"]) == ("ok", 1, 1)
    for path in ("/database/rentals", "/database/available"):
        assert listing <= api.get(path).json()["results"][0].keys()
    assert [event["type"] for event in events["events"]] == ["viewing", "busy"]
    assert assistants["assistants"][0].keys() >= {"id", "name", "assistant", "listing", "agent"}
    assert api.get("/calendar/auth/status", {"user_id": desk["agents"]}).json().keys() >= {"provider", "status"}


def test_the_documents_names_book_a_viewing(api, worker) -> None:
    home = factories.listing(worker)
    slot = api.get("/calendar/availability", {"user_id": worker.pk, "property_id": home.pk}).json()["slots"][0]
    wanted = {"user_id": worker.pk, "property_id": home.pk, "start_time": slot["starts_at"]}

    made = api.post("/calendar/events", wanted | {"attendee_name": "Jane", "attendee_phone": "+13125550100"})

    assert made.status_code == 201
    assert (made.json()["agent"], made.json()["listing"]) == (worker.pk, home.pk)


def test_availability_and_its_reasons(api, worker) -> None:
    home = factories.listing(worker)
    query = {"agent": worker.pk, "listing": home.pk}
    body = api.get(f"{V1}/availability", query | {"limit": 1}).json()
    today = datetime.now(UTC).isoformat()
    closed = api.get(f"{V1}/availability", query | {"explain": 1, "start": today, "limit": 1}).json()

    assert body["slots"][0].keys() == {"slot_id", "starts_at", "ends_at", "agent", "listing"}
    assert body["explanations"] == []
    assert closed["explanations"][0].keys() == {"starts_at", "agent", "rule"}
    assert closed["explanations"][0]["rule"] == "minimum_notice"
    assert api.get(f"{V1}/availability", query).json()["slots"][:1] == body["slots"]


def test_the_rules_and_their_defaults(api, db) -> None:
    body = api.get(f"{V1}/settings").json()

    assert {name: body[name] for name in RULES} == RULES
    assert api.patch(f"{V1}/settings", {"daily_cap": 4}).json()["daily_cap"] == 4
    assert OfficeSettings.load().daily_cap == 4


def test_a_viewing_is_held_confirmed_moved_and_cancelled(api, worker) -> None:
    home = factories.listing(worker)
    first, second, *_ = api.get(f"{V1}/availability", {"listing": home.pk}).json()["slots"]
    wanted = {"slot_id": first["slot_id"], "attendee_name": "Jane", "attendee_email": "jane@example.com"}
    held = api.post(f"{V1}/appointments", wanted | {"hold": True}, HTTP_IDEMPOTENCY_KEY="k").json()
    path = f"{V1}/appointments/{held['id']}"

    assert (held["status"], bool(held["expires_at"])) == ("held", True)
    assert api.post(f"{V1}/appointments", wanted | {"hold": True}, HTTP_IDEMPOTENCY_KEY="k").json()["id"] == held["id"]
    assert api.post(f"{path}/confirm").json()["status"] == "booked"
    taken = api.post(f"{V1}/appointments", wanted)
    assert problem(taken) == (409, "slot_taken")
    assert taken.json()["alternatives"][0].keys() == first.keys()
    assert api.post(f"{path}/reschedule", {"slot_id": second["slot_id"]}).json()["starts_at"] == second["starts_at"]
    assert api.post(f"{path}/cancel", {"reason": "Ill"}).json()["status"] == "cancelled"


def test_records_are_made_from_what_is_promised_to_be_enough(api, worker) -> None:
    lead = factories.lead()
    made = {
        "agents": {"email": "n@example.com", "full_name": "Nia", "timezone": "Europe/Berlin"},
        "listings": {"address": "1 New Street", "rent": "1500", "bedrooms": 1, "agents": [worker.pk]},
        "notes": {"lead": lead.pk, "text": "Hi"},
        "closures": {"starts_on": "2030-01-01", "ends_on": "2030-01-02", "reason": "Feast"},
        "busy-times": {
            "agent": worker.pk, "starts_at": "2030-01-01T10:00:00Z", "ends_at": "2030-01-01T11:00:00Z", "reason": "x",
        },
    }  # fmt: skip
    for resource, body in made.items():
        assert api.post(f"{V1}/{resource}", body).status_code == 201, resource
    for status in ("available", "held", "let", "withdrawn"):
        body = {"address": f"{status} Street", "rent": 1, "bedrooms": 0, "agents": [], "status": status}
        assert api.post(f"{V1}/listings", body).json()["status"] == status
    closure = api.get(f"{V1}/closures").json()["results"][0]["id"]
    assert api.delete(f"{V1}/closures/{closure}").status_code == 204


def test_the_working_week_goes_in_as_it_comes_out(api, worker) -> None:
    week = [{"weekday": 0, "start": "09:00", "end": "17:00"}, {"weekday": 6, "start": "10:30", "end": "12:00"}]
    path = f"{V1}/agents/{worker.pk}/working-hours/"

    assert api.put(path, week).json() == week
    assert api.get(path).json() == week


@pytest.mark.parametrize(
    ("resource", "query"),
    [
        ("calls", {"vapi_id": "v-1"}), ("leads", {"search": "jane"}), ("leads", {"phone": ""}),
        ("appointments", {"status": "booked"}), ("appointments", {"agent": "", "ordering": "-starts_at"}),
    ],
)  # fmt: skip
def test_the_promised_filters(api, desk, resource: str, query: dict) -> None:
    lead = api.get(f"{V1}/leads/{desk['leads']}").json()
    query = {name: value or {"phone": lead["phone"], "agent": desk["agents"]}[name] for name, value in query.items()}

    assert [row["id"] for row in api.get(f"{V1}/{resource}", query).json()["results"]] == [desk[resource]]
    assert api.get(f"{V1}/calls/v-1").json()["id"] == desk["calls"]
