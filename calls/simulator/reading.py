"""Read a tool's answer as the assistant's language model does: text with `(slot ID)` and `[code]` in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

OFFER = re.compile(r"([^;,.()]*(?:,[^;.()]*)?)\(slot ([^)\s]+)\)", re.IGNORECASE)
CODE = re.compile(r"^\[([a-z_]+)\]\s*")
LONGEST = 900
# As much as one says before the other wants to say something.
BREATH = 170
IDS = re.compile(r"\s*\((?:slot|property_id|event_id) [^)]*\)")
DISTANCE = re.compile(r",\s*(?:in \d+ \w+|today|tomorrow)(?=[;,.]|\s*$)", re.IGNORECASE)
# Sentences of an answer that tell the model what to do.
INSTRUCTION = re.compile(r"(?:Ask|Call|Find|Get|Give|Its|Now|Offer|Say|The caller also|The stage|Known)\b")
WORDINGS = [
    (r"^Free to see [^:]*:", "I have"),
    (r"^Booked:", "You are booked:"),
    (r"^Moved: the viewing is now", "Done. Your viewing is now"),
    (r"\b(?:The caller|They) ha(?:s|ve)\b", "You have"),
    (r"\bthe caller's\b", "your"),
]


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
    def event_ids(self) -> list[str]:
        """The viewings the answer names, in its order."""
        return re.findall(r"\bevent_id (?:is )?(\d+)", self.text)

    @property
    def said(self) -> str:
        """The answer as the assistant puts it to the caller: short, without ids, codes and what is meant for itself."""
        text = DISTANCE.sub("", IDS.sub("", CODE.sub("", self.text)))
        for ours, spoken in WORDINGS:
            text = re.sub(ours, spoken, text)
        sentences = [part for part in re.split(r"(?<=[.?!])\s+(?=[A-Z])", text) if not INSTRUCTION.match(part)]
        said = " ".join(sentences) or "All right."
        return said if len(said) <= BREATH else _shortened(said)


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
    words = DISTANCE.sub("", words.strip())
    return re.sub(r"^.*?\b(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b)", "", words, flags=re.IGNORECASE).strip()


def _shortened(said: str) -> str:
    """Return the first items of a long list, or as many words as fit into a breath."""
    items = said.split(";")
    while len(items) > 1 and len(";".join(items)) > BREATH:
        items.pop()
    return ";".join(items)[: BREATH * 2].rstrip(" ,.") + "."


ADDRESS = re.compile(
    r"\b\d{2,5} [NSEW]?\.? ?[A-Z0-9][\w'. ]*? (?:Ave|Blvd|Ct|Dr|Pl|Rd|St)\b(?:, (?:\d+[A-Z]?|[A-Z])\b)?"
)


def homes(text: str) -> list[str]:
    """Return the addresses in a search's answer, each with its unit."""
    return ADDRESS.findall(text)
