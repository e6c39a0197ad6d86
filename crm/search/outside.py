"""What the web says, for staff who look beyond Pete's own listings. Off unless OUTSIDE_SEARCH names a provider.

Nothing found here is ever offered to a caller or mixed with listings: it is marked as coming from outside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 4
# A provider that hangs holds up no request for longer, and no more than these threads.
_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="outside-search")
MOST_FOUND = 8
LONGEST_TEXT = 300


@dataclass(frozen=True)
class Hit:
    """One page of the web. Its words are a stranger's."""

    title: str
    url: str
    text: str


@dataclass(frozen=True)
class Outside:
    """`provider` is None while searching outside is off; `problem` says why there are no hits when it is on."""

    provider: str | None = None
    hits: list[Hit] = field(default_factory=list)
    problem: str | None = None


def search_outside(words: str) -> Outside:
    """Ask the provider that the settings name. Never raises and never takes longer than a few seconds."""
    provider = settings.OUTSIDE_SEARCH
    if provider == "off":
        return Outside()
    if not words.strip():
        return Outside(provider, problem="Say what to look for.")
    asked = _pool.submit(PROVIDERS[provider], words)
    try:
        return Outside(provider, asked.result(timeout=TIMEOUT_SECONDS)[:MOST_FOUND])
    except TimeoutError:
        asked.cancel()
        logger.warning("%s did not answer within %s s", provider, TIMEOUT_SECONDS)
        return Outside(provider, problem="The outside search took too long.")
    except ImportError:
        return Outside(provider, problem="The package ddgs is not installed: pip install 'pete-crm[outside]'.")
    except Exception as exc:  # Whatever a scraper of other people's pages meets, our own listings are still an answer.
        logger.warning("%s did not answer: %r", provider, exc)
        return Outside(provider, problem="The outside search did not answer.")


def _duckduckgo(words: str) -> list[Hit]:
    from ddgs import DDGS  # Optional, and slow to import.

    found = DDGS(timeout=TIMEOUT_SECONDS).text(f"{words} rental", max_results=MOST_FOUND, backend="duckduckgo")
    hits = [_hit(row) for row in found]
    return [hit for hit in hits if hit.url.startswith(("https://", "http://"))]


def _hit(row: dict[str, str]) -> Hit:
    return Hit(row.get("title", "")[:LONGEST_TEXT], row.get("href", "")[:2000], row.get("body", "")[:LONGEST_TEXT])


PROVIDERS: dict[str, Callable[[str], list[Hit]]] = {"duckduckgo": _duckduckgo}
