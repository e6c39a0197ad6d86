"""Pages whose scripts are off, or do not arrive: lists narrow, forms save, undo undoes. And answers that are slow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from e2e.desk import Api
from e2e.looks import Open

pytestmark = pytest.mark.browser


# Buttons for whose scripts are lost come after two seconds.
SECONDS_LATER = "document.getAnimations().forEach((one) => one.finish())"


@pytest.fixture(scope="module")
def lead(api: Api) -> dict:
    return api.post("leads", {"full_name": "Wilhelmina Noscript", "phone": "+13125557501"})


@pytest.fixture(params=["off", "lost"])
def bare(request: pytest.FixtureRequest, opened: Open, accepted: list[str]) -> Page:
    """A signed-in page without scripts: switched off, or lost on their way."""
    page = opened(java_script_enabled=request.param == "lost")
    # Not by a route, which would take the browser's cache away too.
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.setBlockedURLs", {"urls": ["*.js"]})
    accepted.append("net::ERR_BLOCKED_BY_CLIENT")
    return page


def test_a_list_is_narrowed_and_a_line_opened(bare: Page, lead: dict):
    bare.goto("/leads?scope=all")
    bare.get_by_role("search").get_by_label("Stage").select_option("new")
    bare.get_by_role("searchbox").fill("Noscript")
    bare.get_by_role("button", name="Show", exact=True).click()
    expect(bare).to_have_url(re.compile("stage=new"))
    bare.get_by_role("link", name="Wilhelmina Noscript").click()
    expect(bare).to_have_url(re.compile(rf"/leads/{lead['id']}"))


def test_a_note_is_written(bare: Page, lead: dict):
    bare.goto(f"/leads/{lead['id']}?compose=note#composer")
    if (claim := bare.get_by_role("button", name="Claim")).count():
        claim.click()
        bare.goto(f"/leads/{lead['id']}?compose=note#composer")
    bare.locator("#composer textarea").fill("Written without a script.")
    bare.locator("#composer button[type=submit]").click()
    expect(bare.locator(".timeline")).to_contain_text("Written without a script.")


def test_a_closure_is_taken_away_and_put_back(bare: Page, api: Api):
    reason = "Stock-taking"
    api.post("closures", {"starts_on": "2031-05-01", "ends_on": "2031-05-02", "reason": reason})
    bare.goto("/settings?section=closures")
    row = bare.get_by_role("row").filter(has_text=reason)
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    bare.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_each_list_reads_and_leads_on(bare: Page, home: dict):
    for path in ("dashboard", "calls", "listings", "users", "appointments", "pipeline?scope=all", "notifications"):
        bare.goto(f"/{path}")
        bare.evaluate(SECONDS_LATER)
        expect(bare.locator("main")).to_be_visible()
        expect(bare.get_by_role("button", name="Find anything")).to_be_hidden()
        expect(bare.get_by_role("navigation", name="Places").get_by_role("link", name="Leads")).to_be_visible()
        for form in bare.locator("main form:has(select), header form:has(select)").all():
            expect(form.get_by_role("button").last).to_be_visible()


def test_a_slow_answer_shows_that_it_is_awaited(board: Page, lead: dict):
    held: list[Route] = []
    board.goto("/leads?scope=all")
    board.route("**/leads?*q=Noscript*", lambda route: held.append(route))
    board.get_by_role("searchbox").fill("Noscript")
    expect(board.locator("#lead-list")).to_have_attribute("aria-busy", "true")
    expect(board.locator("#busy")).to_have_class(re.compile("is-busy"))
    held[0].continue_()
    expect(board.locator("#busy")).not_to_have_class(re.compile("is-busy"))
    expect(board.locator("[aria-busy=true]")).to_have_count(0)
    expect(board.locator("#lead-list")).to_contain_text("Wilhelmina Noscript")
    expect(board.locator(".without-script")).to_have_count(0)


def test_a_slow_sheet_opens_with_a_skeleton(board: Page, home: dict):
    held: list[Route] = []
    board.goto("/appointments")
    board.route("**/appointments/new*", lambda route: held.append(route))
    board.get_by_role("link", name="Book a viewing").first.click()
    sheet = board.locator("#sheet")
    expect(sheet.get_by_role("status", name="Loading")).to_be_visible()
    held[0].continue_()
    expect(sheet.get_by_role("heading", name="Book a viewing")).to_be_visible()
    expect(sheet.get_by_role("status", name="Loading")).to_have_count(0)
