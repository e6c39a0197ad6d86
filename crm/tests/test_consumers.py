"""The socket of every page."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from crm import consumers, lookers, nudges
from crm.claims import claim
from crm.lead_editing import edit_lead
from crm.models import Agent, Lead, Role
from crm.routing import websocket_urlpatterns
from crm.tests import factories
from crm.tests.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_layer() -> None:
    """Read from a layer of each test's own: one whose read was broken off is bound to that test's loop."""
    channel_layers.backends.clear()


application = URLRouter(websocket_urlpatterns)


def socket(user: Any) -> Socket:
    return Socket("/ws/desk", user, application)


async def test_nobody_in_particular_is_refused():
    assert not await socket(AnonymousUser()).connect()


async def test_a_claim_reaches_every_open_page_within_a_second():
    agent, other, lead = [await sync_to_async(make)() for make in (factories.agent, factories.agent, factories.lead)]
    async with socket(other) as page:
        assert (await page.next())["type"] == "snapshot"
        started = time.monotonic()

        await sync_to_async(claim)(lead, agent)

        assert await page.next("said") == {"type": "said", "kind": "lead", "id": lead.pk}
        assert time.monotonic() - started < 1


async def test_what_becomes_of_a_lead_reaches_only_those_who_see_it():
    def people() -> tuple[Agent, Agent, Agent, Agent]:
        agent = factories.agent(team=factories.team())
        mate, stranger = factories.agent(team=agent.team), factories.agent(team=factories.team())
        return agent, mate, stranger, factories.agent(role=Role.MANAGER)

    agent, mate, stranger, manager = await sync_to_async(people)()
    lead = await sync_to_async(factories.lead)(owner=agent)
    async with socket(mate) as at_mates, socket(stranger) as at_strangers, socket(manager) as at_managers:
        await sync_to_async(edit_lead)(lead=lead, values={"stage": "qualified"}, agent=agent, actor="staff")
        await sync_to_async(nudges.tell_everybody)("end")

        said = {"type": "said", "kind": "lead", "id": lead.pk}
        assert await at_mates.next("said") == said
        assert await at_managers.next("said") == said
        assert (await at_strangers.next("said"))["kind"] == "end"


async def test_who_loses_a_lead_hears_of_it_and_so_does_who_shows_it_a_home():
    def people() -> tuple[Agent, Agent, Agent]:
        return tuple(factories.agent(team=factories.team()) for _ in range(3))  # type: ignore[return-value]

    def viewing(agent: Agent, lead: Lead) -> None:
        factories.appointment(agent, factories.listing(agent), factories.at(date(2027, 6, 1), 10), lead=lead)

    before, after, shows = await sync_to_async(people)()
    lead = await sync_to_async(factories.lead)(owner=before)
    await sync_to_async(viewing)(shows, lead)
    async with socket(before) as first, socket(after) as second, socket(shows) as third:
        await sync_to_async(edit_lead)(lead=lead, values={"owner": after}, agent=before, actor="staff")

        for page in (first, second, third):
            assert await page.next("said") == {"type": "said", "kind": "lead", "id": lead.pk}


async def test_who_looks_at_a_lead_is_told_to_those_who_have_it_open():
    def people() -> tuple[Agent, Agent, Agent]:
        return tuple(factories.agent(full_name=name) for name in ("Ana", "Max", "Sam"))  # type: ignore[return-value]

    agent, mate, stranger = await sync_to_async(people)()
    lead = await sync_to_async(factories.lead)()
    async with socket(agent) as first, socket(stranger) as third:
        await sync_to_async(lookers.look)(f"lead:{lead.pk}", agent)
        await sync_to_async(lookers.look)(f"lead:{lead.pk}", mate)
        await sync_to_async(nudges.tell_everybody)("end")

        assert await first.next("said") == {"type": "said", "kind": "presence", "about": f"lead:{lead.pk}"}
        assert (await third.next("said"))["kind"] == "end"


async def test_what_concerns_one_person_reaches_only_that_person():
    one, other = await sync_to_async(factories.agent)(), await sync_to_async(factories.agent)()
    async with socket(one) as first, socket(other) as second:

        def tell():
            with transaction.atomic():
                nudges.tell_people([one.pk], "mine")
                nudges.tell_people([other.pk], "theirs")

        await sync_to_async(tell)()

        assert (await first.next("said"))["kind"] == "mine"
        assert (await second.next("said"))["kind"] == "theirs"


async def test_it_closes_for_somebody_of_another_team_who_then_hears_what_that_team_does(monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(consumers, "CHECK_EVERY", 1)
    agent = await sync_to_async(factories.agent)(team=None)
    page = socket(agent)
    assert await page.connect()

    agent = await sync_to_async(Agent.objects.get)(pk=agent.pk)
    agent.team = await sync_to_async(factories.team)()
    await sync_to_async(agent.save)()

    while (output := await page.communicator.receive_output(2))["type"] == "websocket.send":
        pass
    assert output["code"] == consumers.UNAUTHENTICATED
    await page.disconnect()


async def test_it_beats_and_closes_for_somebody_shut_out(monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(consumers, "CHECK_EVERY", 1)
    agent = await sync_to_async(factories.agent)()
    page = socket(agent)
    assert await page.connect()
    assert (await page.next("heartbeat"))["type"] == "heartbeat"

    agent.is_active = False
    await sync_to_async(agent.save)()

    while (output := await page.communicator.receive_output(2))["type"] == "websocket.send":
        pass
    assert output["code"] == consumers.UNAUTHENTICATED
    await page.disconnect()
