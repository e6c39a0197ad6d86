"""How the desk is looked at: on an office's screen, and on a phone in the dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

# Options of a browser's context.
Look = dict[str, Any]
DESKTOP: Look = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
PHONE: Look = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True}
LOOKS = {"desktop": DESKTOP, "phone": PHONE}
# The fixture `opened`.
Open = Callable[..., Page]


def live(page: Page) -> Page:
    """Wait until the desk hears what happens."""
    expect(page.locator("[data-freshness-text]")).to_contain_text("Live")
    return page
