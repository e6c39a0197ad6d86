"""Past calls in a real browser: found by what was said, played, replayed, counted and taken away."""

from __future__ import annotations

import io
import re
import time
import wave
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from e2e.desk import Api, Call, Desk

pytestmark = pytest.mark.browser
RECORDING = "https://storage.vapi.ai/e2e-zeppelin.wav"
LENGTH = 60


@pytest.fixture(scope="module")
def talk(desk: Desk, api: Api, home: dict) -> Call:
    """A call of a minute that is over, about a home and with something said nowhere else."""
    call = Call(desk, "+13125550933")
    began = (time.time() - LENGTH - 2) * 1000
    tell(call, began, 0, "status-update", status="in-progress")
    say(call, began, 4, "assistant", "Thanks for calling. What are you looking for?")
    say(call, began, 12, "user", "A garage for my zeppelin.")
    tell(call, began, 20, "tool-calls", toolCallList=[tool("get_property_details", property_id=home["id"])])
    say(call, began, 30, "assistant", "There is parking behind the house.")
    say(call, began, 50, "user", "Splendid, goodbye.")
    tell(call, began, LENGTH, "status-update", status="ended", endedReason="customer-ended-call")
    artifact = {"recordingUrl": RECORDING}
    tell(call, began, LENGTH + 1, "end-of-call-report", artifact=artifact, cost=0.12, endedReason="customer-ended-call")
    assert api.get("calls", vapi_id=call.id)["results"][0]["recording_url"] == RECORDING
    return call


def tell(call: Call, began: float, second: float, kind: str, **fields: Any) -> None:
    call.says(kind, timestamp=round(began + second * 1000), **fields)


def say(call: Call, began: float, second: float, role: str, text: str) -> None:
    tell(call, began, second, "transcript", role=role, transcriptType="final", transcript=text)


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def a_minute_of_silence() -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(b"\x80" * 8000 * LENGTH)
    return held.getvalue()


def play(route: Route, sound: bytes) -> None:
    """Answer as a store of recordings does, which sends the piece that is asked for."""
    first = int(re.sub(r"\D.*", "", route.request.headers.get("range", "bytes=0-").removeprefix("bytes=")) or 0)
    headers = {
        "Content-Type": "audio/wav",
        "Accept-Ranges": "bytes",
        "Content-Range": f"bytes {first}-{len(sound) - 1}/{len(sound)}",
    }
    route.fulfill(status=206, headers=headers, body=sound[first:])


@pytest.fixture
def shown(board: Page, talk: Call) -> Page:
    """The call's page, with a recording that can be played."""
    sound = a_minute_of_silence()
    board.route(RECORDING, lambda route: play(route, sound))
    board.goto(f"/calls/{talk.id}")
    expect(board.get_by_role("heading", name="Flight recorder")).to_be_visible()
    return board


@pytest.mark.journey
def test_a_call_is_found_by_what_was_said_and_opens_at_the_line(board: Page, talk: Call):
    board.goto("/calls")
    board.get_by_placeholder("Words that were said").fill("zeppelins garage")
    board.keyboard.press("Enter")
    rows = board.locator("tbody [data-row]")
    expect(rows).to_have_count(1)
    expect(rows.locator("mark")).to_have_text(["garage", "zeppelin"])

    rows.get_by_role("link").first.click()
    expect(board).to_have_url(re.compile(r"/calls/[^/]+\?q=zeppelins(\+|%20)garage#line-1$"))
    expect(board.locator("#line-1")).to_contain_text("A garage for my zeppelin.")
    expect(board.locator("#line-1")).to_be_in_viewport()


def test_a_line_leads_the_recording_and_the_recorder_to_its_second(shown: Page):
    shown.get_by_role("link", name="Go to 0:30").first.click()

    expect(shown.locator("#moment .moment-clock")).to_have_text(re.compile(r"0:3\d"))
    expect(shown.locator("#moment")).to_contain_text("There is parking behind the house.")
    expect(shown.locator(".said-line[data-now]")).to_contain_text("There is parking")
    assert 29.5 <= shown.locator("audio").evaluate("(audio) => audio.currentTime") < 40


def test_the_recording_plays_faster_when_asked(shown: Page):
    shown.get_by_label("Speed").select_option("1.5")
    assert shown.locator("audio").evaluate("(audio) => audio.playbackRate") == 1.5


@pytest.mark.journey
def test_the_slider_shows_the_call_as_it_stood(shown: Page):
    slider = shown.get_by_label("Second of the call")
    slider.focus()
    slider.press("Home")
    moment = shown.locator("#moment")
    expect(moment).to_contain_text("Nothing said yet.")
    expect(moment).to_contain_text("0 tool calls so far")

    for _ in range(13):
        slider.press("ArrowRight")
    expect(moment).to_contain_text("A garage for my zeppelin.")
    expect(moment).not_to_contain_text("parking")
    expect(moment).to_contain_text("0 tool calls so far")

    slider.press("End")
    expect(moment).to_contain_text("Splendid, goodbye.")
    expect(moment).to_contain_text("1 tool call so far")


def test_managers_read_what_came_from_vapi(shown: Page, talk: Call):
    shown.get_by_role("link", name="Raw events").click()
    expect(shown.locator("main")).to_contain_text("end-of-call-report")
    expect(shown.locator("main")).to_contain_text(talk.id)


@pytest.mark.journey
def test_a_figure_leads_to_its_rows_and_its_table_to_a_file(board: Page, talk: Call, home: dict):
    board.goto(f"/analytics?listing={home['id']}")
    card = board.locator(".figure-card").filter(has=board.get_by_text("Calls", exact=True))
    counted = int(card.locator(".figure-value").inner_text())
    assert counted > 0

    table = board.get_by_role("region", name="Calls by listing")
    expect(table.get_by_role("row").nth(1)).to_contain_text(str(counted))
    section = board.locator("section.figure-part").filter(has=board.get_by_role("heading", name="Calls by listing"))
    with board.expect_download() as download:
        section.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[1].split(",")[-4] == str(counted), lines

    card.locator(".figure-value").click()
    expect(board).to_have_url(re.compile(r"/calls\?"))
    expect(board.locator("tbody [data-row]")).to_have_count(min(counted, 50))
