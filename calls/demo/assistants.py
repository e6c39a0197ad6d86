"""The demo agency's sixteen assistants. The simulator calls the same ones, without reading any table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid5

from calls.models import Assistant
from crm.demo.scene import fictional_number
from crm.models import Agent, Listing

NAMESPACE = UUID("0f9a1c52-7c1e-5d0a-8a51-3f5f0a6be9d4")
AREA_CODE = 464


class Persona(NamedTuple):
    """An assistant: the home or the team it speaks for, if any."""

    name: str
    address: str = ""
    unit: str = ""
    team: str = ""
    outbound: bool = False

    @property
    def vapi_id(self) -> str:
        return str(uuid5(NAMESPACE, self.name))

    @property
    def phone_number(self) -> str:
        return fictional_number(AREA_CODE, PERSONAS.index(self))

    @property
    def first_message(self) -> str:
        if self.outbound:
            return "Hello, this is Pete from the leasing office. You asked about a home. Is this a good moment?"
        if self.address:
            return f"Thanks for calling about {self.address}. I'm Pete. How can I help?"
        return "Thanks for calling the leasing office. I'm Pete. Are you looking for a home?"


PERSONAS = [
    Persona("Pete Main Line"),
    Persona("Pete North Side", team="North Side"),
    Persona("Pete Downtown", team="Downtown"),
    Persona("Pete West and South", team="West & South"),
    Persona("Pete After Hours"),
    Persona("Pete Follow-up", outbound=True),
    Persona("Pete Milwaukee 3B", "1452 N Milwaukee Ave", "3B"),
    Persona("Pete Division 2F", "2210 W Division St", "2F"),
    Persona("Pete Winchester", "4630 N Winchester Ave", ""),
    Persona("Pete Glenwood 204", "5521 N Glenwood Ave", "204"),
    Persona("Pete Michigan 1412", "1130 S Michigan Ave", "1412"),
    Persona("Pete LaSalle 1906", "345 N LaSalle Dr", "1906"),
    Persona("Pete Fulton 302", "740 W Fulton St", "302"),
    Persona("Pete Racine 2", "1823 S Racine Ave", "2"),
    Persona("Pete Harper 3E", "5410 S Harper Ave", "3E"),
    Persona("Pete Monroe 4B", "1017 W Monroe St", "4B"),
]


def load_assistants(agents: Sequence[Agent], listings: Sequence[Listing]) -> list[Assistant]:
    """Create the assistants, each mapped to its home or its team."""
    teams = {agent.team.name: agent.team for agent in agents if agent.team}
    homes = {(listing.address, listing.unit): listing for listing in listings}
    return Assistant.objects.bulk_create(
        [
            Assistant(
                vapi_id=persona.vapi_id,
                name=persona.name,
                listing=homes.get((persona.address, persona.unit)),
                team=teams.get(persona.team),
                phone_number=persona.phone_number,
                first_message=persona.first_message,
                is_demo=True,
            )
            for persona in PERSONAS
        ]
    )
