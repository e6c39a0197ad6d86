"""The menu of a live call in a real browser, by keyboard, while the call goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from calls.tests.tower.listen_server import ListenServer, play, play_tone, tone
from e2e.desk import CONTROL_HOST, LISTEN_HOST, Call
from e2e.test_board import tile, written

pytestmark = pytest.mark.browser


def test_a_call_is_steered_from_its_tile_by_keyboard(board: Page, phone: Call):
    phone.begins()
    link = tile(board, written(phone)).get_by_role("link", name="Step into this call")
    link.focus()
    board.keyboard.press("Enter")

    menu = board.get_by_role("dialog")
    reason = menu.get_by_label("Why")
    expect(reason).to_be_focused()
    reason.fill("The caller asked for a person")
    # Enter chooses nothing for anybody.
    board.keyboard.press("Enter")
    expect(menu.locator(".tower-line")).to_have_count(0)

    board.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(link).to_be_focused()


def test_a_call_that_ends_under_the_menu_can_no_longer_be_steered(board: Page, phone: Call):
    phone.begins()
    tile(board, written(phone)).get_by_role("link", name="Step into this call").click()
    menu = board.get_by_role("dialog")
    expect(menu.get_by_role("button", name="Mute the assistant")).to_be_enabled()

    phone.ends()

    expect(menu.get_by_text("The call is over.")).to_be_visible()
    expect(menu.get_by_role("button", name="Mute the assistant")).to_be_disabled()


@pytest.mark.journey
def test_a_live_call_is_heard(board: Page, phone: Call, sound: tuple[ListenServer, dict[str, str]]):
    vapi, _ = sound
    phone.begins()
    tile(board, written(phone)).get_by_role("link", name="Step into this call").click()
    menu = board.get_by_role("dialog")
    menu.get_by_label("Why").fill("The caller asked for a person")

    menu.get_by_role("button", name="Listen to the call").click()

    bar = menu.get_by_role("region", name="Sound of the call")
    expect(bar).to_contain_text("You hear the call. Nobody hears you")
    # What the loudspeaker gets is the tone, at half volume.
    expect(bar.locator("[data-level]")).to_have_css("transform", re.compile(r"matrix\(0\.(49|5)"))
    assert vapi.listeners == 1
    expect(menu.locator(".tower-line")).to_contain_text("Listened")
    # Nothing in the page tells where the sound comes from, nor where the call is steered.
    assert LISTEN_HOST not in board.content()
    assert CONTROL_HOST not in board.content()

    board.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    until(lambda: vapi.listeners == 0)


def test_a_call_that_ends_falls_silent(board: Page, phone: Call, sound: tuple[ListenServer, dict[str, str]]):
    vapi, _ = sound
    vapi.play = play(*tone(20))
    phone.begins()
    tile(board, written(phone)).get_by_role("link", name="Step into this call").click()
    menu = board.get_by_role("dialog")
    menu.get_by_label("Why").fill("The assistant is stuck")

    menu.get_by_role("button", name="Listen to the call").click()

    expect(menu.get_by_role("region", name="Sound of the call")).to_contain_text("The call has ended")
    vapi.play = play_tone


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_caller_who_wants_a_person_is_seen(board: Page, phone: Call):
    phone.begins()
    assert "error" in phone.says("transfer-destination-request")

    expect(tile(board, written(phone)).locator("[data-f=waiting]")).to_contain_text("Wants a person, nobody is free")
