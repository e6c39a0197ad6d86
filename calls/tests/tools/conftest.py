"""A desk on Tuesday 1 June 2027 at 9 in Chicago: one agent, one home, one caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from calls.models import Call, call_pk
from calls.tools import Answer, Caller, run_tool
from crm.models import Agent, Listing
from crm.tests import factories

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2027, 6, 1, 9, tzinfo=CHICAGO)
NUMBER = "+13125550100"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time of June 2027 in Chicago."""
    return datetime(2027, 6, day, hour, minute, tzinfo=CHICAGO)


def caller(vapi_id: str = "call-1", number: str | None = NUMBER, **fields: Any) -> Caller:
    """Return who calls, with a row for their call."""
    pk = call_pk(vapi_id)
    if vapi_id:
        Call.objects.get_or_create(pk=pk, defaults={"vapi_id": vapi_id})
    defaults: dict[str, Any] = {"email": None, "context": {}, "now": NOW}
    return Caller(call_id=pk, vapi_id=vapi_id, number=number, **{**defaults, **fields})


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def agent(db: None) -> Agent:
    return factories.agent(hours=(9, 17), full_name="Anna Agent", email="anna@example.com")


@pytest.fixture
def home(agent: Agent) -> Listing:
    return factories.listing(agent, address="412 Oak Street", neighborhood="Lakeview", facts="Laundry in the unit.")


@pytest.fixture
def ask(db: None) -> Callable[..., Answer]:
    """Run a tool for one caller, whose context gains what the tools find out."""
    known: dict[str, dict[str, Any]] = {}

    def run(name: str, who: Caller | None = None, **arguments: Any) -> Answer:
        person = who or caller()
        context = known.setdefault(person.vapi_id, dict(person.context))
        person = Caller(**{**person.__dict__, "context": context})
        answer = run_tool(name, arguments, person)
        context.update(answer.facts)
        return answer

    return run
