"""A request as the stand-in sees it, and its answer, without any server around them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class Refusal(Exception):
    """A refusal in Vapi's words."""

    def __init__(self, status: int, message: str | list[str], headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message, self.headers = status, message, headers or {}


class ConnectionLost(Exception):
    """The connection breaks here: the caller never learns how its request went."""


@dataclass(frozen=True)
class Request:
    """One request. Header names are in lower case; `path` is escaped as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    @classmethod
    def build(cls, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Request:
        parts = urlsplit(url)
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(method.upper(), parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), lowered, body)

    @property
    def segments(self) -> list[str]:
        return [unquote(part) for part in self.path.split("/") if part]

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object."""
        try:
            value = json.loads(self.body or b"null")
        except ValueError as exc:
            raise Refusal(400, "The body is not valid JSON.") from exc
        if not isinstance(value, dict):
            raise Refusal(400, "The body must be a JSON object.")
        return value


@dataclass
class Answer:
    """One answer. `text` replaces the payload; `cut` sends half of the body and breaks the connection."""

    status: int = 200
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    cut: bool = False

    @property
    def content(self) -> bytes:
        return (json.dumps(self.payload) if self.text is None else self.text).encode()


@dataclass(frozen=True)
class Exchange:
    """A request and what became of it; without an answer the connection broke."""

    request: Request
    answer: Answer | None
