"""The door and the frame in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from e2e.desk import EMAIL, PASSWORD, Desk
from e2e.looks import Open, live

pytestmark = pytest.mark.browser


@pytest.mark.journey
def test_a_wrong_password_is_said_and_the_right_one_leads_where_one_wanted_to_go(opened: Open):
    page = opened("/dashboard", email=None)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not fit together")

    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Show the password").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url("/dashboard")
    expect(page.get_by_role("heading", name="Live desk")).to_be_visible()


def test_signing_out_closes_the_desk(opened: Open, desk: Desk):
    # Others sit at the desk with the session that everybody shares.
    board = live(opened("/dashboard", storage_state=desk.sign_in()))
    board.get_by_role("button", name="You: ").click()
    board.get_by_role("button", name="Sign out").click()
    expect(board).to_have_url("/login")

    board.goto("/dashboard")

    expect(board).to_have_url("/login?next=/dashboard")


def test_the_chosen_theme_stays(board: Page):
    board.get_by_role("button", name="You: ").click()
    board.get_by_role("button", name="Dark").click()
    expect(board.locator("html")).to_have_attribute("data-theme", "dark")

    board.reload()
    expect(board.locator("html")).to_have_attribute("data-theme", "dark")

    board.get_by_role("button", name="You: ").click()
    board.get_by_role("button", name="Same as the system").click()
    board.reload()
    assert board.locator("html").get_attribute("data-theme") is None


def test_the_keyboard_skips_to_the_content_first(board: Page):
    board.reload()
    board.keyboard.press("Tab")
    skip = board.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()

    board.keyboard.press("Enter")

    expect(board.locator("#main")).to_be_focused()
