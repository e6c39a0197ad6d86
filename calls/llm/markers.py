"""Take leaked role markers, foreign turns, tags and the prompt itself out of a stream, character by character.

What has been given out is never taken back, and nothing is decided before it is certain: whatever the chunks, the
result is the same. Text is held back only while it could be the beginning of a marker. Code is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from calls.llm import marks
from calls.llm.marks import PARTIAL, Act, Token, Trie

# So much of the prompt, word for word at the beginning of a line, is no coincidence.
_OPENING = 32
_STOPS = frozenset(".!?…")
_CLOSERS = frozenset("\"')”’*")
_RUN = re.compile(r"[^\n.!?…<\[`]+")
_MAYBE_ASSISTANT = re.compile(r"[<\[A#*]")
_CODE_END = re.compile(r"[`\n]")
_ROLE = re.compile(r"[A-Za-z]{0,12}")
_SPACE = re.compile(r"\s+")
_FENCE = "```"


class Where(Enum):
    """What stands just before the next character."""

    LINE = "line"
    SENTENCE = "sentence"
    STOP = "stop"
    MID = "mid"


class Markers:
    """One answer's filter. `feed` what comes, then `finish`."""

    def __init__(self, prompt: str = "") -> None:
        self._prompt = " ".join(prompt.split())
        opening = self._prompt[:_OPENING] if len(self._prompt) >= _OPENING else ""
        self._line_trie = marks.at_line(opening)
        self._rest = ""
        self._out: list[str] = []
        # A plain function: a bound method would make a circle of each filter, and those are collected rarely here.
        self._step: Callable[[Markers, int, bool], int | None] = Markers._talk
        self._where = Where.LINE
        # White space at the very beginning: it goes along with what follows, or with nothing.
        self._lead = ""
        self._has_spoken = False
        self._hidden_until = ""
        self._recited = 0
        self._before = " "

    def feed(self, text: str) -> str:
        """Return what can be said so far."""
        self._rest += text
        return self._drain(final=False)

    def finish(self) -> str:
        """Return what was still held back."""
        return self._drain(final=True) + self._lead

    def _drain(self, *, final: bool) -> str:
        at, size = 0, len(self._rest)
        while at < size:
            after = self._step(self, at, final)
            if after is None:
                break
            at = after
        self._rest = self._rest[at:]
        said, self._out = "".join(self._out), []
        return said

    # Each step takes the place to go on from, and returns the next one, or None when more text must come first.

    def _talk(self, at: int, final: bool) -> int | None:
        text, where = self._rest, self._where
        if where is not Where.MID and where is not Where.STOP:
            trie = self._line_trie if where is Where.LINE else marks.IN_SENTENCE
            found = marks.look_up(trie, text, at)
            if found is not None:
                return self._met(found, at, final)
        char = text[at]
        if char in "<[":
            found = marks.tag_at(text, at)
            if found is not None:
                return self._met(found, at, final)
        if char == "`":
            return self._code(at, final)
        if where is Where.MID:
            match = _RUN.match(text, at)
            if match:
                self._say(match[0])
                return match.end()
        self._say(char)
        return at + 1

    def _met(self, found: marks.Found, at: int, final: bool) -> int | None:
        if isinstance(found, tuple):
            token, length = found
            self._lead = ""
            self._act(token)
            return at + length
        if not final:
            return None
        if marks.is_cut_tag(self._rest[at:]):
            return len(self._rest)
        self._say(self._rest[at])
        return at + 1

    def _act(self, token: Token) -> None:
        act = token.act
        if act is Act.SPEAK:
            self._step = Markers._blank
        elif act is Act.SECTION:
            self._step, self._before = Markers._section, " "
        elif act is Act.ROLE:
            self._step = Markers._role
        elif act is Act.HIDE:
            self._step, self._hidden_until = Markers._hide, token.until
        elif act is Act.RECITE:
            self._step, self._recited = Markers._recite, _OPENING
        elif act is Act.END or self._step == Markers._talk:
            self._step = Markers._talk if self._has_spoken else Markers._blank
            self._where = Where.LINE

    def _say(self, text: str) -> None:
        """Give out text in which only the last character matters to what may follow."""
        last = text[-1]
        if not self._has_spoken and text.isspace():
            self._lead += text
            return
        self._out.append(self._lead + text)
        self._lead, self._has_spoken = "", True
        if last == "\n":
            self._where = Where.LINE
        elif last in _STOPS:
            self._where = Where.STOP
        elif self._where is Where.STOP and last in _CLOSERS:
            pass
        elif self._where in (Where.STOP, Where.SENTENCE) and last == " " == text:
            self._where = Where.SENTENCE
        else:
            self._where = Where.MID

    def _code(self, at: int, final: bool) -> int | None:
        text = self._rest
        if text.startswith(_FENCE, at):
            self._say(_FENCE)
            self._step = Markers._fence
            return at + len(_FENCE)
        if _FENCE.startswith(text[at:]) and not final:
            return None
        self._say("`")
        self._step = Markers._inline
        return at + 1

    def _fence(self, at: int, final: bool) -> int | None:
        text = self._rest
        end = text.find(_FENCE, at)
        if end >= 0:
            self._say(text[at : end + len(_FENCE)])
            self._step, self._where = Markers._talk, Where.MID
            return end + len(_FENCE)
        inside = text[at:] if final else text[at:].rstrip("`")
        if not inside:
            return None
        self._say(inside)
        return at + len(inside)

    def _inline(self, at: int, final: bool) -> int | None:
        match = _CODE_END.search(self._rest, at)
        end = match.end() if match else len(self._rest)
        self._say(self._rest[at:end])
        if match:
            self._step = Markers._talk
            self._where = Where.LINE if match[0] == "\n" else Where.MID
        return end

    def _blank(self, at: int, final: bool) -> int | None:
        """Skip white space behind what was taken out."""
        match = _SPACE.match(self._rest, at)
        if match:
            return match.end()
        self._step, self._where = Markers._talk, Where.LINE
        return at

    def _section(self, at: int, final: bool) -> int | None:
        """Skip somebody else's words up to the assistant's."""
        text = self._rest
        match = _MAYBE_ASSISTANT.search(text, at)
        if match is None:
            self._before = text[-1]
            return len(text)
        start = match.start()
        if start > at:
            self._before = text[start - 1]
            return start
        is_word = self._before.isalnum()
        found = marks.tag_at(text, at) if text[at] in "<[" else None if is_word else _assistant_at(text, at)
        if found is PARTIAL and not final:
            return None
        if isinstance(found, tuple):
            self._act(found[0])
            return at + found[1]
        self._before = text[at]
        return at + 1

    def _role(self, at: int, final: bool) -> int | None:
        match = _ROLE.match(self._rest, at)
        word = match[0].lower() if match else ""
        if at + len(word) == len(self._rest) and not final:
            return None
        if word in marks.ASSISTANT_ROLES:
            self._step = Markers._blank
        elif word in marks.OTHER_ROLES:
            self._step, self._before = Markers._section, " "
        else:
            self._step, self._where = Markers._talk, Where.LINE
            return at
        return at + len(word)

    def _hide(self, at: int, final: bool) -> int | None:
        text, until = self._rest, self._hidden_until
        end = text.find(until, at)
        if end >= 0:
            self._step = Markers._blank
            return end + len(until)
        keep = 0 if final else next(n for n in range(len(until) - 1, -1, -1) if text.endswith(until[:n]))
        after = max(at, len(text) - keep)
        return after if after > at else None

    def _recite(self, at: int, final: bool) -> int | None:
        """Skip what goes on as the prompt does, however its lines are broken."""
        text, prompt = self._rest, self._prompt
        while at < len(text):
            char = text[at]
            if self._recited < len(prompt) and (char if not char.isspace() else " ") == prompt[self._recited]:
                self._recited += 1
            elif not (char.isspace() and prompt[self._recited - 1] == " "):
                self._step = Markers._blank
                return at
            at += 1
        return at


def _assistant_at(text: str, at: int) -> marks.Found:
    trie: Trie = marks.IN_SECTION
    return marks.look_up(trie, text, at)
