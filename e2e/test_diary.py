"""The diary and the homes in a real browser: booking by keyboard, dragging, why not, cancelling, photos, facts."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from e2e.desk import Api

pytestmark = pytest.mark.browser

CHICAGO = ZoneInfo("America/Chicago")
_numbers = count(1)


@pytest.fixture(scope="module")
def agent(api: Api) -> dict:
    """An agent of these tests' own, who works from nine to five every day."""
    agent = api.post("agents", {"email": "iris@pete.local", "full_name": "Iris Calder", "timezone": "America/Chicago"})
    week = [{"weekday": day, "start": "09:00", "end": "17:00"} for day in range(7)]
    api.put(f"agents/{agent['id']}/working-hours", week)
    return agent


@pytest.fixture(scope="module")
def house(api: Api, agent: dict) -> dict:
    return api.post("listings", {"address": "7 Diary Lane", "rent": "1500.00", "bedrooms": 1, "agents": [agent["id"]]})


@pytest.fixture
def day() -> datetime:
    """Midnight of a day of each test's own, from three days ahead."""
    today = datetime.now(CHICAGO).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=2 + next(_numbers))


@pytest.fixture
def viewing(api: Api, agent: dict, house: dict, day: datetime) -> dict:
    """A viewing at eleven."""
    number = 5550000 + next(_numbers)
    body = {
        "agent": agent["id"],
        "listing": house["id"],
        "starts_at": day.replace(hour=11).astimezone(UTC).isoformat(),
        "attendee_name": f"Lena Quiet {number}",
        "attendee_email": f"lena{number}@example.com",
    }
    return api.post("appointments", body)


def open_day(page: Page, agent: dict, day: datetime) -> None:
    page.goto(f"/appointments?view=day&scope=all&agent={agent['id']}&date={day:%Y-%m-%d}")
    # The script is there once the grid has one stop for Tab.
    expect(page.locator(".cell[tabindex='0']")).to_have_count(1)


def cell(page: Page, time: str) -> Locator:
    return page.locator(f".cell[data-time='{time}']")


@pytest.mark.journey("desktop")
def test_a_viewing_is_booked_by_keyboard_only(page: Page, api: Api, agent: dict, house: dict, day: datetime) -> None:
    api.post("leads", {"full_name": "Kay Keyboard", "phone": f"+13125557{next(_numbers):03}"})
    open_day(page, agent, day)
    cell(page, "09:00").focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(cell(page, "11:00")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Book a viewing")).to_be_visible()
    expect(page.get_by_label("Search a lead by name, phone or e-mail")).to_be_focused()
    page.keyboard.type("Kay Key")
    lead = page.get_by_role("radio", name=re.compile("Kay Keyboard"))
    expect(lead).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(lead).to_be_checked()
    home = page.get_by_role("dialog").get_by_label("Home")
    while not home.evaluate("element => element === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("7 Diary")
    expect(page.get_by_role("radio", name="11:00")).to_be_checked()
    page.get_by_role("button", name="Book", exact=True).press("Enter")

    expect(page.locator(".toast-line")).to_contain_text("Booked: Kay Keyboard")
    expect(page.locator("#viewing")).to_contain_text("Kay Keyboard")
    expect(page.locator(".diary-block", has_text="Kay Keyboard")).to_be_visible()
    booked = api.get("appointments", agent=agent["id"], status="booked")["results"]
    assert [
        row["source"]
        for row in booked
        if row["starts_at"].startswith(f"{day.replace(hour=11).astimezone(UTC):%Y-%m-%dT%H:%M}")
    ] == ["staff"]


@pytest.mark.journey("desktop")
def test_dragging_asks_whom_to_tell_and_can_be_undone(
    page: Page, api: Api, agent: dict, viewing: dict, day: datetime
) -> None:
    open_day(page, agent, day)
    drag(page, viewing, "14:00")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Whom to tell?")
    assert when(api, viewing) == day.replace(hour=11)
    sheet.get_by_role("checkbox", name=re.compile("by e-mail to")).check()
    sheet.get_by_role("button", name="Move").click()

    expect(page.locator(".toast-line")).to_contain_text("Told by e-mail")
    assert when(api, viewing) == day.replace(hour=14)
    expect(page.locator("#viewing")).to_contain_text("14:00–14:30")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#viewing")).to_contain_text("11:00–11:30")
    assert when(api, viewing) == day.replace(hour=11)


def test_a_time_that_is_taken_leaves_the_viewing_where_it_was(
    page: Page, api: Api, agent: dict, viewing: dict, day: datetime
) -> None:
    at = day.replace(hour=14)
    busy = {"agent": agent["id"], "starts_at": at.isoformat(), "ends_at": (at + timedelta(hours=1)).isoformat()}
    api.post("busy-times", busy | {"reason": "Dentist"})
    open_day(page, agent, day)
    drag(page, viewing, "14:00")

    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("alert")).to_contain_text("It stays where it is")
    expect(sheet.get_by_role("alert")).to_contain_text("Busy, 14:00–15:00")
    expect(sheet.get_by_role("alert")).not_to_contain_text("Dentist")
    assert when(api, viewing) == day.replace(hour=11)


def drag(page: Page, viewing: dict, time: str) -> None:
    block = page.locator(f".diary-block[data-viewing='{viewing['id']}']")
    target = cell(page, time)
    block.scroll_into_view_if_needed()
    start, end = block.bounding_box(), target.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 20, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(start["x"] + 30, start["y"] + 40, steps=4)
    page.mouse.move(end["x"] + 20, end["y"] + 8, steps=6)
    page.mouse.up()


def when(api: Api, viewing: dict) -> datetime:
    return datetime.fromisoformat(api.get(f"appointments/{viewing['id']}")["starts_at"])


@pytest.mark.journey
def test_a_grey_time_says_why(page: Page, api: Api, agent: dict, day: datetime) -> None:
    at = day.replace(hour=14)
    busy = {"agent": agent["id"], "starts_at": at.isoformat(), "ends_at": (at + timedelta(hours=1)).isoformat()}
    api.post("busy-times", busy | {"reason": "Dentist"})
    open_day(page, agent, day)
    cell(page, "14:30").click()
    card = page.locator("#why-card")
    expect(card).to_contain_text("Why this time is not offered")
    expect(card).to_contain_text("Busy, 14:00–15:00")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_a_time_that_is_taken_says_why_to_the_keyboard(page: Page, agent: dict, day: datetime, viewing: dict) -> None:
    open_day(page, agent, day)
    cell(page, "11:00").focus()
    page.keyboard.press("Enter")
    card = page.locator("#why-card")
    expect(card).to_contain_text("Another viewing")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(cell(page, "11:00")).to_be_focused()


def test_cancelling_asks_for_the_reason_and_can_be_undone(
    page: Page, api: Api, agent: dict, viewing: dict, day: datetime
) -> None:
    page.goto(f"/appointments?appointment={viewing['id']}")
    page.locator("#viewing").get_by_role("link", name="Cancel").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("Reason").fill("Ill today")
    sheet.get_by_role("button", name="Cancel the viewing").click()

    expect(page.locator(".toast-line")).to_contain_text("Cancelled")
    expect(page.locator("#viewing")).to_contain_text("Cancelled: Ill today")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#viewing").get_by_role("link", name="Move")).to_be_visible()
    assert api.get(f"appointments/{viewing['id']}")["status"] == "booked"


@pytest.mark.journey("phone")
def test_on_a_phone_the_agenda_comes_first(page: Page, agent: dict, viewing: dict, day: datetime) -> None:
    page.goto(f"/appointments?scope=all&agent={agent['id']}&date={day:%Y-%m-%d}")
    row = page.locator(f".agenda-row[data-viewing='{viewing['id']}']")
    expect(row).to_be_visible()
    expect(page.locator(".grid-scroll")).to_be_hidden()
    row.click()
    panel = page.locator("#viewing")
    expect(panel).to_contain_text("Lena Quiet")
    expect(panel).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    panel.get_by_role("button", name="Close the panel").click()
    expect(panel).to_be_hidden()


@pytest.mark.journey("phone")
def test_on_a_phone_a_viewing_is_moved_by_its_menu(page: Page, api: Api, viewing: dict, day: datetime) -> None:
    page.goto(f"/appointments?appointment={viewing['id']}")
    page.locator("#viewing").get_by_role("link", name="Move").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("radio", name="14:00").check()
    sheet.get_by_role("checkbox", name=re.compile("by e-mail to")).check()
    sheet.get_by_role("button", name="Move").click()

    expect(page.locator(".toast-line")).to_contain_text("Told by e-mail")
    expect(page.locator("#viewing")).to_contain_text("14:00–14:30")
    assert when(api, viewing) == day.replace(hour=14)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#viewing")).to_contain_text("11:00–11:30")


@pytest.mark.journey
def test_a_home_is_added_with_a_photo_and_what_pete_may_say(page: Page, agent: dict) -> None:
    address = f"{next(_numbers)} Lantern Court"
    page.goto("/listings")
    page.get_by_role("link", name="Add a listing").first.click()
    page.get_by_label("Address").fill(address)
    page.get_by_label("Bedrooms").fill("2")
    page.get_by_label("Rent").fill("1725")
    page.get_by_role("checkbox", name="Iris Calder").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name=address)).to_be_visible()

    out = io.BytesIO()
    Image.new("RGB", (400, 300), "#336699").save(out, "JPEG")
    file = {"name": "front.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}
    page.get_by_label("Add photos").set_input_files(file)
    expect(page.locator(".gallery-photo img")).to_have_count(1)
    expect(page.locator(".toast-line").last).to_contain_text("1 photo added")
    assert page.locator(".gallery-photo img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 400

    page.get_by_role("link", name="Change What Pete may say").click()
    page.get_by_label("Facts Pete may say, one a line").fill("Roof terrace.")
    expect(page.locator(".pete-says")).to_contain_text("Also: Roof terrace.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#section-facts .fact-lines")).to_have_text("Roof terrace.")
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#section-facts")).to_contain_text("Nothing yet")


def test_the_columns_stand_for_agents_or_for_listings(page: Page, agent: dict, house: dict, viewing: dict) -> None:
    at = datetime.fromisoformat(viewing["starts_at"]).astimezone(CHICAGO)
    page.goto(f"/appointments?view=day&scope=all&listing={house['id']}&date={at:%Y-%m-%d}")
    expect(page.locator(".lane-name", has_text="Iris Calder")).to_be_visible()
    page.get_by_role("group", name="Columns").get_by_role("link", name="Listings").click()
    expect(page.locator(".lane-name", has_text="7 Diary Lane")).to_be_visible()
    block = page.locator(f".diary-block[data-viewing='{viewing['id']}']")
    expect(block).to_contain_text("Iris Calder")

    page.get_by_role("group", name="Columns").get_by_role("link", name="Agents").click()
    expect(page.locator(".lane-name", has_text="Iris Calder")).to_be_visible()
    page.get_by_role("group", name="Layout").get_by_role("link", name="Week").click()
    expect(page.locator(".grid-day")).to_have_count(7)
    expect(block).to_contain_text("7 Diary Lane")
    block.click()
    expect(page.locator("#viewing")).to_contain_text("11:00–11:30")


@pytest.mark.journey("phone")
def test_on_a_phone_an_empty_time_of_a_day_is_booked(
    page: Page, api: Api, agent: dict, house: dict, day: datetime
) -> None:
    api.post("leads", {"full_name": "Petra Pocket", "phone": f"+13125558{next(_numbers):03}"})
    open_day(page, agent, day)
    cell(page, "15:30").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("Search a lead by name, phone or e-mail").fill("Petra Poc")
    sheet.get_by_role("radio", name=re.compile("Petra Pocket")).check()
    sheet.get_by_label("Home").select_option(str(house["id"]))
    expect(sheet.get_by_role("radio", name="15:30")).to_be_checked()
    sheet.get_by_role("button", name="Book", exact=True).click()

    expect(page.locator(".toast-line")).to_contain_text("Booked: Petra Pocket")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
