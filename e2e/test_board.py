"""The live desk in a real browser, while calls go through the real webhook. No page is ever loaded again here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.cut import Line
from e2e.desk import Api, Call, Desk
from e2e.looks import Open
from e2e.parity import differences

pytestmark = pytest.mark.browser
LIVE = re.compile(r"^Live, \d+ s$")


def tile(page: Page, name: str) -> Locator:
    return page.locator("[data-tiles] > li").filter(has=page.get_by_role("heading", name=name, exact=True))


def written(call: Call) -> str:
    """Return the caller's number as the page writes it."""
    digits = call.number.removeprefix("+1")
    return f"+1 {digits[:3]}-{digits[3:6]}-{digits[6:]}"


def free_slot(api: Api, home: dict) -> str:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    found = api.get(
        "availability", start=tomorrow.isoformat(), end=(tomorrow + timedelta(days=1)).isoformat(), listing=home["id"]
    )
    return str(found["slots"][0]["slot_id"])


@pytest.mark.journey
def test_a_call_is_qualified_held_booked_and_ends_while_you_watch(board: Page, phone: Call, api: Api, home: dict):
    phone.begins()
    shown = tile(board, written(phone))
    expect(shown).to_have_attribute("data-state", "qualifying")

    phone.line("assistant", "What are you looking for?")
    phone.line("user", "Two bedrooms under $1,800 a month.")
    expect(shown.locator(".line-text")).to_have_text(
        ["What are you looking for?", "Two bedrooms under $1,800 a month."]
    )
    expect(shown.locator(".line-who")).to_have_text(["Assistant", "Caller"])
    expect(shown).to_have_attribute("data-phase", "THINKING")

    phone.tool("update_system_prompt", new_state="BOOKING", context={"budget": "$1,800", "timeline": "next month"})
    expect(shown).to_have_attribute("data-state", "offering")
    expect(shown.locator(".fact dd")).to_have_text(["$1,800 a month", "next month"])

    slot = free_slot(api, home)
    assert "name" in phone.tool("set_appointment", slot_id=slot)
    expect(shown).to_have_attribute("data-state", "held")
    expect(shown.locator("[data-f=hold-when]")).to_contain_text("(tomorrow)")
    left = shown.locator("[data-f=hold-left]")
    expect(left).to_have_text(re.compile(r"^2:\d\d left$"))
    before = left.text_content()
    expect(left).not_to_have_text(before or "")
    expect(board.locator("[data-count=held]")).to_have_text("1")

    answer = phone.tool("set_appointment", slot_id=slot, attendee_name="Maria Delgado")
    assert not answer.startswith("["), answer
    booked = tile(board, "Maria Delgado")
    expect(booked).to_have_attribute("data-state", "booked")
    expect(booked.locator("[data-f=booked-when]")).to_contain_text("(tomorrow)")

    phone.ends()
    expect(board.locator("[data-ended]")).to_contain_text("Maria DelgadoViewing booked: ")
    expect(booked).to_have_count(0)


def test_tiles_keep_their_order_whatever_happens_to_them(board: Page, desk: Desk):
    calls = [Call(desk, f"+1773555010{number}") for number in range(3)]
    for call in calls:
        call.begins()
        expect(tile(board, written(call))).to_be_visible()
    calls[0].line("user", "Hello, it is me again.")
    expect(tile(board, written(calls[0]))).to_contain_text("it is me again")

    names = board.locator("[data-tiles] h3").all_text_contents()

    assert names[-3:] == [written(call) for call in calls]
    for call in calls:
        call.ends()


def test_text_from_callers_is_text(board: Page, phone: Call):
    phone.begins()
    phone.line("user", "<img src=x onerror=alert(1)> & so on")

    expect(tile(board, written(phone)).locator(".line-text")).to_have_text("<img src=x onerror=alert(1)> & so on")


def test_a_lost_server_is_said_and_what_happened_meanwhile_is_caught_up(
    board: Page, desk: Desk, environment: dict[str, str], phone: Call, api: Api
):
    phone.begins()
    shown = tile(board, written(phone))
    expect(shown).to_be_visible()
    expect(board.locator("[data-freshness-text]")).to_have_text(LIVE)

    desk.stop()
    expect(board.locator("[data-freshness-text]")).to_have_text("Reconnecting")
    expect(board.locator("[data-freshness-since]")).to_have_text(re.compile(r"^as of \d\d:\d\d:\d\d$"))
    stopped = shown.locator("[data-f=phase-timer]").text_content()

    # Another web process takes Vapi's messages meanwhile.
    other = Desk(environment, desk.log)
    other.start()
    phone.desk = other
    phone.line("user", "Are you still there?")
    late = Call(other, "+13125559999")
    late.begins()
    # Reading waits for what is not on the board yet.
    elsewhere = Api(other, api.token)
    assert elsewhere.get("calls", vapi_id=late.id)["results"][0]["status"] == "in-progress"
    other.stop()
    assert shown.locator("[data-f=phase-timer]").text_content() == stopped

    desk.start()
    phone.desk = late.desk = desk
    expect(board.locator("[data-freshness-text]")).to_have_text(LIVE, timeout=30_000)
    # The two of this test, and what else goes on.
    expect(board.locator("[data-toasts]")).to_contain_text(re.compile(r"([2-9]|\d\d+) changes caught up"))
    expect(shown).to_contain_text("Are you still there?")
    expect(tile(board, written(late))).to_be_visible()
    late.ends()


def test_a_call_back_asked_for_on_the_phone_appears_in_the_panel(board: Page, phone: Call):
    phone.begins()
    phone.tool("request_callback", reason="Wants to know about parking")
    phone.ends()

    expect(board.locator("#desk")).to_contain_text("Wants to know about parking")


def test_without_scripts_the_page_says_how_old_it_is(opened: Open, board: Page, phone: Call):
    phone.begins()
    expect(tile(board, written(phone))).to_be_visible()
    page = opened("/dashboard", java_script_enabled=False)

    expect(page.locator("[data-freshness-text]")).to_have_text(re.compile(r"^Data as of \d\d:\d\d$"))
    expect(tile(page, written(phone))).to_be_visible()


@pytest.mark.journey
def test_a_lead_is_claimed_and_noted_from_its_tile(board: Page, phone: Call):
    name = f"Tessa Tile {phone.number[-4:]}"
    phone.begins()
    phone.tool("save_lead", full_name=name)
    shown = tile(board, name)
    shown.get_by_role("button", name="Claim").click()
    expect(board.locator("[data-toasts]")).to_contain_text(f"{name} is yours")
    expect(shown.get_by_role("button", name="Claim")).to_be_hidden()

    shown.get_by_role("link", name="Write a note").click()
    expect(board.get_by_label("Note", exact=True)).to_be_focused()
    board.keyboard.type("Likes the garden")
    board.get_by_role("button", name="Keep the note").click()
    expect(board.locator("[data-toasts]")).to_contain_text("Note kept.")
    expect(board.locator("#sheet")).to_be_hidden()

    shown.get_by_role("link", name=name).click()
    expect(board).to_have_url(re.compile(r"/calls/"))


def test_nothing_personal_reaches_the_wallboard(board: Page, phone: Call):
    phone.begins()
    phone.tool("save_lead", full_name="Wanda Wall")
    phone.line("user", "I live at Rosebud Lane.")
    expect(tile(board, "Wanda Wall")).to_contain_text("Rosebud")
    heard: list[str] = []
    board.on(
        "response", lambda answer: "text" in answer.headers.get("content-type", "") and heard.append(answer.text())
    )
    sockets: list[str] = []
    board.on("websocket", lambda socket: sockets.append(socket.url))

    board.goto("/wallboard")
    expect(board.locator(".wall-tile")).not_to_have_count(0)
    with board.expect_response(
        lambda answer: answer.url.endswith("/wallboard") and answer.request.is_navigation_request() is False
    ):
        phone.line("user", "Rosebud, I said.")

    assert sockets == []
    said = "".join([*heard, board.content()])
    assert "wall-tile" in said
    assert [word for word in ("Wanda", "Rosebud", phone.number[2:], phone.number[-4:]) if word in said] == []


@pytest.mark.journey
def test_after_being_offline_the_board_is_exactly_the_servers(
    opened: Open,
    desk: Desk,
    board: Page,
    new_number: Callable[[], str],
    api: Api,
    home: dict,
    accepted: list[str],
):
    # What the browser itself says of requests on a line that is cut.
    accepted += ["net::ERR_CONNECTION_RESET", "net::ERR_CONNECTION_CLOSED", "net::ERR_SOCKET_NOT_CONNECTED"]
    accepted += ["net::ERR_EMPTY_RESPONSE"]
    calls = [Call(desk, new_number()) for _ in range(5)]
    for call in calls[:4]:
        call.begins()
        call.line("user", "Good morning.")
        expect(tile(board, written(call))).to_contain_text("Good morning.")
    with Line(desk.port) as line:
        page = opened("/dashboard", base_url=line.url)
        expect(page.locator("[data-freshness-text]")).to_have_text(LIVE)
        assert differences(page) == []

        line.cut()
        expect(page.locator("[data-freshness-text]")).to_have_text("Reconnecting")
        happens_meanwhile(calls, free_slot(api, home))
        for call in calls:
            assert api.get("calls", vapi_id=call.id)["results"]
        line.mend()

        expect(page.locator("[data-freshness-text]")).to_have_text(LIVE, timeout=30_000)
        expect(page.locator("[data-toasts]")).to_contain_text("changes caught up")
        assert differences(page) == []
        assert page.locator("[data-tiles]").get_by_text("Are you there?").count() == 1
        page.context.close()
    for call in calls:
        call.ends()


def happens_meanwhile(calls: list[Call], slot: str) -> None:
    """One speaks on, one gets a time held, one is named, one ends, one begins."""
    calls[0].line("user", "Are you there?")
    calls[1].tool("set_appointment", slot_id=slot)
    calls[2].tool("save_lead", full_name="Otto Offline", budget="1500")
    calls[3].ends()
    calls[4].begins()
