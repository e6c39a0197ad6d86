"""Secrets inside payloads, removed before anything is stored or logged.

Vapi's messages carry provider tokens, server secrets, JSON web tokens and the control URLs of the call, which are
capabilities in themselves. Bodies are redacted as bytes, without decoding them: that costs a few microseconds.
"""

from __future__ import annotations

import re
from typing import Any

import ahocorasick_rs
import msgspec

from calls.webhook import lenient

REDACTED = "[redacted]"
_REDACTED_JSON = b'"[redacted]"'
_LONGEST_KEY = 64
# Every secret's key contains one of the first ones, in lower case; the others give away a secret inside a text, and a
# letter of a key that hides behind its code. All are looked for in one pass over the body.
_IN_KEYS = (b"secret", b"token", b"passw", b"authoriz", b"credential", b'key"', b'sid"', b'nurl"', b'lurl"')
_JWT_NEEDLE, _SIGNATURE_NEEDLE, _CODE_NEEDLE = range(len(_IN_KEYS), len(_IN_KEYS) + 3)
_needles = ahocorasick_rs.BytesAhoCorasick(
    [*_IN_KEYS, b"eyj", b"ignature=", b"\\u00"], implementation=ahocorasick_rs.Implementation.DFA
)
_ALWAYS = ("secret", "passw", "authoriz", "credential")
# "maxTokens" and "llmPromptTokens" count, "authToken" opens; "recordingUrl" is wanted, "controlUrl" is a capability.
_AT_THE_END = (
    "token", "apikey", "api_key", "api-key", "privatekey", "private_key", "accesskey", "access_key", "accountsid",
    "account_sid", "listenurl", "controlurl",
)  # fmt: skip
_BEFORE_VALUE = (b":", b" ", b"\n", b"\r", b"\t")
# A string, a number, or the beginning of a list or an object.
_VALUE = re.compile(rb'[ \t\n\r]*:[ \t\n\r]*(?:("[^"\\]*(?:\\.[^"\\]*)*"|[-0-9][^,\]}\s]*)|([\[{]))', re.DOTALL)
_JWT = r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*"
_SIGNATURE = r"([Ss]ignature=|X-Amz-Credential=|X-Amz-Security-Token=)[^&\"\\\s]+"
_JWT_TEXT, _JWT_BYTES = re.compile(_JWT), re.compile(_JWT.encode())
_SIGNATURE_TEXT, _SIGNATURE_BYTES = re.compile(_SIGNATURE), re.compile(_SIGNATURE.encode())
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
    name = key.decode("utf-8", "replace")
    return len(name) <= _LONGEST_KEY and (any(word in name for word in _ALWAYS) or name.endswith(_AT_THE_END))


def redact(body: bytes) -> bytes:
    """Return the valid JSON `body` without the values of secret keys and without token-like strings."""
    lower = body.lower()
    found = _needles.find_matches_as_indexes(lower)
    if not found:
        return body
    needles = {needle for needle, _, _ in found}
    spans = _secret_spans(body, lower, found)
    if spans is None or (_CODE_NEEDLE in needles and _HIDDEN_LETTER.search(body)):
        return lenient.encode(redact_tree(_tree(body)))
    if spans:
        body = _spliced(body, spans)
    if _JWT_NEEDLE in needles:
        body = _JWT_BYTES.sub(REDACTED.encode(), body)
    if _SIGNATURE_NEEDLE in needles:
        body = _SIGNATURE_BYTES.sub(rb"\1" + REDACTED.encode(), body)
    return body


def _tree(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return lenient.parse(body)


def _secret_spans(body: bytes, lower: bytes, found: list[tuple[int, int, int]]) -> dict[int, int] | None:
    """Return where the values of secret keys lie, start to end; None when one of them is a list or an object."""
    spans: dict[int, int] = {}
    for needle, at, _ in found:
        if needle >= len(_IN_KEYS):
            continue
        end = lower.find(b'"', at)
        # A key is followed by a colon; most occurrences are ordinary words inside a text.
        if lower[end + 1 : end + 2] in _BEFORE_VALUE and is_secret(lower[lower.rfind(b'"', 0, at) + 1 : end]):
            match = _VALUE.match(body, end + 1)
            if match is not None and match[2]:
                return None
            if match is not None and match[1] is not None:
                spans[match.start(1)] = match.end(1)
    return spans


def _spliced(body: bytes, spans: dict[int, int]) -> bytes:
    parts, last = [], 0
    for start, end in sorted(spans.items()):
        if start >= last and body[start:end] != b'""':
            parts += [body[last:start], _REDACTED_JSON]
            last = end
    parts.append(body[last:])
    return b"".join(parts)


def redact_text(text: str) -> str:
    """Return a string without token-like parts."""
    if "eyJ" in text:
        text = _JWT_TEXT.sub(REDACTED, text)
    return _SIGNATURE_TEXT.sub(r"\1" + REDACTED, text) if "ignature=" in text else text


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
    tells_nothing = value is None or value == "" or isinstance(value, bool)
    if isinstance(key, str) and not tells_nothing and is_secret(key.lower().encode("utf-8", "replace")):
        return REDACTED
    return redact_text(value) if isinstance(value, str) else value
