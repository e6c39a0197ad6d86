"""The API through the ASGI application that a server runs, with threads and commits of its own.

It is here because that application holds both apps, and crm knows nothing of calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async

from crm.models import Appointment, Lead
from crm.tests import factories
from crm.tokens import issue_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token() -> str:
    administrator = factories.agent(role="admin", is_superuser=True)
    return issue_token(agent=administrator, scopes=["read", "write"])[1]


@pytest.fixture
async def client(token: str) -> AsyncIterator[httpx.AsyncClient]:
    from config.asgi import application

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application),
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


@sync_to_async
def offers(count: int) -> list[datetime]:
    home = factories.listing(factories.agent(hours=(0, 24)))
    start = (datetime.now(UTC) + timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    return [home.pk, *(start + n * timedelta(hours=1) for n in range(count))]


async def test_a_lead_is_written_and_read(client):
    made = await client.post("/api/v1/leads/", json={"full_name": "Zoë", "phone": "+13125550142"})
    found = await client.get("/api/v1/leads?phone=+13125550142")

    assert made.status_code == 201, made.text
    assert found.json()["results"] == [made.json()]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("PUT", "/api/v1/leads", 405, "method_not_allowed"),
        ("GET", "/api/v1/leads?cursor=forged", 400, "invalid_cursor"),
        ("POST", "/api/v1/leads", 415, "unsupported_media_type"),
    ],
)
async def test_refusals_are_problem_documents(client, method, path, status, code):
    response = await client.request(method, path, content=b"{" if method == "POST" else None)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_body_larger_than_allowed_is_413(client):
    body = b'{"full_name": "' + b"x" * 6_000_000 + b'"}'

    response = await client.post("/api/v1/leads", content=body, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_the_same_key_at_once_books_once(client):
    listing, start = await offers(1)
    body = {"listing": listing, "starts_at": start.isoformat(), "attendee_name": "Al"}

    answers = await asyncio.gather(
        *(client.post("/api/v1/appointments", json=body, headers={"Idempotency-Key": "order-1"}) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert await Appointment.objects.acount() == 1
    assert await Lead.objects.acount() == 1


async def test_one_of_many_gets_the_slot(client):
    listing, start = await offers(1)
    bodies = [
        {
            "listing": listing,
            "starts_at": start.isoformat(),
            "attendee_name": f"Al {n}",
            "attendee_phone": f"+1312555{n:04d}",
        }
        for n in range(12)
    ]

    answers = await asyncio.gather(*(client.post("/api/v1/appointments", json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {answer["code"] for answer in refused} == {"slot_taken"}
    assert all(answer["alternatives"] for answer in refused)
    assert await Lead.objects.acount() == 1


async def test_one_phone_at_once_is_one_lead(client):
    answers = await asyncio.gather(
        *(client.post("/api/v1/leads", json={"full_name": f"Al {n}", "phone": "3125550142"}) for n in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    lead = await Lead.objects.aget()
    assert {answer.json()["lead"] for answer in answers if answer.status_code == 409} == {lead.pk}


async def test_one_week_at_once_is_one_of_them(client):
    agent = await sync_to_async(factories.agent)()
    weeks = [[{"weekday": n, "start": "09:00", "end": "17:00"}] for n in range(7)]

    answers = await asyncio.gather(
        *(client.put(f"/api/v1/agents/{agent.pk}/working-hours", json=week) for week in weeks)
    )

    assert {answer.status_code for answer in answers} == {200}
    assert (await client.get(f"/api/v1/agents/{agent.pk}/working-hours")).json() in weeks
