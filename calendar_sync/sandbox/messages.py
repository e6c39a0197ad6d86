"""A request as the stand-ins see it, and their answers, without any server around them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class GraphError(Exception):
    """A refusal in Graph's words."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


class ConnectionLostError(Exception):
    """The connection breaks here: the caller never learns how its request went."""


@dataclass(frozen=True)
class Request:
    """One request. Header names are in lower case; `path` is escaped as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    # Scheme and host the caller used, for the links in answers.
    origin: str = "https://graph.microsoft.com"

    @classmethod
    def build(cls, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Request:
        """Take a request apart. Without scheme and host in `url` the Host header gives the origin."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in headers.items()}
        origin = f"{parts.scheme or 'http'}://{parts.netloc or headers.get('host', 'localhost')}"
        return cls(method.upper(), parts.path, query, headers, body, origin)

    @property
    def segments(self) -> list[str]:
        """The path's parts, unescaped, without the version in front."""
        parts = [unquote(part) for part in self.path.split("/") if part]
        return parts[1:] if parts[:1] == ["v1.0"] else parts

    @property
    def prefers(self) -> dict[str, str]:
        """What the Prefer header asks for, such as {"outlook.timezone": "UTC"}; names in lower case."""
        found = re.findall(r'([\w.-]+)\s*=\s*"?([^",]+)"?', self.headers.get("prefer", ""))
        return {name.lower(): value for name, value in found}

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object."""
        try:
            value = json.loads(self.body or b"null")
        except ValueError as exc:
            raise GraphError(400, "RequestBodyRead", "The body is not valid JSON.") from exc
        if not isinstance(value, dict):
            raise GraphError(400, "RequestBodyRead", "The body must be a JSON object.")
        return value


@dataclass
class Response:
    """One answer. `cut` sends half of the body and breaks the connection."""

    status: int = 200
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    cut: bool = False

    @property
    def content(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return b"" if self.payload is None else json.dumps(self.payload).encode()

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "application/json")


def page(html: str, status: int = 200) -> Response:
    """Return an answer for a browser."""
    return Response(status, text=html, headers={"Content-Type": "text/html; charset=utf-8"})


def redirect(url: str) -> Response:
    """Send a browser on."""
    return Response(302, text="", headers={"Location": url})
