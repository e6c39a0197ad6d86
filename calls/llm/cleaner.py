"""The cleaner of one answer: no leaked markers, no line said twice."""

from __future__ import annotations

import re

from calls.llm.markers import Markers

_FENCE = "```"
# A line with one of these may be code, where repetition means something.
_CODE = re.compile(r"[{}\[\];=<>_|\\`]|\w\(")
_MOST_SEEN = 200
_LONGEST_SEEN = 500
_LEAST_LETTERS = 3


class Cleaner:
    """Takes an answer in chunks of any size and gives out what may be said. `prompt` is what must not be read out."""

    def __init__(self, prompt: str = "") -> None:
        self._markers = Markers(prompt)
        self._lines = Lines()

    def feed(self, text: str) -> str:
        return self._lines.feed(self._markers.feed(text))

    def finish(self) -> str:
        return self._lines.feed(self._markers.finish()) + self._lines.finish()


class Lines:
    """Leaves out lines that were said before. A line is held back only while it goes on like an earlier one."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        # Line breaks before the present line: they are said with it, or not at all.
        self._breaks = ""
        self._line = ""
        self._is_held = True
        self._is_code = False
        self._out: list[str] = []

    def feed(self, text: str) -> str:
        for piece in text.splitlines(keepends=True) if "\n" in text else (text,):
            self._take(piece)
        said, self._out = "".join(self._out), []
        return said

    def finish(self) -> str:
        """Return what was still held back."""
        if not self._is_held:
            return self._breaks
        return "" if self._is_repeated() else self._breaks + self._line

    def _take(self, piece: str) -> None:
        # splitlines knows more line ends than this; they are part of the line here.
        body = piece.removesuffix("\n")
        if body:
            self._line += body
            if not self._is_held:
                self._out.append(body)
            elif not self._may_repeat():
                self._release()
        if len(body) < len(piece):
            self._end_line()

    def _end_line(self) -> None:
        if self._is_held and not self._line.strip():
            self._breaks += self._line + "\n"
        elif self._is_held and self._is_repeated():
            self._breaks = "\n"
        else:
            if self._is_held:
                self._release()
            self._remember()
            self._breaks = "\n"
        self._line, self._is_held = "", True

    def _release(self) -> None:
        self._out.append(self._breaks + self._line)
        self._breaks, self._is_held = "", False

    def _may_repeat(self) -> bool:
        line = self._line
        if self._is_code:
            return False
        return not line.strip() or any(seen.startswith(line) for seen in self._seen) or self._is_repeated()

    def _is_repeated(self) -> bool:
        return not self._is_code and self._line.rstrip() in self._seen

    def _remember(self) -> None:
        line = self._line.rstrip()
        if line.startswith(_FENCE):
            self._is_code = not self._is_code
        elif not self._is_code and len(self._seen) < _MOST_SEEN and _is_sentence(line) and line not in self._seen:
            self._seen.append(line)


def _is_sentence(line: str) -> bool:
    """Return whether this line is something one says, so that saying it twice is a mistake."""
    first = line.lstrip("\"'“‘")[:1]
    if line[:1].isspace() or not first.isalpha() or len(line) > _LONGEST_SEEN or _CODE.search(line):
        return False
    is_capital = first.isupper() and len(line) >= _LEAST_LETTERS
    return is_capital or line[-1] in ".!?…" or " " in line
