"""Secrets inside payloads, removed before anything is stored or logged.

Vapi's messages carry provider tokens, server secrets, JSON web tokens and the control URLs of the call, which are
capabilities in themselves. Bodies are redacted as bytes, without decoding them: that costs a few microseconds.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from calls.webhook import lenient

REDACTED = "[redacted]"
_REDACTED_JSON = b'"[redacted]"'
_LONGEST_KEY = 64
# Every secret's key contains one of these, in lower case.
_NEEDLES = (
    b"secret", b"token", b"passw", b"authoriz", b"credential", b"apikey", b"api_key", b"api-key", b"privatekey",
    b"private_key", b"accesskey", b"access_key", b"accountsid", b"listenurl", b"controlurl", b"cookie",
)  # fmt: skip
_NEVER_PLURAL = b"token"
_VALUE = re.compile(rb'[ \t\n\r]*:[ \t\n\r]*(?:("[^"\\]*(?:\\.[^"\\]*)*")|([\[{])|([^,\]}\s"]+))', re.DOTALL)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*")
_SIGNATURE = re.compile(r"((?:[Ss]ignature|[?&]sig|X-Amz-Credential|X-Amz-Security-Token)=)[^&\"\\\s]+")
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|(?i:bearer) [A-Za-z0-9._~+/-]{16,}=*")
_VALUES = tuple((p, re.compile(p.pattern.encode())) for p in (_JWT, _SIGNATURE, _KEY_LIKE))
_VALUE_NEEDLES = (b"eyJ", b"ignature=", b"sig=", b"X-Amz-", b"sk-", b"sk_", b"pk_", b"rk_", b"earer ")
# A letter of a key could hide behind its code; nobody who means well writes one so.
_HIDDEN_LETTER = re.compile(rb"\\u00[2-7]")

_verdicts: dict[bytes, bool] = {}
_MOST_VERDICTS = 4096


def is_secret(key: bytes) -> bool:
    """Return whether a value under this key must not be kept. `key` is in lower case."""
    verdict = _verdicts.get(key)
    if verdict is None:
        if len(_verdicts) >= _MOST_VERDICTS:
            _verdicts.clear()
        verdict = _verdicts[key] = _judge(key)
    return verdict


def _judge(key: bytes) -> bool:
    if len(key) > _LONGEST_KEY:
        return False
    # "maxTokens" and "llmPromptTokens" count; "authToken" opens.
    return any(n in key for n in _NEEDLES if n != _NEVER_PLURAL) or key.endswith(_NEVER_PLURAL)


def redact(body: bytes) -> bytes:
    """Return the valid JSON `body` without the values of secret keys and without token-like strings."""
    spans = _secret_spans(body)
    if spans is None or (b"\\u00" in body and _HIDDEN_LETTER.search(body)):
        return lenient.encode(redact_tree(_tree(body)))
    if spans:
        body = _spliced(body, spans)
    for needle in _VALUE_NEEDLES:
        if needle in body:
            return _without_tokens(body)
    return body


def _tree(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return lenient.parse(body)


def _secret_spans(body: bytes) -> dict[int, int] | None:
    """Return where the values of secret keys lie, start to end; None when one of them is a list or an object."""
    lower = body.lower()
    spans: dict[int, int] = {}
    for needle in _NEEDLES:
        at = lower.find(needle)
        while at >= 0:
            end = lower.find(b'"', at)
            if end < 0:
                break
            # A key is followed by a colon; most occurrences are ordinary words inside a text.
            if lower[end + 1 : end + 2] in b": \n\r\t" and is_secret(lower[lower.rfind(b'"', 0, at) + 1 : end]):
                match = _VALUE.match(body, end + 1)
                if match is not None:
                    if match.start(2) >= 0:
                        return None
                    if match.start(1) >= 0:
                        spans[match.start(1)] = match.end(1)
                    elif match[3] not in (b"null", b"true", b"false"):
                        spans[match.start(3)] = match.end(3)
            at = lower.find(needle, end)
    return spans


def _spliced(body: bytes, spans: dict[int, int]) -> bytes:
    parts, last = [], 0
    for start, end in sorted(spans.items()):
        if start >= last and end - start > 2:
            parts += [body[last:start], _REDACTED_JSON]
            last = end
    parts.append(body[last:])
    return b"".join(parts)


def _without_tokens(body: bytes) -> bytes:
    for pattern in (_VALUES[0][1], _VALUES[2][1]):
        body = pattern.sub(REDACTED.encode(), body)
    return _VALUES[1][1].sub(rb"\1" + REDACTED.encode(), body)


def redact_text(text: str) -> str:
    """Return a string without token-like parts."""
    return _SIGNATURE.sub(r"\1" + REDACTED, _KEY_LIKE.sub(REDACTED, _JWT.sub(REDACTED, text)))


def redact_tree(tree: Any) -> Any:
    """Return a decoded body without secrets. Changes `tree` in place; needs no recursion."""
    holder = [tree]
    waiting: list[Any] = [holder]
    while waiting:
        container = waiting.pop()
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            kept = _redacted(key, value)
            container[key] = kept
            if isinstance(kept, dict | list):
                waiting.append(kept)
    return holder[0]


def _redacted(key: str | int, value: Any) -> Any:
    if isinstance(key, str) and value not in ("", None, True, False) and is_secret(key.lower().encode()):
        return REDACTED
    return redact_text(value) if isinstance(value, str) else value
