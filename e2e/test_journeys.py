"""Ways through the product that cross several of its pages."""

from __future__ import annotations

import re
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from e2e.desk import Api, Call

pytestmark = [pytest.mark.browser, pytest.mark.journey]

_numbers = count(1)


def toast(page: Page):
    return page.locator(".toast-line")


def test_a_prompt_is_written_tried_and_taken_back(page: Page):
    page.goto("/prompts")
    page.get_by_role("link", name="Booking").first.click()
    words = page.get_by_label("What the assistant is told")
    before = words.input_value()
    words.fill(f"{before}\nSay the day and the month. {{{{nobody}}}}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("“nobody” is no fact that Pete collects")).to_be_visible()
    expect(page.locator("pre.prompt-read")).to_contain_text("Say the day and the month. not known yet")

    words.fill(f"{before}\nSay the day and the month.")
    page.get_by_label("Why this change").fill("Callers mix up weeks")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("speaks from the next turn on.")).to_be_visible()
    expect(page.locator(".version-row").first).to_contain_text("Callers mix up weeks")


def test_a_spreadsheet_is_brought_in_and_taken_back(page: Page, api: Api, worker: None):
    number = next(_numbers)
    names = [f"Imogen Sheet {number}{letter}" for letter in "ab"]
    rows = [f"{name},+1773554{number}{place}00,not a budget" for place, name in enumerate(names)]
    sheet = "\n".join(["Name,Phone,Budget", *rows]).encode()
    page.goto("/imports")
    page.get_by_label("File").set_input_files({"name": "leads.csv", "mimeType": "text/csv", "buffer": sheet})
    page.get_by_role("button", name="Upload and choose columns").click()
    page.get_by_label("Budget").select_option("not in the file")
    page.get_by_role("button", name="Check every row").click()
    page.get_by_role("button", name="Bring in").click()
    expect(page.get_by_role("button", name="Take back")).to_be_visible()
    assert [len(api.get("leads", search=name)["results"]) for name in names] == [1, 1]

    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("status").first).to_contain_text("Taken back")
    assert [len(api.get("leads", search=name)["results"]) for name in names] == [0, 0]


def test_a_notice_arrives_leads_to_its_lead_and_is_read(page: Page, phone: Call):
    name = f"Nora Notice {phone.number[-4:]}"
    page.goto("/notifications")
    phone.begins()
    phone.tool("save_lead", full_name=name, budget=2400, timeline="next month")
    phone.tool("request_callback", reason="Wants to know about parking")
    phone.ends()
    group = page.get_by_role("region", name=name)
    expect(group).to_be_visible()
    group.get_by_role("button", name="Mark as read").click()
    expect(group).to_have_count(0)

    page.goto("/notifications?show=all")
    group.get_by_role("link", name=name).first.click()
    expect(page).to_have_url(re.compile(r"/leads/\d+"))
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_the_office_takes_its_colour_and_its_hours(page: Page):
    page.goto("/settings?section=look")
    accent = "getComputedStyle(document.documentElement).getPropertyValue('--accent')"
    before = page.evaluate(accent)
    page.get_by_label("Brand colour").fill("#8a1c4a")
    page.get_by_role("button", name="Save").click()
    expect(toast(page)).to_contain_text("Saved")
    page.wait_for_function(f"before => {accent} !== before", arg=before)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(f"before => {accent} === before", arg=before)

    page.goto("/settings?section=hours")
    sunday = [page.get_by_label(f"Sunday {end}") for end in ("from", "until")]
    for field, time in zip(sunday, ("10:15", "14:00"), strict=True):
        field.fill(time)
    page.get_by_role("button", name="Save").click()
    expect(toast(page)).to_contain_text("Saved")
    expect(sunday[0]).to_have_value("10:15")
    page.get_by_role("button", name="Undo").click()
    expect(sunday[0]).to_have_value("")
