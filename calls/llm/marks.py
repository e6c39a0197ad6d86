"""What models leak of their templates: role markers, tags of chat formats, and how each is met.

Markers are plain words ("Assistant:") and count only where a speaker could change: at the beginning of a line or of a
sentence. Tags ("<|im_start|>") count anywhere but in code.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple


class Act(Enum):
    """What a marker or tag does to the text behind it."""

    SPEAK = "speak"  # the assistant's own words follow
    SECTION = "section"  # somebody else's words follow, up to the assistant's
    ROLE = "role"  # the name of a role follows
    HIDE = "hide"  # all is hidden up to a closing tag
    END = "end"  # a turn is over
    SKIP = "skip"  # nothing but the tag itself goes
    RECITE = "recite"  # the prompt is being read out


class Token(NamedTuple):
    act: Act
    until: str = ""


SPEAK, SECTION = Token(Act.SPEAK), Token(Act.SECTION)
_NAMES = {
    SPEAK: ("Assistant", "ASSISTANT", "AI"),
    SECTION: ("System", "SYSTEM", "User", "USER", "Human", "HUMAN", "System Prompt", "System prompt"),
}
# How a name is written as a marker.
_WRITTEN = ("{}:", "**{}:**", "**{}**:", "# {}:", "## {}:", "### {}:", "### {}\n", "## {}\n")
# Some models announce their instructions with these words and no colon.
_SYSTEM_WORDS = ("System important",)
_LITERAL_TAGS = {
    "<s>": Token(Act.SKIP),
    "</s>": Token(Act.END),
    "<start_of_turn>": Token(Act.ROLE),
    "<end_of_turn>": Token(Act.END),
    "<think>": Token(Act.HIDE, "</think>"),
    "</think>": Token(Act.SKIP),
    "[INST]": Token(Act.HIDE, "[/INST]"),
    "[/INST]": Token(Act.END),
    "<<SYS>>": Token(Act.HIDE, "<</SYS>>"),
    "<</SYS>>": Token(Act.SKIP),
}
_PIPED = {
    "im_start": Token(Act.ROLE),
    "start_header_id": Token(Act.ROLE),
    "assistant": SPEAK,
    "system": SECTION,
    "user": SECTION,
    "tool": SECTION,
} | dict.fromkeys(("im_end", "eot_id", "eom_id", "end", "endoftext", "end_of_text"), Token(Act.END))
_PIPED_TAG = re.compile(r"<\|([a-z_0-9]{1,24})\|>")
_PART_OF_PIPED = re.compile(r"<\|(?:[a-z_0-9]{1,24}\|?)?\Z")
_CUT_TAG = re.compile(r"<\|[a-z_0-9]{1,24}\|?\Z")
ASSISTANT_ROLES = frozenset({"assistant", "model", "ai", "bot"})
OTHER_ROLES = frozenset({"system", "user", "human", "tool", "ipython", "developer", "function"})

Trie = dict[str, Any]
# As a key of a trie: here a token ends.
_ENDS = ""


class Partial(Enum):
    """The text ends before it can be told."""

    PARTIAL = "partial"


PARTIAL = Partial.PARTIAL
Found = tuple[Token, int] | Partial | None


def look_up(trie: Trie, text: str, at: int) -> Found:
    """Return the token that stands at `at` and its length; PARTIAL when more text might complete one."""
    node, end = trie, at
    while end < len(text):
        node = node.get(text[end], {})
        if not node:
            return None
        end += 1
        if _ENDS in node:
            return node[_ENDS], end - at
    return PARTIAL


def tag_at(text: str, at: int) -> Found:
    """Return the tag that stands at `at`, like `look_up`."""
    if text.startswith("<|", at):
        match = _PIPED_TAG.match(text, at)
        if match:
            return _PIPED.get(match[1], Token(Act.SKIP)), match.end() - at
        return PARTIAL if _PART_OF_PIPED.match(text, at) else None
    found = look_up(_TAGS, text, at)
    # A lone "<" may also become "<|".
    return PARTIAL if found is None and text[at:] == "<" else found


def is_cut_tag(text: str) -> bool:
    """Return whether a text that has ended here is the beginning of a tag, and nothing one would say."""
    return _CUT_TAG.match(text) is not None


def _trie(tokens: dict[str, Token]) -> Trie:
    root: Trie = {}
    for literal, token in tokens.items():
        node = root
        for char in literal:
            node = node.setdefault(char, {})
        node[_ENDS] = token
    return root


def _markers(*wanted: Token) -> dict[str, Token]:
    return {how.format(name): token for token in wanted for name in _NAMES[token] for how in _WRITTEN}


_TAGS = _trie(_LITERAL_TAGS)
_AT_LINE = _markers(SPEAK, SECTION) | dict.fromkeys(_SYSTEM_WORDS, SECTION)
IN_SENTENCE = _trie({f"{name}:": token for token, names in _NAMES.items() for name in names})
IN_SECTION = _trie(_markers(SPEAK))


@lru_cache(maxsize=512)
def at_line(opening: str) -> Trie:
    """Return what to look for at the beginning of a line; `opening` is how the call's prompt begins, or ""."""
    return _trie(_AT_LINE | ({opening: Token(Act.RECITE)} if opening else {}))
