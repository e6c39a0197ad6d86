"""The socket of every page."""

from __future__ import annotations

import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from crm import consumers, nudges
from crm.claims import claim
from crm.routing import websocket_urlpatterns
from crm.tests import factories
from crm.tests.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


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
