"""Save pictures of every page of the running demo desk, in both themes and on both widths: `make screenshots`.
`python -m e2e.screenshots call lead` takes only those.

The desk is the one that PORT and DATA_DIR name. Nobody has to sign in: the administrator gets a session from the same
stores. Pictures have 256 colours, which these pages do with, and a quarter of the bytes.
"""

from __future__ import annotations

import io
import os
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Literal

import django
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from e2e.chromium import CHROMIUM, FLAGS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = {1280: 800, 390: 844}
# What comes by itself after the page: figures, live calls, pictures of homes.
SETTLE_MS = 700


def pages() -> dict[str, str]:
    """Return each page's path by the name of its pictures; of records, the one that shows most."""
    from django.db.models import Count
    from django.utils import timezone

    from calls.models import Call
    from crm.models import Appointment, Listing

    # Of a call that has just ended, every event is kept still.
    ended = Call.objects.filter(ended_at__gt=timezone.now() - timedelta(hours=1), lead__isnull=False)
    call = ended.order_by("-projected_events").first()
    home = Listing.objects.annotate(n=Count("photos")).order_by("-n", "pk").first()
    viewing = Appointment.objects.filter(starts_at__gt=timezone.now()).order_by("starts_at").first()
    names = ["dashboard", "wallboard", "calls", "vapi-agent", "assistants", "prompts", "rehearsals", "analytics"]
    names += ["users", "listings", "notifications", "settings", "test-suite"]
    found = {name: f"/{name}" for name in names}
    found |= {"leads": "/leads?scope=all", "pipeline": "/pipeline?scope=all", "admin": "/admin/", "api": "/api/docs/"}
    found |= {"agenda": "/appointments?view=agenda&scope=all", "week": "/appointments?view=week&scope=all"}
    if call and call.lead_id:
        found |= {"call": f"/calls/{call.pk}", "lead": f"/leads/{call.lead_id}"}
    if home:
        found["listing"] = f"/listings/{home.pk}"
    if viewing:
        found["viewing"] = f"/appointments/{viewing.pk}"
    return found


def session() -> dict[str, str]:
    """Sign the administrator in and return the cookie."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from crm.models import Agent

    person = Agent.objects.filter(is_superuser=True, is_active=True).earliest("pk")
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = person.get_session_auth_hash()
    store.set_expiry(3600)
    store.create()
    return {"name": settings.SESSION_COOKIE_NAME, "value": str(store.session_key)}


def take(page: Page, name: str, path: str, theme: str, width: int) -> None:
    """Save one picture as docs/screenshots/<name>-<width>-<theme>.png."""
    page.goto(path)
    page.wait_for_timeout(SETTLE_MS)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}-{width}-{theme}.png", optimize=True)


def context(browser: Browser, url: str, theme: Literal["light", "dark"], width: int) -> BrowserContext:
    return browser.new_context(
        base_url=url,
        color_scheme=theme,
        reduced_motion="reduce",
        viewport={"width": width, "height": WIDTHS[width]},
    )


def take_all(url: str, wanted: dict[str, str], cookie: dict[str, str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for theme in THEMES:
            for width in WIDTHS:
                looks = context(browser, url, theme, width)
                page = looks.new_page()
                take(page, "login", "/login", theme, width)
                looks.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": url}])
                for name, path in wanted.items():
                    take(page, name, path, theme, width)
                looks.close()
        browser.close()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Playwright's loop runs in this thread, where Django would refuse to ask the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    django.setup()
    from django.conf import settings

    from config.launch_stores import held_stores

    url = f"http://{settings.HOST}:{settings.PORT}"
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5).close()
    except (urllib.error.URLError, TimeoutError):
        sys.exit(f"No desk answers at {url}. Start one with `make run`, then say `make screenshots` again.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with held_stores():
        wanted, cookie = pages(), session()
    chosen = set(sys.argv[1:]) or set(wanted)
    take_all(url, {name: path for name, path in wanted.items() if name in chosen}, cookie)
    sys.stdout.write(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}\n")


if __name__ == "__main__":
    main()
