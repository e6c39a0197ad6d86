"""Assistants and prompts in a real browser, with and without JavaScript, and a stand-in for Vapi behind the desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from calls.vapi_sandbox import Server
from e2e.looks import Open

pytestmark = pytest.mark.browser

NAME = "Pete with a name as long as Vapi takes!!"


@pytest.fixture(scope="module")
def assistants(vapi: Server) -> Iterator[None]:
    """Two at Vapi that talk to somewhere else."""
    model: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "tools": [{"type": "endCall"}]}
    old = {"url": "https://old.example.com/vapi/webhook"}
    for name in ("Oak", NAME):
        vapi.vapi.add("assistant", name=name, model=model, server=old)
    yield
    vapi.vapi.rows["assistant"].clear()


@pytest.fixture
def bare(opened: Open, accepted: list[str]) -> Page:
    # What the browser itself says of a prompt that somebody else has saved meanwhile.
    accepted.append("status of 409")
    return opened(java_script_enabled=False)


def test_all_is_set_right_without_javascript(bare: Page, vapi: Server, assistants: None) -> None:
    bare.goto("/assistants")
    expect(bare.get_by_text("2 of 2 differ from what Pete needs.")).to_be_visible()

    bare.get_by_role("link", name=NAME).click()
    expect(bare.get_by_text("tools.get_availability")).to_be_visible()
    bare.get_by_role("button", name="Set right").click()
    expect(bare.get_by_role("status").filter(has_text="1 was set right.")).to_be_visible()

    bare.get_by_role("link", name="Assistants").first.click()
    bare.get_by_role("button", name="Set all right").click()
    expect(bare.get_by_text("All 2 looked at are in order.")).to_be_visible()
    servers = [row["server"]["url"] for row in vapi.vapi.rows["assistant"].values()]
    assert all(url.startswith("http://127.0.0.1:") and url.endswith("/vapi/webhook") for url in servers)


def test_two_managers_write_a_prompt_without_javascript(bare: Page, opened: Open) -> None:
    other = opened("/prompts/confirmation", java_script_enabled=False)
    bare.goto("/prompts/confirmation")
    words = "What the assistant is told"

    bare.get_by_label(words).fill("Thank {{full_name}} and {{nobody}}.")
    bare.get_by_role("button", name="Preview").click()
    expect(bare.get_by_text("Thank not known yet and not known yet.")).to_be_visible()
    expect(bare.get_by_text("“nobody” is no fact that Pete collects")).to_be_visible()
    bare.get_by_label("Why this change").fill("Warmer")
    bare.get_by_role("button", name="Save as a new version").click()
    expect(bare.get_by_text("Version 2 speaks from the next turn on.")).to_be_visible()

    other.get_by_label(words).fill("Say goodbye.")
    other.get_by_role("button", name="Save as a new version").click()
    expect(other.get_by_role("alert").filter(has_text="saved version 2 of this prompt")).to_be_visible()
    expect(other.get_by_label(words)).to_have_value("Say goodbye.")
    other.get_by_role("button", name="Save as a new version").click()
    expect(other.get_by_text("Version 3 speaks from the next turn on.")).to_be_visible()

    other.get_by_role("link", name="Version 1").click()
    other.get_by_role("button", name="Go back to this version").click()
    expect(other.get_by_text("Back to version 1")).to_be_visible()
