"""Looking for secrets where none may be: in logs, tables, Valkey, and what people and programs are shown."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection as database

from crm.errors import CrmError, PermanentError, TransientError

# As much of a secret as is looked for: who logs a part of one has logged it.
TELLING = 20
_RUNS = re.compile(r"[A-Za-z0-9_+/=.%~\\-]{12,}")


class Everything(logging.Handler):
    """Keeps each log record as a whole, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        # Errors that nobody expects: neither a refusal nor another system's failure.
        self.bugs: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + repr(record.args)
        self.lines.append(line)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, CrmError | TransientError | PermanentError):
            self.bugs.append(line)


@contextmanager
def listening(*, pinned: bool = True) -> Iterator[Everything]:
    """Have every logger tell everything; those to which the settings give a level keep it, unless not `pinned`."""
    handler, root = Everything(), logging.getLogger()
    kept = tuple(settings.LOGGING["loggers"]) if pinned else ()
    names = [name for name in list(root.manager.loggerDict) if not f"{name}.".startswith(tuple(f"{k}." for k in kept))]
    loggers = [root, *(logging.getLogger(name) for name in names)]
    levels = [(logger, logger.level) for logger in loggers]
    # What pytest itself shows stays as short as it is.
    others = [(other, other.level) for other in root.handlers]
    try:
        for other, level in others:
            other.setLevel(max(level, logging.ERROR))
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        root.addHandler(handler)
        yield handler
    finally:
        root.removeHandler(handler)
        for logger, level in levels:
            logger.setLevel(level)
        for other, level in others:
            other.setLevel(level)


def shapes(secret: str) -> Iterator[str]:
    """Yield a secret's telling part as it is, escaped, as hexadecimal digits and within base64, wherever it begins."""
    part = secret[-TELLING:]
    yield part
    yield quote(part, safe="")
    yield part.encode().hex()
    for shift in range(3):
        raw = b"\0" * shift + part.encode()
        # What stands next to it changes the first and the last digits.
        yield base64.b64encode(raw).decode()[4 if shift else 0 : -4]
        yield base64.urlsafe_b64encode(raw).decode()[4 if shift else 0 : -4]


def found(secrets: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Return the secrets that stand in one of the texts, in any shape, each with what surrounds it."""
    runs = "\n".join({run for text in texts for run in _RUNS.findall(text)})
    return [
        f"{secret[:12]}…: {runs[max(0, at - 30) : at + 60]!r}"
        for secret in sorted(set(secrets))
        if (at := max(runs.find(shape) for shape in set(shapes(secret)))) >= 0
    ]


def stored() -> Iterator[str]:
    """Yield every value of every table; bytes as they are."""
    for session in Session.objects.all():
        yield str(session.get_decoded())
    with database.cursor() as cursor:
        for table in sorted(database.introspection.table_names(cursor)):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield from (_text(value) for value in row)


def in_valkey() -> Iterator[str]:
    """Yield every key, and every value in whatever form Valkey keeps it."""
    with redis.from_url(settings.REDIS_URL) as client:
        # A compressed value does not show what it holds.
        client.config_set("rdbcompression", "no")
        for key in client.scan_iter():
            yield _text(key)
            yield _text(client.dump(key) or b"")


def _text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return str(value)
