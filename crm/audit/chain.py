"""Sealing entries into the chain, and finding out whether somebody has been at it.

The chain's head is also written to a file, once an hour: who takes away the newest entries, seals and all, leaves a
shorter chain that is sound in itself, but not as long as the file says.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction

from crm.models import AuditSeal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

BATCH = 5_000
HEAD_EVERY_SECONDS = 3600
MOST_FAULTS = 20

_LINKS = """
WITH links AS (
    SELECT s.position, s.hash, s.entry_id, lag(s.position) OVER w AS last_position, lag(s.hash) OVER w AS last_hash
    FROM crm_auditseal s WHERE s.position >= %s WINDOW w AS (ORDER BY s.position)
)
SELECT l.position, l.entry_id,
       CASE WHEN e.id IS NULL THEN 'entry is gone'
            WHEN l.position <> coalesce(l.last_position, l.position - 1) + 1 THEN 'a link before is gone'
            WHEN e.salt IS NOT NULL AND e.digest <> crm_audit_digest(e) THEN 'entry was changed'
            ELSE 'link does not fit' END
FROM links l LEFT JOIN crm_auditentry e ON e.id = l.entry_id
WHERE e.id IS NULL
   OR (l.position > %s AND l.position <> coalesce(l.last_position, 0) + 1)
   OR (e.salt IS NOT NULL AND e.digest <> crm_audit_digest(e))
   OR (l.position > %s AND l.hash <> sha256(coalesce(l.last_hash, ''::bytea) || e.digest || int8send(e.id)))
ORDER BY l.position LIMIT %s
"""
# An entry gets its seal within a day of the newest one, or somebody slipped it in.
_LOOSE = """
SELECT e.id, CASE WHEN e.salt IS NOT NULL AND e.digest <> crm_audit_digest(e) THEN 'entry was changed'
                  ELSE 'entry was slipped in' END
FROM crm_auditentry e
WHERE NOT EXISTS (SELECT 1 FROM crm_auditseal s WHERE s.entry_id = e.id)
  AND ((e.salt IS NOT NULL AND e.digest <> crm_audit_digest(e))
       OR e.at < (SELECT at - interval '1 day' FROM crm_auditseal ORDER BY position DESC LIMIT 1))
ORDER BY e.id LIMIT %s
"""


@dataclass(frozen=True)
class Fault:
    """One place where the audit is not what it was."""

    entry_id: int | None
    text: str


def seal() -> int:
    """Chain every entry that is not chained yet; return how many."""
    done = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT crm_audit_seal(%s)", [BATCH])
            count = cursor.fetchone()[0]
        done += count
        if count < BATCH:
            break
    _note_head()
    return done


def head() -> str:
    """Return the newest link as "position:hash", "" before the first."""
    last = AuditSeal.objects.first()
    return f"{last.position}:{bytes(last.hash).hex()}" if last else ""


def verify(*, heads: list[str] | None = None, since: int = 1) -> list[Fault]:
    """Return what does not fit, from the link at `since` on; `heads` are links that were seen earlier."""
    faults = [*_links(since), *_loose()][:MOST_FAULTS]
    return [*faults, *_missing(noted_heads() if heads is None else heads)]


def _links(since: int) -> Iterator[Fault]:
    with connection.cursor() as cursor:
        # The first link looked at has nothing before it to compare with, but for the very first.
        first = since if since > 1 else 0
        cursor.execute(_LINKS, [since, first, first, MOST_FAULTS])
        for position, entry_id, text in cursor.fetchall():
            yield Fault(entry_id, f"link {position}: {text}")


def _loose() -> Iterator[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(_LOOSE, [MOST_FAULTS])
        for entry_id, text in cursor.fetchall():
            yield Fault(entry_id, text)


def _missing(heads: list[str]) -> Iterator[Fault]:
    wanted = {int(position): value for position, _, value in (line.partition(":") for line in heads)}
    rows = AuditSeal.objects.filter(position__in=wanted).values_list("position", "hash")
    there = {position: bytes(value).hex() for position, value in rows}
    for position, value in sorted(wanted.items()):
        if there.get(position) != value:
            yield Fault(None, f"link {position} was there before and is not there now, or is another")


def noted_heads() -> list[str]:
    """Return the heads that were written to the file."""
    try:
        lines = _file().read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [line.split()[-1] for line in lines if line.strip()]


def _note_head() -> None:
    path = _file()
    if path.exists() and time.time() - path.stat().st_mtime < HEAD_EVERY_SECONDS:
        return
    newest = head()
    if newest and newest not in noted_heads()[-1:]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {newest}\n")
        logger.info("The audit's head is %s", newest)


def _file() -> Path:
    path: Path = settings.DATA_DIR / "audit-heads.txt"
    return path
