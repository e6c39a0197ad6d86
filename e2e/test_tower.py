"""The menu of a live call in a real browser, by keyboard, while the call goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from e2e.desk import Call
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


def test_a_caller_who_wants_a_person_is_seen(board: Page, phone: Call):
    phone.begins()
    assert "error" in phone.says("transfer-destination-request")

    expect(tile(board, written(phone)).locator("[data-f=waiting]")).to_contain_text("Wants a person, nobody is free")
