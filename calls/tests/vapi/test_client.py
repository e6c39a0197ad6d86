"""Vapi's REST client against the stand-in over HTTP, in good days and bad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from calls import client as module
from calls.client import VapiClient
from calls.errors import VapiRefused, VapiUnavailable
from calls.vapi_sandbox import Fault, Kind, Vapi

NAME = {"name": "Oak"}


def test_lists_are_read_to_their_end(client: VapiClient, vapi: Vapi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    made = [vapi.add("assistant", name=f"Oak {n}") for n in range(7)]
    # Made in the same instant, across the edge of a page.
    made[3]["createdAt"] = made[4]["createdAt"]

    assert sorted(row["name"] for row in client.assistants()) == [f"Oak {n}" for n in range(7)]
    assert len(vapi.log) > 2


def test_each_thing_is_read_and_changed(client: VapiClient, vapi: Vapi) -> None:
    assistant = vapi.add("assistant", name="Oak", firstMessage="Hello")
    number = vapi.add("phone-number", provider="vapi", number="+13125550100")
    tool = vapi.add("tool", type="function", function={"name": "f"})
    call = vapi.add("call", status="ended")

    assert client.update_assistant(assistant["id"], NAME)["name"] == "Oak"
    assert client.update_phone_number(number["id"], {"provider": "vapi", "name": "Main"})["name"] == "Main"
    assert client.update_tool(tool["id"], {"type": "function", "async": True})["async"] is True
    assert client.assistant(assistant["id"])["firstMessage"] == "Hello"
    assert [client.phone_numbers()[0]["id"], client.tools()[0]["id"]] == [number["id"], tool["id"]]
    assert client.phone_number(number["id"])["name"] == "Main"
    assert client.tool(tool["id"])["latestVersion"] == "v2"
    assert client.call(call["id"]) == vapi.rows["call"][call["id"]]
    assert client.call("8f5fe7ff-0000-4000-8000-000000000000") is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_unavailable(client: VapiClient, vapi: Vapi, status: int) -> None:
    vapi.faults.add(Fault(Kind.REFUSED, status=status))

    with pytest.raises(VapiUnavailable) as caught:
        client.assistants()

    assert (str(caught.value), caught.value.retry_after) == (f"GET /assistant: HTTP {status}", None)
    assert len(vapi.log) == 1


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Fault(Kind.DROP_BEFORE), "RemoteProtocolError"),
        (Fault(Kind.DROP_AFTER), "RemoteProtocolError"),
        (Fault(Kind.CUT), "RemoteProtocolError"),
        (Fault(Kind.SLOW, seconds=1.5), "ReadTimeout"),
        (Fault(Kind.HTML, status=502), "HTTP 502"),
    ],
)
def test_a_broken_line_is_unavailable(client: VapiClient, vapi: Vapi, fault: Fault, word: str) -> None:
    vapi.faults.add(fault)

    with pytest.raises(VapiUnavailable, match=word):
        client.assistants()

    # A slow answer is on its way still.
    assert len(vapi.log) <= 1
    assert client.assistants() == []


def test_nobody_listening_is_unavailable(settings: Any) -> None:
    settings.VAPI_API_URL, settings.VAPI_API_KEY = "http://127.0.0.1:1", "k"

    with VapiClient() as away, pytest.raises(VapiUnavailable, match="ConnectError"):
        away.assistants()


@pytest.mark.parametrize(
    ("given", "seconds"), [("12", 12.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None), ("nan", None)]
)
def test_how_long_to_wait_is_kept(client: VapiClient, vapi: Vapi, given: str, seconds: float | None) -> None:
    vapi.faults.add(Fault(Kind.REFUSED, status=429, retry_after=given))

    with pytest.raises(VapiUnavailable) as caught:
        client.tools()

    assert caught.value.retry_after == seconds


def test_how_long_to_wait_may_be_a_date(client: VapiClient, vapi: Vapi) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    vapi.faults.add(Fault(Kind.REFUSED, status=503, retry_after=at))

    with pytest.raises(VapiUnavailable) as caught:
        client.tools()

    assert caught.value.retry_after == pytest.approx(90, abs=3)


def test_a_wrong_key_is_refused_and_never_told(url: str, vapi: Vapi, settings: Any, caplog: Any) -> None:
    settings.VAPI_API_KEY = "wrong-private-key"
    caplog.set_level("DEBUG")

    with VapiClient() as made, pytest.raises(VapiRefused) as caught:
        made.assistants()

    assert caught.value.status == 401
    assert "Invalid Key" in caught.value.reason
    assert "wrong-private-key" not in caplog.text + str(caught.value)


def test_a_key_that_vapi_repeats_is_not_told(settings: Any) -> None:
    settings.VAPI_API_KEY = "wrong-private-key"
    answer = httpx.Response(401, json={"message": "No key wrong-private-key here"})

    with VapiClient(httpx.MockTransport(lambda _: answer)) as made, pytest.raises(VapiRefused) as caught:
        made.assistants()

    assert "wrong-private-key" not in str(caught.value)


@pytest.mark.parametrize("key", ["käy", "key\n", "key\r\nX: y"])
def test_what_cannot_be_a_key_is_refused_before_anything_is_sent(url: str, vapi: Vapi, settings: Any, key: str) -> None:
    settings.VAPI_API_KEY = key

    with VapiClient() as made, pytest.raises(VapiRefused) as caught:
        made.assistants()

    assert caught.value.status == 401
    assert key not in str(caught.value)
    assert vapi.log == []


def test_a_change_that_vapi_does_not_take_is_refused_in_its_words(
    client: VapiClient, vapi: Vapi, recorder: Any
) -> None:
    row = vapi.add("assistant", name="Oak")

    with pytest.raises(VapiRefused) as caught:
        client.update_assistant(row["id"], {"serverUrl": "https://a"})

    assert (caught.value.status, caught.value.reason) == (400, "property serverUrl should not exist")
    assert recorder.forgive()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"results": []}),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json=[{"name": "no id"}]),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(302, headers={"Location": "https://elsewhere.example.com"}),
    ],
)
def test_answers_that_make_no_sense_are_refused(settings: Any, answer: httpx.Response) -> None:
    settings.VAPI_API_KEY = "k"

    with VapiClient(httpx.MockTransport(lambda _: answer)) as made, pytest.raises(VapiRefused):
        made.assistants()


def test_a_list_without_end_is_given_up(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    settings.VAPI_API_KEY = "k"
    count = iter(range(1000))

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[{"id": str(next(count)), "createdAt": "2027-01-01T00:00:00Z"}])

    with VapiClient(httpx.MockTransport(answer)) as made, pytest.raises(VapiRefused, match="more than can be read"):
        made.assistants()


def test_ids_stay_in_their_place_of_the_path(settings: Any) -> None:
    settings.VAPI_API_KEY, asked = "k", []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(200, json={})

    with VapiClient(httpx.MockTransport(answer)) as made:
        made.assistant("a/../b?c=1#d")

    assert asked == [b"/assistant/a%2F..%2Fb%3Fc%3D1%23d"]
