"""/vapi-agent: a practice call by text through the real webhook, and the page for a call by voice."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.utils.html import escape

from calls import lifespan, projection, shapes
from calls.models import Assistant, Call, Phase, WebhookEvent
from calls.practice import model, sessions
from config.security import CONTENT_SECURITY_POLICY
from crm.models import Appointment, Lead
from crm.tests import factories

SECRET = "the-secret-of-this-test"
PRIVATE, PUBLIC = "private-key-0123456789", "public-key-0123456789"


class Practice:
    """One person in front of the page."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.id = ""

    async def starts(self, assistant: str = "") -> str:
        answer = await self.client.post("/vapi-agent/practice", {"assistant": assistant})
        self.id = answer.url.split("practice=")[1]
        return await self.page()

    async def says(self, text: str) -> str:
        answer = await self.client.post(f"/vapi-agent/practice/{self.id}/say", {"text": text})
        assert answer.status_code == 302
        return await self.page()

    async def ends(self) -> str:
        await self.client.post(f"/vapi-agent/practice/{self.id}/end")
        return await self.page()

    async def page(self) -> str:
        answer = await self.client.get(f"/vapi-agent?practice={self.id}")
        return answer.content.decode()


@pytest.fixture
async def practice(transactional_db, settings, monkeypatch) -> AsyncIterator[Practice]:
    settings.VAPI_WEBHOOK_SECRET = SECRET
    monkeypatch.setattr(model, "_probe", lambda: False)
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(factories.agent)())
    await lifespan.startup()
    yield Practice(client)
    await lifespan.shutdown()


@pytest.fixture
async def assistant(practice) -> Assistant:
    def make() -> Assistant:
        ana = factories.agent(hours=(9, 17), full_name="Ana")
        return Assistant.objects.create(
            vapi_id="asst-1", name="Pete Oak", listing=factories.listing(ana, address="12 Oak Street")
        )

    return await sync_to_async(make)()


def only_call() -> Call:
    projection.settle(10)
    return Call.objects.select_related("assistant", "lead", "listing").get(vapi_id__startswith="practice-")


async def test_a_viewing_is_booked_by_typing_and_given_back_at_the_end(practice, assistant):
    assert "How can I help?" in await practice.starts(assistant.vapi_id)
    await practice.says("Tuesday at 3 PM, please.")
    page = await practice.says("My name is Nora Webb.")

    assert "You are booked: Tuesday" in page
    assert "set_appointment" in page
    viewing = await Appointment.objects.select_related("lead").aget()
    assert (viewing.status, viewing.lead.full_name) == ("booked", "Nora Webb")

    page = await practice.ends()

    await viewing.arefresh_from_db()
    assert viewing.status == "cancelled"
    assert "The call is over" in page
    call = await sync_to_async(only_call)()
    assert (call.phase, call.direction, call.ended_reason) == (Phase.ENDED, "web", "customer-ended-call")


async def test_the_call_is_on_the_board_marked_as_practice(practice, assistant):
    await practice.starts(assistant.vapi_id)
    await practice.says("Hello there")

    call = await sync_to_async(only_call)()
    shape = shapes.tile_shape(call)
    assert (shape["is_practice"], shape["assistant_name"]) == (True, "Pete Oak · practice call")
    board = (await practice.client.get("/dashboard")).content.decode()
    assert "Pete Oak · practice call" in board
    assert await WebhookEvent.objects.filter(call=call).acount() >= 8


@pytest.mark.django_db
def test_no_other_call_is_marked():
    call = Call.objects.create(pk="00000000-0000-4000-8000-000000000001", vapi_id="real-practice-1")
    call.refresh_from_db()

    shape = shapes.tile_shape(call)

    assert (shape["is_practice"], shape["assistant_name"]) == (False, "")


async def test_goodbye_ends_the_call_and_nothing_more_is_said_in_it(practice, assistant):
    await practice.starts(assistant.vapi_id)
    assert "The call is over" in await practice.says("Thanks, bye.")
    call = await sync_to_async(only_call)()
    count = await WebhookEvent.objects.filter(call=call).acount()

    await practice.says("Hello again")

    assert await WebhookEvent.objects.filter(call=call).acount() == count


async def test_what_one_forgets_to_end_is_given_back_by_the_sweep(practice, assistant):
    await practice.starts(assistant.vapi_id)
    await practice.says("Tuesday at 3 PM, I'm Nora Webb.")
    real = await sync_to_async(_book_for_real)(assistant)
    assert await sync_to_async(sessions.give_back)() == 0
    call = await sync_to_async(only_call)()
    await Call.objects.filter(pk=call.pk).aupdate(phase=Phase.ENDED)

    assert await sync_to_async(sessions.give_back)() == 1

    await real.arefresh_from_db()
    assert real.status == "booked"


def _book_for_real(assistant: Assistant) -> Appointment:
    from datetime import timedelta

    from django.utils import timezone

    call = Call.objects.create(pk="00000000-0000-4000-8000-000000000001", vapi_id="real", phase=Phase.ENDED)
    ana = assistant.listing.agents.get()
    starts_at = (timezone.now() + timedelta(days=9)).replace(hour=18, minute=0, second=0, microsecond=0)
    return factories.appointment(ana, assistant.listing, starts_at, call_id=call.pk)


async def test_somebody_elses_practice_call_cannot_be_reached(practice, assistant):
    await practice.starts(assistant.vapi_id)
    stranger = AsyncClient()
    await stranger.aforce_login(await sync_to_async(factories.agent)())

    for act in ("say", "end"):
        answer = await stranger.post(f"/vapi-agent/practice/{practice.id}/{act}", {"text": "Hello"})
        assert answer.status_code == 404
    page = (await stranger.get(f"/vapi-agent?practice={practice.id}")).content.decode()
    assert "How can I help?" not in page


@pytest.mark.parametrize(
    ("text", "said"), [("", "Say something first."), (" \x00\n", "Say something first."), ("x" * 501, "one breath")]
)
async def test_bad_lines_are_refused_in_words(practice, assistant, text, said):
    await practice.starts(assistant.vapi_id)

    assert said in await practice.says(text)


async def test_what_is_typed_is_shown_as_text(practice, assistant):
    await practice.starts(assistant.vapi_id)

    page = await practice.says("<script>alert(1)</script>")

    assert "<script>alert" not in page
    assert escape("<script>alert(1)</script>") in page


async def test_an_unknown_assistant_is_not_found(practice):
    assert (await practice.client.post("/vapi-agent/practice", {"assistant": "nobody"})).status_code == 404
    assert (await practice.client.post("/vapi-agent/practice", {"assistant": "\x00"})).status_code == 404


async def test_htmx_gets_the_part_alone(practice, assistant):
    answer = await practice.client.post("/vapi-agent/practice", {}, headers={"HX-Request": "true"})

    page = answer.content.decode()
    assert page.lstrip().startswith('<section class="card practice"')


async def test_where_a_model_answers_it_speaks_and_uses_the_tools(practice, assistant, monkeypatch):
    monkeypatch.setattr(model, "_probe", lambda: True)
    asked: list[dict[str, Any]] = []
    arguments = json.dumps({"full_name": "Nora Webb", "budget": 1900})
    wants_tool = {"id": "x1", "type": "function", "function": {"name": "save_lead", "arguments": arguments}}
    replies = [
        {"role": "assistant", "content": None, "tool_calls": [wants_tool]},
        {"role": "assistant", "content": "Noted, Nora."},
    ]

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        event = await receive()
        asked.append({"body": json.loads(event["body"]), "headers": dict(scope["headers"]), "path": scope["path"]})
        body = json.dumps({"choices": [{"message": replies[len(asked) - 1]}]}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    monkeypatch.setattr(model, "chat_completions", proxy)

    assert "answered by the model" in await practice.starts(assistant.vapi_id)
    page = await practice.says("I'm Nora Webb, I can pay 1900.")

    assert "Noted, Nora." in page
    assert (await Lead.objects.aget(full_name="Nora Webb")).budget == 1900
    assert asked[0]["path"] == "/llm/chat/completions"
    assert asked[0]["headers"][b"authorization"] == f"Bearer {SECRET}".encode()
    assert asked[0]["body"]["call"]["id"] == f"practice-{practice.id}"
    assert [each["role"] for each in asked[1]["body"]["messages"]] == ["assistant", "user", "assistant", "tool"]
    assert asked[1]["body"]["messages"][-1]["content"].startswith("Saved: full name Nora Webb")


async def test_a_model_that_answers_nonsense_is_told_and_the_call_lives(practice, assistant, monkeypatch):
    monkeypatch.setattr(model, "_probe", lambda: True)

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    monkeypatch.setattr(model, "chat_completions", proxy)
    await practice.starts(assistant.vapi_id)

    page = await practice.says("Hello")

    assert "The model gave no usable answer" in page
    assert "In a call" in page


# --- The page -------------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(factories.agent())
    return client


def test_strangers_see_nothing(db):
    assert Client().get("/vapi-agent").status_code == 302
    assert Client().post("/vapi-agent/practice").status_code == 302


def usual(answer) -> bool:
    """Say whether an answer has the policy of every page; the nonce is its own."""
    said = re.sub(r"'nonce-[\w-]+'", "'nonce-{nonce}'", answer["Content-Security-Policy"])
    return bool(said == CONTENT_SECURITY_POLICY)


def test_without_a_public_key_there_is_practice_only_and_the_usual_policy(staff, settings):
    settings.VAPI_WEBHOOK_SECRET = SECRET
    answer = staff.get("/vapi-agent")

    page = answer.content.decode()
    assert "no VAPI_PUBLIC_KEY" in page
    assert "Start a practice call" in page
    assert "data-sdk" not in page
    assert usual(answer)
    assert "microphone=()" in answer["Permissions-Policy"]


def test_with_a_public_key_only_this_page_may_reach_vapi_and_the_microphone(staff, settings):
    settings.VAPI_PUBLIC_KEY = PUBLIC
    Assistant.objects.create(vapi_id="asst-1", name="Pete Oak")
    answer = staff.get("/vapi-agent")

    policy = answer["Content-Security-Policy"]
    assert PUBLIC in answer.content.decode()
    assert "connect-src 'self' https://*.daily.co wss://*.daily.co https://api.vapi.ai" in policy
    assert "microphone=(self)" in answer["Permissions-Policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "frame-ancestors 'none'" in policy
    assert usual(staff.get("/users"))


def test_no_private_key_is_ever_in_the_page(staff, settings):
    settings.VAPI_PUBLIC_KEY, settings.VAPI_API_KEY = PUBLIC, PRIVATE
    settings.VAPI_WEBHOOK_SECRET, settings.VAPI_HMAC_SECRET, settings.LLM_API_KEY = "hook-secret", "hmac-secret", "llm"
    Assistant.objects.create(vapi_id="asst-1", name="Pete Oak")

    page = staff.get("/vapi-agent").content.decode()

    assert PUBLIC in page
    for secret in (PRIVATE, "hook-secret", "hmac-secret", settings.SECRET_KEY):
        assert secret not in page
    assert not re.search(r"VAPI_API_KEY|WEBHOOK_SECRET", page)


def test_without_a_webhook_secret_practice_says_what_is_missing(staff, settings):
    settings.VAPI_WEBHOOK_SECRET = ""

    assert "Set VAPI_WEBHOOK_SECRET" in staff.get("/vapi-agent").content.decode()
    assert "Set VAPI_WEBHOOK_SECRET" in staff.post("/vapi-agent/practice", follow=True).content.decode()


def test_the_demos_assistants_cannot_be_called_by_voice(staff, settings):
    settings.VAPI_PUBLIC_KEY = PUBLIC
    Assistant.objects.create(vapi_id="asst-demo", name="Demo", is_demo=True)

    page = staff.get("/vapi-agent").content.decode()

    assert "No assistant of Vapi" in page
    assert 'data-act="start"' not in page
