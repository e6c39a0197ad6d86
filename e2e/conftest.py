"""A desk of its own for the browser tests: own databases on the run's stores, its own web process, a real Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from calendar_sync.sandbox import Sandbox, Server
from calls.tests import certificates
from calls.tests.tower.listen_server import ListenServer
from e2e.chromium import CHROMIUM, FLAGS
from e2e.desk import EMAIL, LISTEN_HOST, PASSWORD, SECRET, Api, Call, Desk, base_environment, manage

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
# A broken line to the server is what the browser itself reports on the console in the tests that break it.
EXPECTED_ON_CONSOLE = ("WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "htmx:sendError", "htmx:afterRequest")

expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def microsoft() -> Iterator[Server]:
    """A Microsoft 365 in which the administrator has a mailbox with two calendars."""
    sandbox = Sandbox()
    sandbox.add_person(EMAIL, "Pete's Administrator").add_calendar("Family")
    with Server(sandbox) as server:
        yield server


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ListenServer, dict[str, str]]]:
    """Calls that can be heard, and what tells a desk the way to them."""
    papers = certificates.issue(tmp_path_factory.mktemp("vapi"), LISTEN_HOST)
    with ListenServer(papers.server_context()) as vapi:
        yield vapi, {"E2E_LISTEN_PORT": str(vapi.port), "E2E_LISTEN_AUTHORITY": str(papers.authority)}


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory, microsoft: Server, sound: tuple[ListenServer, dict[str, str]]
) -> Iterator[dict[str, str]]:
    """Name a new database and an empty Valkey database; the former goes afterwards."""
    name = f"pete_e2e_{os.getpid()}"
    stores = urlsplit(settings.DATABASE_URL)
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield (
            base_environment()
            | sound[1]
            | {
                "DATABASE_URL": urlunsplit(stores._replace(path=f"/{name}")),
                "REDIS_URL": _redis_url(15 - int(WORKER) % 4),
                "DATA_DIR": str(tmp_path_factory.mktemp("desk")),
                "SECRET_KEY": "only-for-e2e-0123456789abcdefghijklmnopqrstuvwxyz",
                "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
                "VAPI_WEBHOOK_SECRET": SECRET,
                "ADMIN_EMAIL": EMAIL,
                "ADMIN_PASSWORD": PASSWORD,
                "DEMO": "0",
                "MS_SANDBOX_URL": microsoft.url,
            }
        )
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _redis_url(number: int) -> str:
    """Return the run's Valkey with a database number that no other worker uses."""
    parts = urlsplit(settings.REDIS_URL)
    if parts.scheme == "unix":
        # urlunsplit would drop the empty host's slashes, without which this is no URL to redis.
        return f"unix://{parts.path}?db={number}"
    return urlunsplit(parts._replace(path=f"/{number}"))


@pytest.fixture(scope="session")
def desk(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    manage(environment, "prepare")
    running = Desk(environment, tmp_path_factory.mktemp("log") / "web.log")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def api(desk: Desk, environment: dict[str, str]) -> Api:
    return Api(desk, manage(environment, "create_token", EMAIL, "--scopes", "read,write"))


@pytest.fixture(scope="session")
def home(api: Api) -> dict:
    """One listing, shown by one agent who works every hour of every day."""
    agent = api.post("agents", {"email": "leo@pete.local", "full_name": "Leo Marchetti", "timezone": "America/Chicago"})
    week = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)]
    api.put(f"agents/{agent['id']}/working-hours", week)
    return api.post("listings", {"address": "12 Oak Street", "rent": "1800.00", "bedrooms": 2, "agents": [agent["id"]]})


@pytest.fixture
def phone(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Call]:
    """A call from a number of its own; hung up after the test if it still goes on."""
    number = 1000 + sum(map(ord, request.node.name)) % 9000
    call = Call(desk, f"+1312555{number}")
    yield call
    call.ends()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A signed-out page. Nothing unexpected may stand on its console afterwards: no error, no refused script."""
    context = browser.new_context(base_url=desk.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield page
    context.close()
    assert [text for text in heard if not any(known in text for known in EXPECTED_ON_CONSOLE)] == []


@pytest.fixture
def board(page: Page) -> Page:
    """The live desk, signed in and live."""
    page.goto("/dashboard")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-freshness-text]")).to_contain_text("Live")
    return page
