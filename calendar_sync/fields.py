"""Which fields of an event Pete writes: those that changed on its side, and of the body its own lines alone.

| field | who wins |
| --- | --- |
| times | as in `writing`: what was promised since, else Outlook |
| subject, place | Pete writes them when they are to say something new; until then they are the agent's |
| body | Pete's lines stand between two marks and are replaced there; all else in it, in whatever form, is the agent's |
| anything else | the agent's: reminder, colour, how it shows |

Whoever takes the marks away gets Pete's lines above their own the next time that these change.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from html import escape, unescape

from calendar_sync import events
from calendar_sync.models import EventLink
from calendar_sync.remote import EventDraft, Part

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]*)[^>]*>")
_WITHOUT_END = {"br", "hr", "img", "meta", "input", "wbr", "link"}
_BREAK = "<br>\r\n"


def digests(draft: EventDraft) -> dict[str, str]:
    """Return what is remembered of the words that were written."""
    words = {Part.SUBJECT: draft.subject, Part.BODY: draft.body, Part.PLACE: draft.place}
    return {part.value: hashlib.sha256(text.encode()).hexdigest()[:32] for part, text in words.items()}


def changed_here(draft: EventDraft, link: EventLink) -> set[Part]:
    """Return what is to say something else than what both sides agreed on."""
    changed = {Part(name) for name, digest in digests(draft).items() if link.written.get(name) != digest}
    if not events.same_instants((link.starts_at, link.ends_at), (draft.starts_at, draft.ends_at)):
        changed.add(Part.TIMES)
    return changed


def merged(html: str, lines: str, *, is_ours: bool) -> str:
    """Return a body with Pete's lines as they now are. `is_ours`: all of it may be replaced if no marks are in it."""
    block = _BREAK.join(escape(line) for line in lines.split("\n"))
    found = _block().search(html)
    if found:
        return html[: found.start()] + block + _loose_tags(found.group()) + html[found.end() :]
    if is_ours or not unescape(_TAG.sub("", html)).strip():
        return f"<html><body><div>{block}</div></body></html>"
    opening = re.search(r"<body[^>]*>", html, re.IGNORECASE)
    at = opening.end() if opening else 0
    return f"{html[:at]}<div>{block}</div>{_BREAK}{html[at:]}"


def _block() -> re.Pattern[str]:
    """Return what finds Pete's lines: the marks with any kind of space in them, and what is between."""
    gap = r"(?:\s|&nbsp;|&#160;)+"
    begin, end = (gap.join(map(re.escape, mark.split())) for mark in (events.BEGIN, events.END))
    return re.compile(f"{begin}.*?{end}", re.DOTALL)


def _loose_tags(html: str) -> str:
    """Return the tags in a piece of HTML if it opens or closes what the rest of the body closes or opens."""
    tags = [found for found in _TAG.finditer(html) if found[2].lower() not in _WITHOUT_END]
    depth: Counter[str] = Counter()
    for found in tags:
        depth[found[2].lower()] += -1 if found[1] else 1
    return "".join(found[0] for found in tags) if any(depth.values()) else ""
