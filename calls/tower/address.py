"""Which addresses a live call's controls may go to. They arrive in messages, so they are judged as any stranger's.

Reference: https://docs.vapi.ai/calls/call-features
"""

from __future__ import annotations

import re

_LONGEST = 1_000
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Written out instead of parsed: parsers differ in what they make of odd addresses, and here only plain ones occur. No
# user, no port, no trailing dot, no address in digits, no query; ASCII throughout.
_REST = rf"://(?P<host>(?:{_LABEL}\.){{1,8}}vapi\.ai)(?P<path>/[A-Za-z0-9._~/-]+)"
_CONTROL, _LISTEN = re.compile("https" + _REST), re.compile("wss" + _REST)


def is_control(address: str) -> bool:
    """Say whether controls may be posted there: https, and a host below vapi.ai."""
    return _is(_CONTROL, address)


def is_listen(address: str) -> bool:
    """Say whether the sound of a call may be fetched there: wss, and a host below vapi.ai."""
    return _is(_LISTEN, address)


def _is(pattern: re.Pattern[str], address: str) -> bool:
    found = pattern.fullmatch(address) if len(address) <= _LONGEST else None
    return found is not None and len(found["host"]) <= 253 and ".." not in found["path"] and "//" not in found["path"]
