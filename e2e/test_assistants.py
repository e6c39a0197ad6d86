"""Assistants and prompts in a real browser, with and without JavaScript, and a stand-in for Vapi behind the desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from calls.vapi_sandbox import Server, Vapi
from e2e.desk import EMAIL, PASSWORD, Desk, manage

pytestmark = pytest.mark.browser

_FITS = """
    ['.main', '.body'].every((name) => {
        const part = document.querySelector(name);
        return part.scrollWidth <= part.clientWidth;
    })
"""
NAME = "Pete with a name as long as Vapi takes!!"


@pytest.fixture(scope="module")
def vapi() -> Iterator[Server]:
    standing_in = Vapi()
    model: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "tools": [{"type": "endCall"}]}
    old = {"url": f"https://{'long-' * 20}old.example.com/vapi/webhook"}
    for name in ("Oak", NAME):
        standing_in.add("assistant", name=name, model=model, server=old)
    with Server(standing_in) as server:
        yield server


@pytest.fixture(scope="module")
def desk(environment: dict[str, str], vapi: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk that is connected to the stand-in."""
    manage(environment, "prepare")
    connected = environment | {"VAPI_API_URL": vapi.url, "VAPI_API_KEY": vapi.vapi.key}
    running = Desk(connected, tmp_path_factory.mktemp("assistants") / "web.log")
    running.start()
    yield running
    running.stop()


def sign_in(page: Page, path: str) -> Page:
    page.goto(path)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


@pytest.fixture
def bare(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A page without JavaScript, signed in."""
    context = browser.new_context(base_url=desk.url, java_script_enabled=False)
    yield sign_in(context.new_page(), "/assistants")
    context.close()


def fits(page: Page) -> bool:
    """Say whether nothing is cut off or has to be pushed sideways."""
    return bool(page.evaluate(_FITS))


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_every_width(page: Page, vapi: Server, width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 850})
    ids = vapi.vapi.rows["assistant"]
    sign_in(page, "/assistants")

    for path in ("/assistants", f"/assistants/{next(iter(ids))}", "/prompts", "/prompts/booking", "/prompts/booking/1"):
        page.goto(path)
        for more in page.locator("summary").all():
            more.click()
        assert fits(page), path


def test_all_is_set_right_without_javascript(bare: Page, vapi: Server) -> None:
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


def test_two_managers_write_a_prompt_without_javascript(bare: Page, browser: Browser, desk: Desk) -> None:
    context = browser.new_context(base_url=desk.url, java_script_enabled=False)
    other = sign_in(context.new_page(), "/prompts/confirmation")
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
    context.close()
