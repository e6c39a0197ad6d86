"""The command palette and the keys, as hands use them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from e2e.desk import Api, Call

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def quentin(api: Api) -> dict:
    return api.post("leads", {"full_name": "Quentin Zabala", "phone": "+13125557301"})


def palette(page: Page):
    return page.get_by_role("dialog", name="Command palette")


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(palette(page).get_by_role("combobox")).to_be_focused()


def test_a_name_leads_to_the_lead_and_is_there_again_at_rest(board: Page, quentin: dict):
    open_palette(board)
    board.keyboard.type("zabala")
    # Enter does not wait for eyes, and does not do what stood there before.
    board.keyboard.press("Enter")
    expect(board).to_have_url(re.compile(rf"/leads/{quentin['id']}$"))

    board.goto("/calls")
    open_palette(board)
    expect(palette(board).get_by_role("group", name="Recent").get_by_role("option")).to_contain_text("Quentin Zabala")


def test_the_first_line_is_the_best_act_for_what_is_open(board: Page, quentin: dict):
    board.goto(f"/leads/{quentin['id']}")
    open_palette(board)
    expect(palette(board).get_by_role("option", selected=True)).to_contain_text("Claim")
    board.keyboard.press("Enter")
    expect(board.get_by_role("button", name="Claim")).to_have_count(0)


@pytest.mark.journey
def test_a_number_that_nobody_has_becomes_a_lead(board: Page, phone: Call, api: Api):
    board.get_by_role("button", name="Find anything").click()
    expect(palette(board).get_by_role("combobox")).to_be_focused()
    board.keyboard.type(f"312 {phone.number[-7:-4]} {phone.number[-4:]}")
    # Until the answer comes, what is there at rest stands in the list.
    expect(palette(board).get_by_role("option", name="Create a lead")).to_be_visible()
    board.keyboard.press("Enter")
    board.wait_for_url(re.compile(r"/leads/\d+$"))
    (lead,) = api.get("leads", phone=phone.number)["results"]
    assert board.url.endswith(f"/leads/{lead['id']}")


def test_esc_steps_back_one_level(board: Page):
    open_palette(board)
    board.keyboard.type("zzzz")
    expect(palette(board)).to_contain_text("Nothing fits")
    board.keyboard.press("Escape")
    expect(palette(board).get_by_role("combobox")).to_have_value("")
    expect(palette(board).get_by_role("option", name="Book a viewing")).to_be_visible()
    board.keyboard.press("Escape")
    expect(palette(board)).to_be_hidden()


def test_keys_go_places_walk_rows_and_open_them(board: Page, quentin: dict):
    board.keyboard.press("g")
    board.keyboard.press("l")
    board.wait_for_url(re.compile("/leads"))
    board.goto("/leads?scope=all&q=Zabala")
    board.keyboard.press("j")
    expect(board.locator("[data-row].is-current")).to_contain_text("Quentin Zabala")
    board.keyboard.press("Enter")
    board.wait_for_url(re.compile(rf"/leads/{quentin['id']}"))
    board.keyboard.press("n")
    expect(board.locator("#composer textarea")).to_be_visible()


def test_a_key_acts_on_the_line_one_stands_on_and_on_no_other(board: Page, api: Api):
    for number in (1, 2):
        api.post("leads", {"full_name": f"Rosalind Twice {number}", "phone": f"+1312555731{number}"})
    board.goto("/leads?scope=all&q=Rosalind")
    board.locator("html.is-scripted").wait_for()
    claims = board.locator("[data-row] [data-claim]")
    board.keyboard.press("c")
    expect(claims).to_have_count(2)

    board.keyboard.press("j")
    board.keyboard.press("j")
    second = board.locator("[data-row].is-current .row-open").inner_text()
    board.keyboard.press("c")

    expect(claims).to_have_count(1)
    expect(board.locator("[data-row]").filter(has=board.locator("[data-claim]"))).not_to_contain_text(second)


def test_keys_are_letters_inside_a_field(board: Page):
    board.goto("/leads")
    board.keyboard.press("/")
    search = board.get_by_role("searchbox").first
    expect(search).to_be_focused()
    board.keyboard.type("gc?n")
    expect(search).to_have_value("gc?n")
    expect(board.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_the_sheet_of_keys_names_them(board: Page):
    board.keyboard.press("?")
    sheet = board.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("Find anything, do anything")
    board.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_letters_are_switched_off_and_on_again(board: Page):
    """WCAG 2.1.4: who dictates is not led about the desk by what they say."""
    board.keyboard.press("?")
    sheet = board.get_by_role("dialog", name="Keys")
    sheet.get_by_role("button", name="Switch letters off").click()
    expect(board.locator("[data-letter-keys=off]")).to_be_visible()
    expect(board.locator("html.is-scripted")).to_be_visible()
    board.keyboard.press("?")
    expect(sheet).to_be_hidden()
    board.keyboard.press("Control+k")
    expect(board.get_by_role("dialog", name="Command palette")).to_be_visible()
    board.keyboard.press("Escape")

    board.get_by_role("button", name="Theme, language").click()
    board.get_by_role("button", name="Keys", exact=True).click()
    sheet.get_by_role("button", name="Switch letters on").click()

    expect(board.locator("[data-rail]:not([data-letter-keys])")).to_be_visible()


def test_the_first_steps_check_themselves_and_can_be_put_away(board: Page, home: dict, nobody_connected: None):
    board.reload()
    steps = board.get_by_role("group", name="First steps")
    # What other tests have done decides whether one line is enough.
    if steps.get_attribute("open") is None:
        steps.locator("summary").click()
    expect(steps.get_by_role("listitem").filter(has_text="Add your listings")).to_contain_text("done")
    practice = steps.get_by_role("listitem").filter(has_text="Make a practice call")
    expect(practice.get_by_text("done").or_(practice.get_by_role("link", name="Talk to Pete"))).to_be_visible()
    steps.get_by_role("button", name="Put these away").click()
    expect(steps).to_have_count(0)
    board.get_by_role("button", name="Undo").click()
    board.goto("/dashboard")
    expect(steps).to_be_visible()
