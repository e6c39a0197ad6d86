"""People and their calendars in a real browser, with a worker and a stand-in for Microsoft 365 behind the desk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from calendar_sync.sandbox import Server
from calendar_sync.sandbox.outlook import Outlook
from e2e.desk import EMAIL, Api
from e2e.looks import PHONE, Open

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]

COLLEAGUE = "Wilhelmina Featherstonehaugh-Cholmondeley"


@pytest.fixture
def outlook(microsoft: Server) -> Outlook:
    """The administrator's mailbox as they see it."""
    return microsoft.sandbox.outlook(EMAIL)


@pytest.fixture(scope="module")
def colleague(api: Api) -> dict:
    """A colleague with a very long name who has not connected anything."""
    body = {"email": "wil@pete.local", "full_name": COLLEAGUE, "timezone": "America/New_York"}
    return api.post("agents", body)


@pytest.fixture
def users(opened: Open) -> Page:
    """The list, signed in."""
    return opened("/users")


def test_somebody_new_is_added_and_comes_in_by_the_link(users: Page, opened: Open):
    users.get_by_role("link", name="Add a person").click()
    users.get_by_label("Name").fill("Nia New")
    users.get_by_label("E-mail, to sign in with").fill("nia.new@pete.local")
    users.get_by_label("Time zone").select_option("America/New_York")
    users.get_by_role("button", name="Add").click()
    users.get_by_label("Monday").fill("9-12, 13-17")
    users.get_by_role("button", name="Save the hours").click()
    expect(users.get_by_label("Monday")).to_have_value("09:00–12:00, 13:00–17:00")
    users.get_by_role("button", name="Send the link").click()
    expect(users.get_by_role("status").filter(has_text="Sent to nia.new@pete.local")).to_be_visible()
    link = users.get_by_label("Link").input_value()

    page = opened(link[link.index("/welcome") :], email=None, **PHONE)
    page.get_by_label("New password", exact=True).fill("a-quiet-harbour-42")
    page.get_by_label("New password confirmation").fill("a-quiet-harbour-42")
    page.get_by_role("button", name="Keep it and come in").click()
    page.wait_for_url("**/dashboard")


def own_row(page: Page):
    return page.locator(".person-row", has_text="Administrator").first


@pytest.fixture
def connected(users: Page) -> Page:
    """The list; the administrator is connected, if need be through Microsoft's pages."""
    if own_row(users).get_attribute("data-state") != "connected":
        connect(users)
        users.goto("/users")
        expect(own_row(users)).to_have_attribute("data-state", "connected")
    return users


def connect(page: Page) -> None:
    """Do what a person does: the button, Microsoft's two pages, the choice of calendars."""
    own_row(page).get_by_role("link", name="connect").first.click()
    expect(page.get_by_role("heading", name="Pick an account")).to_be_visible()
    page.get_by_role("link", name=EMAIL).click()
    if page.get_by_role("link", name="Accept").is_visible():
        page.get_by_role("link", name="Accept").click()
    if page.get_by_role("button", name="Keep this choice").is_visible():
        page.get_by_role("button", name="Keep this choice").click()


def test_one_connects_ones_own_calendar_through_microsofts_pages(nobody_connected: None, users: Page, outlook: Outlook):
    noon = datetime.now(UTC).replace(hour=17, minute=0, second=0, microsecond=0) + timedelta(days=2)
    outlook.create("Secret dinner", noon, noon + timedelta(hours=1))
    expect(own_row(users)).to_have_attribute("data-state", "local")

    connect(users)

    health = users.locator("#health")
    expect(health.locator(".health-head")).to_have_attribute("data-state", "connected")
    expect(health).to_contain_text("Viewings go here")
    expect(health.locator(".day-row", has_text="Busy")).to_contain_text("Outlook")
    expect(health).not_to_contain_text("Secret dinner")
    users.goto("/users?show=connected")
    expect(own_row(users)).to_contain_text(EMAIL)


def test_declining_connects_nothing(users: Page, microsoft: Server, accepted: list[str]):
    if own_row(users).get_attribute("data-state") == "connected":
        disconnect(users)
    microsoft.sandbox.revoke_consent(EMAIL)
    accepted.append("status of 400")
    own_row(users).get_by_role("link", name="Connect Microsoft 365").click()
    users.get_by_role("link", name=EMAIL).click()

    users.get_by_role("link", name="Cancel").click()

    expect(users.get_by_role("heading", name="You did not agree")).to_be_visible()
    users.goto("/users")
    expect(own_row(users)).to_have_attribute("data-state", "local")


def test_sync_now_brings_what_has_just_come(connected: Page, outlook: Outlook):
    connected.get_by_role("link", name="Administrator", exact=True).click()
    at = datetime.now(UTC).replace(hour=20, minute=0, second=0, microsecond=0) + timedelta(days=3)
    shown = connected.locator(".day-row", has_text="Outlook")
    before = shown.count()
    outlook.create("Dentist", at, at + timedelta(minutes=45))

    connected.get_by_role("button", name="Sync now").click()

    expect(connected.locator(".toast-line")).to_contain_text("is being read")
    expect(shown).to_have_count(before + 1)


def test_a_broken_connection_is_told_with_its_cure_and_mended_by_signing_in(connected: Page, microsoft: Server):
    microsoft.sandbox.entra.revoke(EMAIL)
    microsoft.sandbox.entra.expire_access(EMAIL)

    own_row(connected).get_by_role("button", name="Sync now").click()

    expect(own_row(connected)).to_have_attribute("data-state", "needs_reconnect")
    expect(own_row(connected)).to_contain_text("The sign-in was revoked")
    expect(own_row(connected)).to_contain_text("sign in once more with the same account")
    connected.reload()
    expect(connected.locator(".rail-count.is-bad")).to_contain_text("1")

    connect(connected)

    connected.goto("/users")
    expect(own_row(connected)).to_have_attribute("data-state", "connected")
    expect(connected.locator(".rail-count.is-bad")).to_have_count(0)


def test_the_list_narrows_while_one_types(users: Page, colleague: dict):
    users.reload()
    search = users.get_by_label("Search by name")
    search.press_sequentially("wilhelm")

    expect(users.locator(".person-row")).to_have_count(1)
    expect(users.locator(".person-row")).to_contain_text(COLLEAGUE)
    expect(users).to_have_url("/users?q=wilhelm")
    expect(search).to_be_focused()

    users.get_by_role("link", name="Needs attention").click()
    expect(users.locator(".empty")).to_contain_text("hidden")

    users.get_by_role("link", name="Show everybody").click()
    expect(users.locator(".person-row").nth(1)).to_be_visible()


def test_a_manager_sends_the_link(users: Page, colleague: dict):
    users.reload()
    users.get_by_role("button", name=f"Send link, {COLLEAGUE}").click()

    expect(users.locator(".toast-line")).to_contain_text("The link was sent to wil@pete.local.")


def test_everything_can_be_reached_with_the_keyboard(connected: Page):
    button = own_row(connected).get_by_role("button", name="Sync now")
    for _ in range(30):
        connected.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    expect(button).to_be_focused()

    connected.keyboard.press("Enter")

    expect(connected.locator(".toast-line")).to_contain_text("is being read")


def test_without_javascript_the_buttons_work_too(connected: Page, opened: Open):
    page = opened("/users", java_script_enabled=False)

    own_row(page).get_by_role("button", name="Sync now").click()

    expect(page).to_have_url("/users")
    expect(page.get_by_role("status").first).to_contain_text("is being read")
    page.get_by_label("Search by name").fill("nobody at all")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".empty")).to_contain_text("Nobody to show")


def disconnect(page: Page) -> None:
    own_row(page).get_by_role("link", name="Disconnect").click()
    page.get_by_role("button", name="Disconnect Microsoft 365").click()
    expect(page.locator(".health-head")).to_have_attribute("data-state", "local")
    page.goto("/users")


def test_disconnecting_says_first_what_it_means(connected: Page):
    own_row(connected).get_by_role("link", name="Disconnect").click()
    expect(connected.locator("#disconnect")).to_contain_text("Pete forgets the sign-in")

    connected.get_by_role("button", name="Disconnect Microsoft 365").click()

    expect(connected.locator(".health-head")).to_have_attribute("data-state", "local")
    expect(connected.get_by_role("link", name="Connect Microsoft 365")).to_be_visible()
