"""A desk of its own for the browser tests: own databases on the run's stores, its own web process, a real Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from calendar_sync.sandbox import Sandbox, Server
from calls.tests import certificates
from calls.tests.tower.listen_server import ListenServer
from calls.vapi_sandbox import Server as VapiServer
from calls.vapi_sandbox import Vapi
from e2e.chromium import CHROMIUM, FLAGS
from e2e.desk import (
    BASE_DIR,
    EMAIL,
    LISTEN_HOST,
    PASSWORD,
    PUBLIC_KEY,
    SECRET,
    Api,
    Call,
    Desk,
    base_environment,
    manage,
)
from e2e.looks import DESKTOP, LOOKS, Look, Open, live

WORKER_COMMAND = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--pool", "threads"]
WORKER_COMMAND += ["--concurrency", "2", "--without-gossip", "--without-mingle"]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
# A broken line to the server is what the browser itself reports on the console in the tests that break it.
EXPECTED_ON_CONSOLE = ("WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "htmx:sendError", "htmx:afterRequest")

_numbers = count(1000)

expect.set_options(timeout=10_000)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Go each journey in both looks, or in the one it names."""
    if marker := metafunc.definition.get_closest_marker("journey"):
        names = marker.args or tuple(LOOKS)
        metafunc.parametrize("look", [LOOKS[name] for name in names], ids=names)


@pytest.fixture(scope="session")
def microsoft() -> Iterator[Server]:
    """A Microsoft 365 in which the administrator has a mailbox with two calendars."""
    sandbox = Sandbox()
    sandbox.add_person(EMAIL, "Pete's Administrator").add_calendar("Family")
    with Server(sandbox) as server:
        yield server


@pytest.fixture(scope="session")
def vapi() -> Iterator[VapiServer]:
    """An organisation at Vapi without assistants."""
    with VapiServer(Vapi()) as server:
        yield server


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ListenServer, dict[str, str]]]:
    """Calls that can be heard, and what tells a desk the way to them."""
    papers = certificates.issue(tmp_path_factory.mktemp("vapi"), LISTEN_HOST)
    with ListenServer(papers.server_context()) as server:
        yield server, {"E2E_LISTEN_PORT": str(server.port), "E2E_LISTEN_AUTHORITY": str(papers.authority)}


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory,
    microsoft: Server,
    vapi: VapiServer,
    sound: tuple[ListenServer, dict[str, str]],
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
                "VAPI_API_URL": vapi.url,
                "VAPI_API_KEY": vapi.vapi.key,
                "VAPI_PUBLIC_KEY": PUBLIC_KEY,
                "ADMIN_EMAIL": EMAIL,
                "ADMIN_PASSWORD": PASSWORD,
                "DEMO": "0",
                "MS_SANDBOX_URL": microsoft.url,
            }
        )
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def database(desk: Desk, environment: dict[str, str]) -> Iterator[psycopg.Connection]:
    """A line to the desk's tables, for what nobody can do by its pages and its API."""
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def nobody_connected(database: psycopg.Connection) -> None:
    """Whatever other tests have left behind, nobody's calendar is connected."""
    database.execute("TRUNCATE calendar_sync_connection CASCADE")


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


@pytest.fixture(scope="module")
def worker(desk: Desk) -> Iterator[None]:
    """Have done what is asked for in the pages."""
    with desk.log.with_name("worker.log").open("ab") as log:
        command = [*WORKER_COMMAND, "--loglevel", "WARNING"]
        running = subprocess.Popen(command, cwd=BASE_DIR, env=desk.environment, stdout=log, stderr=log)
    yield
    running.kill()
    running.wait()


@pytest.fixture(scope="session")
def home(api: Api) -> dict:
    """One listing, shown by one agent who works every hour of every day."""
    agent = api.post("agents", {"email": "leo@pete.local", "full_name": "Leo Marchetti", "timezone": "America/Chicago"})
    week = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)]
    api.put(f"agents/{agent['id']}/working-hours", week)
    return api.post("listings", {"address": "12 Oak Street", "rent": "1800.00", "bedrooms": 2, "agents": [agent["id"]]})


@pytest.fixture(scope="session")
def new_number() -> Callable[[], str]:
    """Return a phone number that nobody has."""
    return lambda: f"+1312554{next(_numbers)}"


@pytest.fixture
def phone(desk: Desk, new_number: Callable[[], str]) -> Iterator[Call]:
    """A call from a number of its own; hung up after the test if it still goes on."""
    call = Call(desk, new_number())
    yield call
    call.ends()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def look() -> Look:
    return DESKTOP


@pytest.fixture
def accepted() -> list[str]:
    """What may stand on the console of this test's pages: a test adds what it brings about itself."""
    return list(EXPECTED_ON_CONSOLE)


@pytest.fixture
def opened(browser: Browser, desk: Desk, look: Look, accepted: list[str]) -> Iterator[Open]:
    """Open pages. Nothing unexpected may stand on their consoles afterwards: no error, no refused script."""
    contexts: list[BrowserContext] = []
    heard: list[str] = []

    def open_page(path: str = "", *, email: str | None = EMAIL, **options: Any) -> Page:
        """Open a page in a context of its own, signed in as whoever has this address."""
        session = desk.session(email) if email else None
        context = browser.new_context(**{"base_url": desk.url, "storage_state": session, **look, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        if path:
            page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in heard if not any(known in text for known in accepted)] == []


@pytest.fixture
def page(opened: Open) -> Page:
    """A page that is nowhere yet, signed in."""
    return opened()


@pytest.fixture
def board(opened: Open) -> Page:
    """The live desk, signed in and live."""
    return live(opened("/dashboard"))
