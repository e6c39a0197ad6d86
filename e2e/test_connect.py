"""Connecting Microsoft 365 in a real browser: cookies, redirects and the content security policy are real."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from calendar_sync.sandbox import Server
from e2e.desk import EMAIL

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def never_connected(microsoft: Server, nobody_connected: None) -> None:
    """Whatever other tests have left behind, this person meets Microsoft's questions for the first time."""
    microsoft.sandbox.entra.account(EMAIL).consent = "ask"


@pytest.mark.journey
def test_an_agent_connects_chooses_and_disconnects(page: Page):
    page.goto("/users")
    page.get_by_role("link", name="Connect Microsoft 365").first.click()
    page.get_by_role("link", name=EMAIL).click()
    expect(page.get_by_role("heading", name="Permissions requested")).to_be_visible()
    page.get_by_role("link", name="Accept").click()

    expect(page).to_have_url(re.compile("/calendar/choose"))
    expect(page.get_by_role("status").first).to_contain_text(f"Connected as {EMAIL}")
    expect(page.get_by_role("checkbox", name="Calendar")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Family")).not_to_be_checked()
    page.get_by_role("radio", name="Family").check()
    page.get_by_role("button", name="Keep this choice").click()

    expect(page.get_by_text("Your choice is kept.")).to_be_visible()
    page.goto("/calendar/choose")
    expect(page.get_by_role("radio", name="Family")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Family")).to_be_checked()

    page.goto("/users")
    page.get_by_role("link", name="Disconnect").first.click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("link", name="Connect Microsoft 365").first).to_be_visible()
