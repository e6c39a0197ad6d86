"""Who may knock: the three ways in which Vapi proves itself, over the raw bytes and in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

Headers = Iterable[tuple[bytes, bytes]]

TOLERANCE_SECONDS = 300.0
_ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
# A number of seconds this large lies beyond the year 5000: it is milliseconds.
_SMALLEST_MILLISECONDS = 100_000_000_000


class NotConfigured(Exception):
    """No way to prove anything is configured, so the door stays shut (503)."""


class Unauthenticated(Exception):
    """No configured method fits (401)."""


@dataclass(frozen=True, slots=True)
class HmacPlan:
    """How signatures are made, as in Vapi's webhook credentials."""

    secret: bytes
    algorithm: str = "sha256"
    signature_header: bytes = b"x-signature"
    timestamp_header: bytes = b"x-timestamp"
    payload: bytes = b"{timestamp}.{body}"
    prefix: str = ""
    encoding: str = "hex"

    def fits(self, headers: dict[bytes, bytes], body: bytes, *, method: str, url: str) -> bool:
        """Return whether the signature header signs exactly these bytes, recently."""
        signature = headers.get(self.signature_header, b"").decode("latin-1").strip()
        if not signature.startswith(self.prefix):
            return False
        timestamp = headers.get(self.timestamp_header, b"").strip()
        if b"{timestamp}" in self.payload and not _is_recent(timestamp):
            return False
        parts = {
            b"{timestamp}": timestamp,
            b"{method}": method.encode("latin-1", "replace"),
            b"{url}": url.encode("utf-8", "replace"),
            b"{svix-id}": headers.get(b"svix-id", b""),
            # The body last, so that nothing inside it is taken for a placeholder.
            b"{body}": body,
        }
        expected = hmac.digest(self.secret, _fill(self.payload, parts), _ALGORITHMS[self.algorithm])
        return hmac.compare_digest(expected, _decoded(signature[len(self.prefix) :], self.encoding))


@dataclass(frozen=True, slots=True)
class Authenticator:
    """The configured methods. Any one that fits is enough."""

    secret: bytes
    hmac_plan: HmacPlan | None
    public_url: str = ""

    def check(self, headers: Headers, body: bytes, *, method: str = "POST", path: str = "") -> None:
        """Raise NotConfigured or Unauthenticated unless one configured method fits."""
        secret = self.secret
        if not secret and self.hmac_plan is None:
            raise NotConfigured
        if secret:
            for name, value in headers:
                if name == b"x-vapi-secret":
                    if hmac.compare_digest(value, secret):
                        return
                elif name == b"authorization" and _bearer_fits(value, secret):
                    return
        plan = self.hmac_plan
        if plan is not None and plan.fits(dict(headers), body, method=method, url=self.public_url + path):
            return
        raise Unauthenticated


def _bearer_fits(value: bytes, secret: bytes) -> bool:
    scheme, _, token = value.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), secret)


def _is_recent(timestamp: bytes) -> bool:
    """Return whether `timestamp`, in seconds or milliseconds, is at most five minutes away."""
    try:
        at = float(timestamp)
    except ValueError:
        return False
    if at > _SMALLEST_MILLISECONDS:
        at /= 1000
    return abs(time.time() - at) <= TOLERANCE_SECONDS


def _fill(payload: bytes, parts: dict[bytes, bytes]) -> bytes:
    filled, rest = b"", payload
    while rest:
        found = [(rest.find(name), name) for name in parts if name in rest]
        if not found:
            return filled + rest
        at, name = min(found)
        filled += rest[:at] + parts[name]
        rest = rest[at + len(name) :]
    return filled


def _decoded(signature: str, encoding: str) -> bytes:
    """Return the signature's bytes; b"", which fits nothing, when it is not written as configured."""
    try:
        if encoding == "base64":
            return base64.b64decode(signature, validate=True)
        return bytes.fromhex(signature)
    except (ValueError, binascii.Error):
        return b""


def _hmac_plan() -> HmacPlan | None:
    secret = _text("VAPI_HMAC_SECRET", "")
    if not secret:
        return None
    return HmacPlan(
        secret=secret.encode(),
        algorithm=_text("VAPI_HMAC_ALGORITHM", "sha256").lower().replace("-", ""),
        signature_header=_text("VAPI_HMAC_SIGNATURE_HEADER", "x-signature").lower().encode(),
        timestamp_header=_text("VAPI_HMAC_TIMESTAMP_HEADER", "x-timestamp").lower().encode(),
        payload=_text("VAPI_HMAC_PAYLOAD", "{timestamp}.{body}").encode(),
        prefix=_text("VAPI_HMAC_PREFIX", ""),
        encoding=_text("VAPI_HMAC_ENCODING", "hex").lower(),
    )


def _text(name: str, default: str) -> str:
    return getattr(settings, name, "") or default


_current: list[Authenticator] = []


def authenticator() -> Authenticator:
    """Return the one built from the settings."""
    if not _current:
        _current.append(
            Authenticator(
                secret=_text("VAPI_WEBHOOK_SECRET", "").encode(),
                hmac_plan=_hmac_plan(),
                public_url=_text("PUBLIC_URL", "").rstrip("/"),
            )
        )
    return _current[0]


def authenticate(headers: Headers, body: bytes, *, method: str = "POST", path: str = "") -> None:
    """Check one request. Raises NotConfigured (503) or Unauthenticated (401)."""
    authenticator().check(headers, body, method=method, path=path)


def _forget(**_: Any) -> None:
    _current.clear()


setting_changed.connect(_forget)
