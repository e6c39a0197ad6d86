"""Viewings: booking, holding, moving, cancelling, and doing it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.api.tests.conftest import problem
from crm.models import (
    Agent,
    Appointment,
    IdempotentRequest,
    Lead,
    Listing,
    OutgoingMessage,
    TimelineEntry,
    WorkingHours,
)
from crm.tests import factories

APPOINTMENTS = "/api/v1/appointments"
AVAILABILITY = "/api/v1/availability"


@pytest.fixture
def open_listing(listing: Listing, agent: Agent) -> Listing:
    """A home whose agent works from nine to five, every day."""
    WorkingHours.objects.bulk_create(
        WorkingHours(agent=agent, weekday=day, start_minute=540, end_minute=1020) for day in range(7)
    )
    return listing


@pytest.fixture
def slots(api: APIClient, open_listing: Listing) -> list[dict[str, Any]]:
    """Offers for one whole day, soon."""
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    found = api.get(AVAILABILITY, {"start": str(day), "end": str(day + timedelta(days=1)), "listing": open_listing.pk})
    assert len(found.json()["slots"]) == 16, found.content
    return found.json()["slots"]


@pytest.fixture
def book(api: APIClient, slots: list[dict[str, Any]], lead: Lead) -> Callable[..., Any]:
    def post(n: int = 0, key: str | None = None, **more: Any) -> Any:
        headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
        return api.post(APPOINTMENTS, {"slot_id": slots[n]["slot_id"], "lead": lead.pk, **more}, **headers)

    return post


def test_a_slot_is_booked_for_a_lead(book, slots, lead, agent, listing, api):
    made = book(3)

    body = made.json()
    assert made.status_code == 201, body
    slot = slots[3]
    shown = {name: body[name] for name in ("lead", "listing", "agent", "starts_at", "ends_at", "status", "source")}
    assert shown == {
        "lead": lead.pk,
        "listing": listing.pk,
        "agent": agent.pk,
        "starts_at": slot["starts_at"],
        "ends_at": slot["ends_at"],
        "status": "booked",
        "source": "api",
    }
    assert (body["calendar_state"], body["external_id"], body["expires_at"]) == ("local", "", None)
    assert api.get(f"{APPOINTMENTS}/{body['id']}").json() == body


def test_a_time_is_booked_for_someone_new_and_an_agent_is_found(api, slots, listing, agent):
    made = api.post(
        APPOINTMENTS,
        {
            "listing": listing.pk,
            "starts_at": slots[0]["starts_at"],
            "attendee_name": "Al B",
            "attendee_phone": "(312) 555-0177",
            "attendee_email": "al@example.com",
        },
    )

    assert made.status_code == 201, made.json()
    lead = Lead.objects.get(pk=made.json()["lead"])
    assert (lead.full_name, lead.phone, lead.email) == ("Al B", "+13125550177", "al@example.com")
    assert (lead.source, lead.stage, made.json()["agent"]) == ("api", "viewing_booked", agent.pk)


@pytest.mark.parametrize("name", ["agent", "listing", "lead", "attendee_name", "attendee_phone", "attendee_email"])
def test_what_is_null_was_not_given(api, slots, lead, name):
    given = {"lead": lead.pk} if name.startswith("attendee") else {"attendee_name": "Al"}

    made = api.post(APPOINTMENTS, given | {"slot_id": slots[0]["slot_id"], name: None})

    assert made.status_code == 201, made.json()


def test_a_caller_who_is_known_stays_one_lead(api, slots, lead):
    made = api.post(APPOINTMENTS, {"slot_id": slots[0]["slot_id"], "attendee_phone": lead.phone})

    assert made.json()["lead"] == lead.pk
    assert Lead.objects.count() == 1


def test_a_taken_slot_is_409_with_alternatives_that_can_be_booked(book, api, slots, lead):
    book(0)

    refused = api.post(APPOINTMENTS, {"slot_id": slots[0]["slot_id"], "attendee_name": "Late"})

    assert problem(refused) == (409, "slot_taken")
    offers = refused.json()["alternatives"]
    assert set(offers[0]) == {"slot_id", "starts_at", "ends_at", "agent", "listing"}
    assert slots[0]["slot_id"] not in {offer["slot_id"] for offer in offers}
    # Nobody was made for the viewing that did not come about.
    assert list(Lead.objects.all()) == [lead]
    assert api.post(APPOINTMENTS, {"slot_id": offers[0]["slot_id"], "attendee_name": "Late"}).status_code == 201


def test_a_hold_expires_or_is_confirmed(book, api):
    held = book(1, hold=True).json()

    assert held["status"] == "held"
    assert datetime.fromisoformat(held["expires_at"]) > datetime.now(UTC)
    confirmed = api.post(f"{APPOINTMENTS}/{held['id']}/confirm/")
    assert (confirmed.status_code, confirmed.json()["status"], confirmed.json()["expires_at"]) == (200, "booked", None)
    assert api.post(f"{APPOINTMENTS}/{held['id']}/confirm", {}).json()["status"] == "booked"


def test_a_hold_stands_also_against_its_own_lead(book, api, slots):
    held = book(1, hold=True).json()

    assert problem(book(1, hold=True)) == (409, "slot_taken")
    assert problem(book(1)) == (409, "slot_taken")
    assert [book(2, hold=True).status_code, book(3).status_code] == [201, 201]
    booked = book(4).json()
    assert problem(api.post(f"{APPOINTMENTS}/{booked['id']}/reschedule", {"starts_at": held["starts_at"]}))[0] == 409
    assert api.post(f"{APPOINTMENTS}/{booked['id']}/reschedule", {"slot_id": slots[6]["slot_id"]}).status_code == 200
    assert api.post(f"{APPOINTMENTS}/{held['id']}/confirm").json()["status"] == "booked"


def test_an_expired_hold_is_neither_confirmed_nor_shown_as_held(book, api):
    held = book(1, hold=True).json()
    Appointment.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert problem(api.post(f"{APPOINTMENTS}/{held['id']}/confirm")) == (409, "slot_taken")
    assert api.get(f"{APPOINTMENTS}/{held['id']}").json()["status"] == "cancelled"
    assert api.get(f"{APPOINTMENTS}?status=held").json()["results"] == []


def test_a_viewing_moves_to_a_slot_or_a_time(book, api, slots):
    booked = book(0).json()

    by_time = api.post(f"{APPOINTMENTS}/{booked['id']}/reschedule", {"starts_at": slots[4]["starts_at"]})
    by_slot = api.post(f"{APPOINTMENTS}/{booked['id']}/reschedule/", {"slot_id": slots[5]["slot_id"]})

    assert (by_time.status_code, by_time.json()["starts_at"]) == (200, slots[4]["starts_at"])
    assert (by_slot.status_code, by_slot.json()["starts_at"]) == (200, slots[5]["starts_at"])
    assert Appointment.objects.filter(status="booked").count() == 1


def test_a_viewing_does_not_move_onto_another(book, api, slots):
    first, second = book(0).json(), book(1).json()

    refused = api.post(f"{APPOINTMENTS}/{second['id']}/reschedule", {"slot_id": slots[0]["slot_id"]})

    assert problem(refused) == (409, "slot_taken")
    assert refused.json()["alternatives"]
    starts = list(Appointment.objects.order_by("pk").values_list("pk", "starts_at"))
    assert starts == [(row["id"], datetime.fromisoformat(row["starts_at"])) for row in (first, second)]


def test_a_cancelled_viewing_gives_its_time_back(book, api, slots):
    booked = book(0).json()

    cancelled = api.post(f"{APPOINTMENTS}/{booked['id']}/cancel", {"reason": "Found another"})

    assert cancelled.status_code == 200
    assert (cancelled.json()["status"], cancelled.json()["cancel_reason"]) == ("cancelled", "Found another")
    assert api.post(f"{APPOINTMENTS}/{booked['id']}/cancel/").status_code == 200
    moved = api.post(f"{APPOINTMENTS}/{booked['id']}/reschedule", {"slot_id": slots[1]["slot_id"]})
    assert problem(moved) == (409, "no_viewing")
    assert book(0).status_code == 201


def test_the_same_key_books_once(book, slots):
    first = book(0, key="order-1")
    again = book(0, key="order-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert Appointment.objects.count() == 1


def test_the_same_key_makes_no_second_lead(api, slots):
    body = {"slot_id": slots[0]["slot_id"], "attendee_name": "Only a name"}

    answers = [api.post(APPOINTMENTS, body, HTTP_IDEMPOTENCY_KEY="order-1").json() for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert Lead.objects.count() == 1


def test_the_same_key_for_something_else_is_refused(book):
    book(0, key="order-1")

    assert problem(book(1, key="order-1")) == (422, "idempotency_mismatch")
    assert Appointment.objects.count() == 1


def test_a_refusal_leaves_the_key_free(book, slots):
    book(0)

    assert problem(book(0, key="order-1", attendee_name="x"))[0] == 409
    assert not IdempotentRequest.objects.exists()
    assert book(1, key="order-1").status_code == 201


def test_a_key_is_its_owners(book, agent_api, slots, lead):
    first = book(0, key="order-1").json()

    theirs = agent_api.post(
        APPOINTMENTS, {"slot_id": slots[1]["slot_id"], "lead": lead.pk}, HTTP_IDEMPOTENCY_KEY="order-1"
    )

    assert theirs.status_code == 201
    assert theirs.json()["id"] != first["id"]


@pytest.mark.parametrize("key", ["x" * 121, "a\tb", "é"])
def test_a_bad_key_is_refused(book, key):
    assert problem(book(0, key=key)) == (400, "bad_idempotency_key")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"slot_id": None, "starts_at": None}, "slot_id"),
        ({"slot_id": 5}, "slot_id"),
        ({"slot_id": ["x"]}, "slot_id"),
        ({"starts_at": "2027-01-04T09:00:00-06:00"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"lead": 0}, "lead"),
        ({"lead": "x"}, "lead"),
        ({"lead": None}, "lead"),
        ({"agent": 999_999}, "agent"),
        ({"agent": True}, "agent"),
        ({"listing": 10**30}, "listing"),
        ({"hold": "perhaps"}, "hold"),
        ({"attendee_phone": "12"}, "attendee_phone"),
        ({"attendee_email": "nobody"}, "attendee_email"),
        ({"attendee_name": 5}, "attendee_name"),
        ({"attendee_name": "\0"}, "attendee_name"),
        ({"attendee_name": "x" * 1_000_000}, "attendee_name"),
    ],
)
def test_a_bad_request_is_refused(book, change, path):
    response = book(0, **change)

    assert problem(response) == (400, "invalid")
    assert path in response.json()["errors"], response.json()
    assert not Appointment.objects.exists()


def test_a_request_that_contradicts_its_slot_is_refused(book, make_agent):
    response = book(0, agent=make_agent().pk)

    assert problem(response) == (400, "invalid")
    assert response.json()["errors"]["agent"][0]["code"] == "contradiction"


@pytest.mark.parametrize("text", ["", "x", "ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ", "\0", "é" * 20, "0" * 1_000_000])
def test_an_unknown_slot_is_422(book, text):
    assert problem(book(0, slot_id=text)) == (422, "unknown_slot")


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2020-01-01T12:00:00Z", "past_time"),
        ("1900-01-01T00:00:00Z", "past_time"),
    ],
)
def test_a_time_that_cannot_be_booked_is_422(api, open_listing, lead, at, code):
    response = api.post(APPOINTMENTS, {"listing": open_listing.pk, "starts_at": at, "lead": lead.pk})

    assert problem(response) == (422, code)
    assert "alternatives" in response.json()


@pytest.mark.parametrize("at", ["2998-01-01T12:00:00Z", "2999-12-31T00:00:00Z"])
def test_a_time_far_away_is_refused_politely(api, open_listing, lead, at):
    response = api.post(APPOINTMENTS, {"listing": open_listing.pk, "starts_at": at, "lead": lead.pk})

    assert problem(response)[0] in (400, 409, 422)


def test_a_time_outside_hours_is_422(api, slots, open_listing, lead):
    night = (datetime.fromisoformat(slots[0]["starts_at"]) - timedelta(hours=6)).isoformat()

    response = api.post(APPOINTMENTS, {"listing": open_listing.pk, "starts_at": night, "lead": lead.pk})

    assert problem(response) == (422, "outside_hours")
    assert response.json()["alternatives"]


@pytest.mark.parametrize("act", ["confirm", "cancel", "reschedule"])
def test_what_is_not_there_is_404(api, act):
    assert problem(api.post(f"{APPOINTMENTS}/999999/{act}", {"starts_at": "2027-01-01T00:00:00Z"})) == (
        404,
        "not_found",
    )


def test_appointments_are_filtered(book, api, lead, agent, listing, slots):
    first, second = book(0).json(), book(2).json()
    api.post(f"{APPOINTMENTS}/{second['id']}/cancel", {})

    for query, ids in [
        (f"agent={agent.pk}&status=booked", [first["id"]]),
        ("status=cancelled", [second["id"]]),
        ("status=booked,cancelled", [first["id"], second["id"]]),
        (f"lead={lead.pk}", [first["id"], second["id"]]),
        ("lead=99999", []),
        (f"listing={listing.pk}&ordering=-starts_at", [second["id"], first["id"]]),
        (f"from={slots[1]['starts_at']}", [second["id"]]),
        (f"to={slots[1]['starts_at']}", [first["id"]]),
    ]:
        assert [row["id"] for row in api.get(f"{APPOINTMENTS}?{query}").json()["results"]] == ids, query


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_however_long(book, api, rows, django_assert_num_queries):
    for n in range(rows):
        book(n)
    api.get(APPOINTMENTS)

    with django_assert_num_queries(3):
        assert len(api.get(APPOINTMENTS).json()["results"]) == rows


def test_booking_is_told_in_the_timeline(book, lead):
    book(0)

    assert TimelineEntry.objects.filter(lead=lead, kind="viewing").count() == 1


@pytest.mark.parametrize(("action", "status"), [("complete", "completed"), ("no-show", "no_show")])
def test_what_became_of_a_viewing_is_recorded_once_it_has_begun(api, agent, listing, action: str, status: str) -> None:
    past = factories.appointment(agent, listing, datetime.now(UTC) - timedelta(hours=2))
    future = factories.appointment(agent, listing, datetime.now(UTC) + timedelta(days=2))

    assert api.post(f"/api/v1/appointments/{past.pk}/{action}").json()["status"] == status
    assert problem(api.post(f"/api/v1/appointments/{future.pk}/{action}")) == (400, "bad_arguments")


def test_a_cancelled_viewing_is_booked_again_and_the_lead_is_told(api, agent, listing):
    lead = factories.lead(email="jane@example.com")
    row = factories.appointment(agent, listing, datetime(2030, 1, 7, 15, tzinfo=UTC), lead=lead)
    path = f"/api/v1/appointments/{row.pk}"

    assert api.post(f"{path}/cancel", {"tell": ["lead"]}).json()["status"] == "cancelled"
    assert [message.to for message in OutgoingMessage.objects.filter(subject__contains="cancelled")] == [lead.email]
    assert api.post(f"{path}/restore").json()["status"] == "booked"
    assert problem(api.post(f"{path}/cancel", {"tell": ["everybody"]})) == (400, "invalid")


def test_an_outcome_is_taken_back(api, agent, listing):
    row = factories.appointment(agent, listing, datetime(2020, 1, 7, 15, tzinfo=UTC), lead=factories.lead())
    path = f"/api/v1/appointments/{row.pk}"

    assert problem(api.post(f"{path}/reopen", HTTP_IF_MATCH='"other"')) == (412, "precondition_failed")
    assert api.post(f"{path}/no-show").json()["status"] == "no_show"
    assert api.post(f"{path}/reopen").json()["status"] == "booked"
