"""One test run, its own stores.

The first process of a run (with xdist: the one that hands out the tests) holds a throwaway PostgreSQL and Valkey in a
temporary folder, and the workers share them, each with its own database in both. The stores go when that process goes,
however it ends. With DATABASE_URL and REDIS_URL given, those are used instead.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import pytest

from config import embedded

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
RUN_DIR = "PETE_TEST_DATA_DIR"
# What a developer's shell may hold and no test should see.
PRIVATE = ("ADMIN_", "EMAIL_URL", "LLM_", "MS_", "PUBLIC_URL", "SECRET_KEY", "STATE_BACKEND", "TIME_ZONE", "VAPI_")

_hold: embedded.Hold | None = None


def _prepare_environment() -> None:
    """Name this run's stores before Django reads its settings."""
    for name in [name for name in os.environ if name.startswith(PRIVATE)]:
        del os.environ[name]
    data_dir = Path(os.environ[RUN_DIR]) if WORKER else embedded.throwaway_directory()
    os.environ[RUN_DIR] = os.environ["DATA_DIR"] = str(data_dir)
    layout = embedded.Layout(data_dir)
    os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789abcdefghijklmnopqrstuvwxyz")
    os.environ["REDIS_URL"] = _own_database(os.environ.get("REDIS_URL") or layout.redis_url)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def _own_database(redis_url: str) -> str:
    """Return the URL with a database number of this worker's own."""
    number = int(WORKER.removeprefix("gw")) + 1 if WORKER else 0
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={number}"
    return urlunsplit(parts._replace(path=f"/{number}"))


STORES_ARE_GIVEN = bool(os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
_prepare_environment()
# Here and not in a hook: the conftest files of the apps, which import models, are read next.
django.setup()
# A worker that inherited it would read its settings before it has named its own databases.
del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_configure(config: pytest.Config) -> None:
    global _hold
    if not WORKER and not STORES_ARE_GIVEN and not config.option.collectonly:
        _hold = embedded.hold(Path(os.environ[RUN_DIR]), throwaway=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _hold is not None:
        _hold.release()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Give each run a database of its own on a shared server, and each thread a connection of its own."""
    from django.conf import settings

    database: dict[str, Any] = settings.DATABASES["default"]
    database["OPTIONS"].pop("pool", None)
    if STORES_ARE_GIVEN:
        test = database.setdefault("TEST", {})
        test["NAME"] = f"{test.get('NAME') or 'test_pete'}_{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Let tests with real transactions empty all tables after them. In a real database nobody empties the audit."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_auditentry DISABLE TRIGGER audit_not_emptied")
        cursor.execute("ALTER TABLE crm_auditseal DISABLE TRIGGER audit_not_emptied")


@pytest.fixture(autouse=True)
def _empty_valkey() -> None:
    """Start every test with an empty Valkey database."""
    import redis
    from django.conf import settings

    with redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:  # type: ignore[no-untyped-def]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _plain_language() -> None:
    """Leave the language that the pages of another test were asked for in."""
    from django.utils import translation

    translation.deactivate()


@pytest.fixture(autouse=True)
def _own_projector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test its own queue of calls to fold, so that none folds what another one left."""
    from calls import projection

    projector = projection.Projector()
    monkeypatch.setattr(projection, "_projector", projector)
    yield
    projector.stop(timeout=2.0)
