"""The lines of a conversation, built from partial and final transcripts in the order of their time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ASSISTANT, USER = "assistant", "user"


@dataclass(slots=True)
class Line:
    """One utterance. `at` is when it was first heard; `was_spoken`: the voice fell silent after it began."""

    role: str
    text: str
    at: datetime
    interrupted: bool = False
    was_spoken: bool = False

    def shape(self) -> dict[str, Any]:
        return {"role": self.role, "text": self.text, "at": self.at.isoformat(), "interrupted": self.interrupted}


def continues(earlier: str, later: str) -> bool:
    """Say whether two texts are one utterance heard at different moments; the last word may still change."""
    first, second = _words(earlier), _words(later)
    shared = max(min(len(first), len(second)) - 1, 1)
    return first[:shared] == second[:shared]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


class Lines:
    """Partials are cumulative: the newest replaces the one before, and the final, which may differ, replaces it."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._open: dict[str, Line] = {}
        # The assistant's line that was interrupted: a late partial or final may still belong to it.
        self._cut: Line | None = None
        self._user_spoke_since_cut = False

    def partial(self, role: str, text: str, at: datetime) -> None:
        if not text.strip():
            return
        line = self._open.get(role)
        if line is not None and line is not self.lines[-1] and not continues(line.text, text):
            line = None  # Its final was lost, and somebody else has spoken since.
        if line is None and role == ASSISTANT and self._cut is not None and continues(self._cut.text, text):
            line = self._cut
        if line is None:
            line = self._open[role] = self._add(role, text, at)
        line.text = text

    def final(self, role: str, text: str, at: datetime) -> None:
        line = self._open.pop(role, None)
        if not text.strip():
            # Noise after all. What was interrupted is no longer open and stays.
            if line is not None:
                self.lines.remove(line)
            return
        if line is None and role == ASSISTANT and self._is_of_cut_line(text):
            line, self._cut = self._cut, None
        if line is None:
            line = self._add(role, text, at)
        line.text = text
        if role == USER:
            self._user_spoke_since_cut = True

    def started(self) -> None:
        """The assistant begins to speak: what it said before is complete, also without a final."""
        self._cut = None
        line = self._open.get(ASSISTANT)
        if line is not None and line.was_spoken:
            del self._open[ASSISTANT]

    def stopped(self) -> None:
        """The assistant falls silent."""
        if ASSISTANT in self._open:
            self._open[ASSISTANT].was_spoken = True

    def interrupt(self, speaking_since: datetime | None) -> None:
        """The caller cuts in. Mark what the assistant was saying; `speaking_since` is None when it was silent."""
        line = self._open.pop(ASSISTANT, None)
        if line is not None:
            self._cut, self._user_spoke_since_cut = line, False
        elif speaking_since is not None:
            own = (line for line in reversed(self.lines) if line.role == ASSISTANT)
            line = next((line for line in own if line.at >= speaking_since), None)
        if line is not None:
            line.interrupted = True

    def _is_of_cut_line(self, text: str) -> bool:
        if self._cut is None:
            return False
        return not self._user_spoke_since_cut or continues(self._cut.text, text)

    def _add(self, role: str, text: str, at: datetime) -> Line:
        line = Line(role, text, at)
        self.lines.append(line)
        return line
