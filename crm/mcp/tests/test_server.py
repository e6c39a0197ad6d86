"""The MCP server, asked by the protocol's own client: in this process, and over standard input and output."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from mcp import Client, StdioServerParameters

from crm.mcp.server import make_server
from crm.models import Agent, ApiToken, Appointment, AppointmentStatus, Lead, Note
from crm.tests import factories
from crm.tests.pages.people import People
from crm.tokens import issue_token

pytestmark = pytest.mark.django_db(transaction=True)

READING = {
    "find",
    "find_leads",
    "free_times",
    "get_home",
    "get_lead",
    "list_agents",
    "list_homes",
    "list_viewings",
    "search_homes",
}
WRITING = {"book_viewing", "cancel_viewing", "move_viewing", "write_note"}
Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def people() -> People:
    return People.create()


@pytest.fixture
def lead(people: People) -> Lead:
    return factories.lead(owner=people.agent, full_name="Zebulon Quarrel")


@asynccontextmanager
async def connected(person: Agent, *scopes: str) -> AsyncIterator[Client]:
    """Be an assistant with a token of this person's."""
    wanted = list(scopes) or ["read", "write"]
    _, secret = await sync_to_async(issue_token)(agent=person, scopes=wanted)
    async with Client(make_server(secret, wanted)) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """Return what a tool answers; a refusal as its text, without the words that the package puts before it."""
    answer = await client.call_tool(tool, arguments)
    if not answer.is_error:
        return answer.structured_content
    return answer.content[0].text.removeprefix(f"Error executing tool {tool}: ")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("scopes", "tools"), [(["read"], READING), (["write"], WRITING), (["read", "write"], READING | WRITING)]
)
async def test_a_token_is_offered_what_its_scopes_allow(people: People, scopes: list[str], tools: set[str]):
    async with connected(people.agent, *scopes) as client:
        offered = (await client.list_tools()).tools
        assert {tool.name for tool in offered} == tools
        assert all(tool.description and tool.annotations for tool in offered)
        assert {
            tool.name for tool in offered if tool.annotations and tool.annotations.read_only_hint
        } == READING & tools


async def test_what_was_offered_by_mistake_is_still_refused(people: People, lead: Lead):
    _, secret = await sync_to_async(issue_token)(agent=people.agent, scopes=["read"])
    async with Client(make_server(secret, ["read", "write"])) as client:
        assert (await call(client, "write_note", lead_id=lead.pk, text="x")).startswith("[insufficient_scope]")
    assert not await Note.objects.aexists()


async def test_a_viewing_is_found_booked_moved_and_cancelled(people: People, lead: Lead):
    home = await sync_to_async(factories.listing)(people.agent, address="12 Oak Street")
    async with connected(people.agent) as client:
        homes = await call(client, "search_homes", location="Oak Street")
        assert [row["id"] for row in homes["results"]] == [home.pk]
        first, second, *_ = (await call(client, "free_times", listing_id=home.pk))["slots"]

        booked = await call(client, "book_viewing", slot_id=first["slot_id"], lead_id=lead.pk)
        assert (booked["lead"], booked["listing"], booked["status"]) == (lead.pk, home.pk, "booked")
        moved = await call(client, "move_viewing", viewing_id=booked["id"], slot_id=second["slot_id"])
        assert moved["starts_at"] == second["starts_at"]
        history = await call(client, "get_lead", lead_id=lead.pk)
        assert [row["id"] for row in history["viewings"]] == [booked["id"]]
        assert history["history"]
        await call(client, "cancel_viewing", viewing_id=booked["id"], reason="Ill")

    row = await Appointment.objects.aget()
    assert (row.status, row.cancel_reason) == (AppointmentStatus.CANCELLED, "Ill")


async def test_a_time_that_is_taken_is_refused_with_others(people: People, lead: Lead):
    home = await sync_to_async(factories.listing)(people.agent)
    async with connected(people.agent) as client:
        slot = (await call(client, "free_times", listing_id=home.pk))["slots"][0]["slot_id"]
        await call(client, "book_viewing", slot_id=slot, name="Nora New", phone="+13125550177")
        said = await call(client, "book_viewing", slot_id=slot, lead_id=lead.pk)

    assert said.startswith("[slot_taken]")
    assert "slot_id" in said
    assert await Appointment.objects.acount() == 1


async def test_each_token_sees_what_its_person_sees(people: People, lead: Lead):
    found = {}
    for name, person in people.each().items():
        async with connected(person, "read") as client:
            rows = (await call(client, "find_leads", search="Zebulon"))["results"]
            hits = (await call(client, "find", words="zebulon"))["results"]
            one = await call(client, "get_lead", lead_id=lead.pk)
            found[name] = (len(rows), len(hits), one if isinstance(one, str) else one["lead"]["id"])

    seen = (1, 1, lead.pk)
    assert found.pop("stranger")[:2] == (0, 0)
    assert found == {"agent": seen, "mate": seen, "manager": seen}
    async with connected(people.stranger) as client:
        assert (await call(client, "get_lead", lead_id=lead.pk)).startswith("[not_found]")
        assert (await call(client, "write_note", lead_id=lead.pk, text="x")).startswith("[invalid]")


async def test_a_revoked_token_ends_at_once(people: People):
    token, secret = await sync_to_async(issue_token)(agent=people.agent, scopes=["read"])
    async with Client(make_server(secret, token.scopes)) as client:
        assert (await call(client, "list_agents"))["results"]
        await ApiToken.objects.filter(pk=token.pk).aupdate(revoked_at=timezone.now())
        assert (await call(client, "list_agents")).startswith("[token_revoked]")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_lead", {"lead_id": -1}),
        ("get_lead", {"lead_id": 10**30}),
        ("get_lead", {}),
        ("find", {"words": "\0"}),
        ("find_leads", {"stage": "nowhere"}),
        ("find_leads", {"phone": "'; --"}),
        ("free_times", {"start": "soon"}),
        ("free_times", {"start": "2027-01-01T10:00:00"}),
        ("free_times", {"listing_id": 999999999}),
        ("search_homes", {"max_rent": float("inf")}),
        ("book_viewing", {"slot_id": "made up"}),
        ("move_viewing", {"viewing_id": 1, "slot_id": "\ud800"}),
        ("list_homes", {"status": "burnt"}),
    ],
)
async def test_nonsense_is_refused_in_words(people: People, tool: str, arguments: dict[str, Any]):
    async with connected(people.agent) as client:
        answer = await call(client, tool, **arguments)
    if isinstance(answer, str):
        # Of a fault of ours the package says only which tool it was.
        assert not answer.startswith("Error executing tool") or "validation error" in answer
        assert "server_error" not in answer
    else:
        assert not answer.get("results")


# --- Over standard input and output ---------------------------------------------------------------------------------


async def test_the_command_speaks_the_protocol(people: People, lead: Lead, tmp_path):
    _, secret = await sync_to_async(issue_token)(agent=people.agent, scopes=["read"])
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    environment = os.environ | {
        "DATABASE_URL": _address_of_tests(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATA_DIR": str(tmp_path),
    }
    command = ["manage.py", "mcp", "--token-file", str(file)]
    process = StdioServerParameters(
        command=sys.executable, args=command, env=environment, cwd=settings.BASE_DIR, encoding="utf-8"
    )
    async with Client(process) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING
        rows = (await call(client, "find_leads", search="Zebulon"))["results"]
        assert [row["id"] for row in rows] == [lead.pk]


def _address_of_tests() -> str:
    """Return the address of the database these tests run on, which is not the one the settings name."""
    base, _, _ = settings.DATABASE_URL.rpartition("/")
    _, _, options = settings.DATABASE_URL.partition("?")
    name = settings.DATABASES["default"]["NAME"]
    return f"{base}/{name}" + (f"?{options}" if options else "")


def test_the_command_wants_a_token_that_works(people: People, monkeypatch, tmp_path):
    monkeypatch.delenv("PETE_TOKEN", raising=False)
    with pytest.raises(CommandError, match="create_token"):
        call_command("mcp")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("mcp", token_file=tmp_path / "nowhere")
    _, secret = issue_token(agent=people.agent, scopes=["read"], expires_at=timezone.now() - timedelta(days=1))
    monkeypatch.setenv("PETE_TOKEN", secret)
    with pytest.raises(CommandError, match="expired"):
        call_command("mcp")
