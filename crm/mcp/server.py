"""The MCP server: what office assistants may ask of Pete and do in it, with one API token."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations
from pydantic import AwareDatetime, Field

from crm.mcp.ask import Asker
from crm.models import ApiToken, ListingStatus

INSTRUCTIONS = (
    "Pete is a leasing desk: leads (people who look for a home), listings (homes to let), agents (who show them) and"
    " viewings. Times carry their offset. To book, ask free_times first and pass one of its slot_ids on; never make one"
    " up. A refusal has a code in brackets and says what to do instead."
)
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
ENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Field(ge=1, le=50)]
Answer = dict[str, Any]


def make_server(secret: str, scopes: Collection[str]) -> MCPServer:
    """Return a server that acts with this token. Only what its scopes allow is offered; each call is checked again."""
    server = MCPServer(name="pete", title="Pete CRM", instructions=INSTRUCTIONS, log_level="WARNING")
    ask = Asker(secret)
    if ApiToken.Scope.READ in scopes:
        for tool in (*_looking_up(ask), *_times(ask)):
            server.add_tool(tool, annotations=READS)
    if ApiToken.Scope.WRITE in scopes:
        for tool in _writing(ask):
            server.add_tool(tool, annotations=WRITES)
        server.add_tool(_cancelling(ask), annotations=ENDS)
    return server


def _looking_up(ask: Asker) -> list[Callable[..., Any]]:
    async def find(words: str, limit: Limit = 8) -> Answer:
        """Find leads, listings, people and calls by a name, number, place or words that were said."""
        return await ask.get("/api/v1/search", q=words, limit=limit)

    async def find_leads(search: str | None = None, phone: str | None = None, stage: str | None = None) -> Answer:
        """List leads, newest first: by part of a name or address, by phone number, by stage."""
        return await ask.get("/api/v1/leads", search=search, phone=phone, stage=stage, page_size=25)

    async def get_lead(lead_id: Id) -> Answer:
        """Return one lead with the newest of its history and its viewings."""
        lead = await ask.get(f"/api/v1/leads/{lead_id}")
        history = await ask.get(f"/api/v1/leads/{lead_id}/timeline", page_size=20)
        viewings = await ask.get("/api/v1/appointments", lead=lead_id, page_size=20)
        return {"lead": lead, "history": history["results"], "viewings": viewings["results"]}

    async def search_homes(
        location: str | None = None,
        max_rent: float | None = None,
        bedrooms: int | None = None,
        property_type: str | None = None,
        pets: bool | None = None,
        available_by: date | None = None,
    ) -> Answer:
        """Find homes to let, best first; when none fits, `alternatives` say which wish to give up."""
        wishes = {"location": location, "max_rent": max_rent, "bedrooms": bedrooms, "property_type": property_type}
        return await ask.get("/search/rental", **wishes, pets=pets, available_by=available_by, limit=10)

    async def get_home(listing_id: Id) -> Answer:
        """Return one listing: rent, size, rules, facts and the ids of the agents who show it."""
        return await ask.get(f"/api/v1/listings/{listing_id}")

    async def list_homes(status: ListingStatus | None = None, search: str | None = None) -> Answer:
        """List listings by status and by part of the address."""
        return await ask.get("/api/v1/listings", status=status and status.value, search=search, page_size=25)

    async def list_agents() -> Answer:
        """List the people of the office."""
        return await ask.get("/api/v1/agents", page_size=100)

    return [find, find_leads, get_lead, search_homes, get_home, list_homes, list_agents]


def _times(ask: Asker) -> list[Callable[..., Any]]:
    async def list_viewings(
        start: AwareDatetime | None = None, end: AwareDatetime | None = None, agent_id: Id | None = None
    ) -> Answer:
        """List viewings by start, those that touch the window; of one agent, or of all one may see."""
        window = {"from": _stamp(start), "to": _stamp(end)}
        return await ask.get("/api/v1/appointments", agent=agent_id, page_size=100, **window)

    async def free_times(
        listing_id: Id | None = None,
        agent_id: Id | None = None,
        start: AwareDatetime | None = None,
        end: AwareDatetime | None = None,
        limit: Limit = 20,
    ) -> Answer:
        """List times that can be booked now, each with the slot_id that books it. Nothing is held by asking."""
        window = {"start": _stamp(start), "end": _stamp(end)}
        return await ask.get("/api/v1/availability", listing=listing_id, agent=agent_id, limit=limit, **window)

    return [list_viewings, free_times]


def _writing(ask: Asker) -> list[Callable[..., Any]]:
    async def book_viewing(
        slot_id: str,
        lead_id: Id | None = None,
        name: str | None = None,
        phone: str | None = None,
        email: str | None = None,
    ) -> Answer:
        """Book a free time for a lead, or for somebody new by name with phone or e-mail. A clash is refused."""
        person = {"attendee_name": name, "attendee_phone": phone, "attendee_email": email}
        return await ask.post("/api/v1/appointments", slot_id=slot_id, lead=lead_id, **person)

    async def move_viewing(viewing_id: Id, slot_id: str) -> Answer:
        """Move a viewing to another free time."""
        return await ask.post(f"/api/v1/appointments/{viewing_id}/reschedule", slot_id=slot_id)

    async def write_note(lead_id: Id, text: str) -> Answer:
        """Write a note into a lead's history."""
        return await ask.post("/api/v1/notes", lead=lead_id, text=text)

    return [book_viewing, move_viewing, write_note]


def _cancelling(ask: Asker) -> Callable[..., Any]:
    async def cancel_viewing(viewing_id: Id, reason: str = "") -> Answer:
        """Cancel a viewing; the lead is told as the office has set it."""
        return await ask.post(f"/api/v1/appointments/{viewing_id}/cancel", reason=reason)

    return cancel_viewing


def _stamp(at: AwareDatetime | None) -> str | None:
    return at.isoformat() if at else None
