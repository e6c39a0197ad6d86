"""What `manage.py doctor` looks at: each check returns what it found, or raises IllError with the cure."""

import asyncio
import secrets
import shutil
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.cache import cache
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from config.celery import HEARTBEAT_KEY, app

EXTENSIONS = ("btree_gist", "pg_trgm")
OLDEST_POSTGRES = 15
LEAST_FREE_BYTES = 500_000_000
HEARTBEAT_AGE_SECONDS = 60
HEARTBEAT_PATIENCE_SECONDS = 5.0
CHANNEL_PATIENCE_SECONDS = 3.0


class IllError(Exception):
    """A check failed: what is wrong, and what to do about it."""

    def __init__(self, finding: str, cure: str) -> None:
        super().__init__(finding)
        self.finding = finding
        self.cure = cure


@dataclass(frozen=True)
class Result:
    name: str
    ok: bool
    required: bool
    finding: str
    cure: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def line(self) -> str:
        mark = "ok  " if self.ok else "FAIL" if self.required else "note"
        return f"{mark}  {self.name}: {self.finding}" + (f" Cure: {self.cure}" if self.cure else "")


def register(name: str, check: Callable[[], str], *, required: bool = False) -> None:
    """Have an app's own `check` made too."""
    (REQUIRED if required else OPTIONAL)[name] = check


def examine() -> Iterator[Result]:
    """Run every check, the optional ones last."""
    for name in names():
        yield examine_one(name)


def names() -> list[str]:
    """Return the names of all checks, the optional ones last."""
    return [*REQUIRED, *OPTIONAL]


def examine_one(name: str) -> Result:
    """Run one check. One that breaks unexpectedly is a failed check, not the end. Raises KeyError for no check."""
    required = name in REQUIRED
    check = (REQUIRED if required else OPTIONAL)[name]
    try:
        return Result(name, True, required, check())
    except IllError as ill:
        return Result(name, False, required, ill.finding, ill.cure)
    except Exception as exc:
        cure = "Look at the logs, then run the doctor again."
        return Result(name, False, required, f"{type(exc).__name__}: {exc}.", cure)


def postgres() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0]) // 10_000
    except DatabaseError as exc:
        raise IllError(f"does not answer ({str(exc).strip()}).", "Start it, or correct DATABASE_URL.") from exc
    if version < OLDEST_POSTGRES:
        raise IllError(f"is version {version}.", f"Use PostgreSQL {OLDEST_POSTGRES} or newer.")
    return f"version {version} answers."


def extensions() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname FROM pg_extension")
        missing = set(EXTENSIONS) - {name for (name,) in cursor.fetchall()}
    if missing:
        wanted = "; ".join(f"CREATE EXTENSION {name}" for name in sorted(missing))
        raise IllError(f"{', '.join(sorted(missing))} missing.", f"As a superuser of the database: {wanted};")
    return f"{' and '.join(EXTENSIONS)} are there."


def migrations() -> str:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        raise IllError(f"{len(pending)} pending, first {pending[0][0]}.", "Run: .venv/bin/python manage.py migrate")
    return "all applied."


def valkey() -> str:
    try:
        with redis.from_url(settings.REDIS_URL, socket_timeout=3) as client:
            client.ping()
            info = client.info("persistence")
    except redis.RedisError as exc:
        raise IllError(f"does not answer ({exc}).", "Start it, or correct REDIS_URL.") from exc
    if not info["aof_enabled"]:
        raise IllError("answers, but keeps nothing on disk.", "Set `appendonly yes` in its configuration.")
    if info["aof_last_write_status"] != "ok":
        raise IllError("cannot write its append-only file.", "Free some disk space where it keeps its data.")
    return "answers and keeps its data on disk."


def channel_layer() -> str:
    sent = {"type": "doctor", "token": secrets.token_hex(8)}
    try:
        received = async_to_sync(round_trip)(sent)
    except TimeoutError as exc:
        raise IllError("a message sent did not come back.", "Check REDIS_URL; the live board needs it.") from exc
    if received != sent:
        raise IllError("did not return the message sent.", "Check REDIS_URL; the live board needs it.")
    return "a message went round."


async def round_trip(message: dict[str, str]) -> dict[str, str]:
    """Send a message through the channel layer and return what comes back."""
    layer = get_channel_layer()
    # Named as sockets are: in a web process one reader serves them all, and reads nothing that is named otherwise.
    name = await layer.new_channel()
    await layer.send(name, message)
    received: dict[str, str] = await asyncio.wait_for(layer.receive(name), CHANNEL_PATIENCE_SECONDS)
    return received


def worker() -> str:
    answers = app.control.ping(timeout=1.5)
    if not answers:
        raise IllError("no Celery worker answers.", "Start it: `make run`, or `celery -A config.celery:app worker`.")
    return f"{len(answers)} answer{'s' if len(answers) == 1 else ''}."


def beat() -> str:
    """Beat sends, and a worker runs, a task that leaves the time. Just after a start it may take a moment."""
    deadline = time.monotonic() + HEARTBEAT_PATIENCE_SECONDS
    while True:
        age = time.time() - (cache.get(HEARTBEAT_KEY) or 0.0)
        if age <= HEARTBEAT_AGE_SECONDS:
            return f"sent work {age:.0f} s ago."
        if time.monotonic() > deadline:
            cure = "Start one beat: `make run`, or `celery -A config.celery:app beat`, and a worker."
            raise IllError("no scheduled work was done in the last minute.", cure)
        time.sleep(0.25)


def webhook_secret() -> str:
    if settings.VAPI_WEBHOOK_SECRET or settings.VAPI_HMAC_SECRET:
        return "set."
    raise IllError("not set: every message of Vapi is refused.", "Set VAPI_WEBHOOK_SECRET or VAPI_HMAC_SECRET.")


def public_url() -> str:
    if settings.VAPI_API_KEY and not settings.HTTPS:
        raise IllError(f"{settings.PUBLIC_URL} is not https.", "Set PUBLIC_URL to the https address that Vapi reaches.")
    return f"{settings.PUBLIC_URL}."


def disk_space() -> str:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LEAST_FREE_BYTES:
        raise IllError(f"{free // 1_000_000} MB free at {settings.DATA_DIR}.", "Free some space, or move DATA_DIR.")
    return f"{free / 1e9:.1f} GB free."


def front_end() -> str:
    if not (settings.STATIC_DIST / ".vite" / "manifest.json").exists():
        raise IllError("not built.", "Run: python3 config/bootstrap.py")
    return "built."


def time_zone() -> str:
    now = datetime.now(settings.OFFICE_TZ)
    return f"{settings.TIME_ZONE}, where it is {now:%H:%M} (UTC{now:%z})."


def mail() -> str:
    """Sign in to the mail server, and send nothing."""
    server = get_connection(timeout=5) if "smtp" in settings.EMAIL_BACKEND else None
    if server is None:
        kind = "written to files" if "filebased" in settings.EMAIL_BACKEND else "printed"
        raise IllError(f"{kind}, and sent to nobody.", "Set EMAIL_URL to smtp://user:password@host:port.")
    try:
        server.open()
        server.close()
    except (OSError, smtplib.SMTPException) as exc:
        raise IllError(f"{settings.EMAIL_HOST} does not take our mail ({exc}).", "Check EMAIL_URL.") from exc
    return f"{settings.EMAIL_HOST} lets us in."


def vapi_key() -> str:
    if not settings.VAPI_API_KEY:
        raise IllError("not set: calls come in, but assistants are not kept in step.", "Set VAPI_API_KEY.")
    return "set."


REQUIRED: dict[str, Callable[[], str]] = {
    "PostgreSQL": postgres,
    "PostgreSQL extensions": extensions,
    "Migrations": migrations,
    "Valkey": valkey,
    "Channel layer": channel_layer,
    "Celery worker": worker,
    "Celery beat": beat,
    "Webhook secret": webhook_secret,
    "Public URL": public_url,
    "Disk space": disk_space,
    "Front end": front_end,
    "Time zone": time_zone,
}
OPTIONAL: dict[str, Callable[[], str]] = {"Vapi API key": vapi_key, "Mail": mail}
