"""Read a tool's answer as the assistant's language model does: text with `(slot ID)` and `[code]` in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

OFFER = re.compile(r"([^;,.()]*(?:,[^;.()]*)?)\(slot ([^)\s]+)\)", re.IGNORECASE)
CODE = re.compile(r"^\[([a-z_]+)\]\s*")
LONGEST = 900


@dataclass(frozen=True)
class Offer:
    """A time the answer offers, as it words it, and the id to book it with."""

    slot_id: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What a tool said. `code` is the refusal's, "" when it did as asked."""

    text: str
    code: str
    offers: tuple[Offer, ...]

    @property
    def ok(self) -> bool:
        return not self.code

    @property
    def said(self) -> str:
        """The answer as the assistant says it: without ids and codes."""
        text = re.sub(r"\s*\(slot [^)]*\)", "", CODE.sub("", self.text))
        return text.strip()


def read(text: str) -> Answer:
    """Read one tool result."""
    code = CODE.match(text)
    body = text[code.end() :] if code else text
    offers = tuple(Offer(slot_id, _trimmed(words)) for words, slot_id in OFFER.findall(body))
    return Answer(text, code[1] if code else "", offers)


def complaints(text: str) -> list[str]:
    """Say what Vapi would stumble over in a tool result."""
    found = []
    if not text.strip():
        found.append("empty")
    if "\n" in text or "\r" in text:
        found.append("line break")
    if len(text) > LONGEST:
        found.append(f"{len(text)} characters long")
    if "{{" in text or "}}" in text:
        found.append("leaked braces")
    return found


def _trimmed(words: str) -> str:
    """Return the time alone, without what introduces it ("I can offer", "or") and how far away it is."""
    words = re.sub(r",\s*(?:in \d+ \w+|today|tomorrow)\s*$", "", words.strip(), flags=re.I)
    return re.sub(
        r"^.*?\b(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|today|tomorrow)", "", words.strip(), flags=re.I
    )


ADDRESS = re.compile(
    r"\b\d{2,5} [NSEW]?\.? ?[A-Z0-9][\w'. ]*? (?:Ave|Blvd|Ct|Dr|Pl|Rd|St)\b(?:, (?:[Uu]nit )?\d*[A-Z]?\b)?"
)


def homes(text: str) -> list[str]:
    """Return the addresses in a search's answer, each with its unit."""
    return ADDRESS.findall(text)
