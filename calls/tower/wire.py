"""The line to the sound of one live call at Vapi. The address is a capability: it is in no error and no log line.

Reference: https://docs.vapi.ai/calls/call-features
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from calls.errors import CallOver, ControlNotSent, ControlRefusal, ControlRefusedByVapi, Unplayable
from calls.tower import address

logger = logging.getLogger(__name__)
# The library's own words name the path of what it asks for.
_silent = logging.getLogger(f"{__name__}.protocol")
_silent.setLevel(logging.CRITICAL)

_OPEN_SECONDS, _CLOSE_SECONDS = 5.0, 2.0
# Twenty milliseconds of sound are 1,280 bytes.
_MOST_FRAME_BYTES, _MOST_FRAMES = 2**18, 32
_OVER = frozenset({404, 410})
_RATES = range(8_000, 48_001)
_ENCODINGS = frozenset({"linear16", "pcm_s16le", "pcm"})

# Tests put a way to their own server here; nothing is the network.
reroute: Callable[[], dict[str, Any]] = dict


class Format(msgspec.Struct, frozen=True, rename="camel"):
    """What the frames hold: 16-bit samples, least byte first, of one or two channels taking turns.

    Vapi's text on the listen address names no numbers; these are those of its other streams, unless it says otherwise
    in a first message.
    """

    sample_rate: int = 16_000
    channels: int = 1


class _Start(msgspec.Struct, rename="camel"):
    type: str = ""
    encoding: str = "linear16"
    sample_rate: int = Format().sample_rate
    channels: int = Format().channels


class _Straight(connect):
    """A connection that goes where it was sent: another address would be somebody else's choice."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


_start = msgspec.json.Decoder(_Start)


@asynccontextmanager
async def open_line(listen_url: str) -> AsyncIterator[ClientConnection]:
    """Connect to a call's sound. Raises a ControlRefusal, without its cause: that may name the address."""
    if not address.is_listen(listen_url):
        raise ControlRefusedByVapi(_("The address that came with the call is not Vapi's."))
    try:
        line = await _connect(listen_url)
    except (InvalidHandshake, OSError, TimeoutError) as exc:
        refusal = _refusal(exc)
        logger.warning("A call cannot be heard: %s (%s)", refusal.code, type(exc).__name__)
        raise refusal from None
    try:
        yield line
    finally:
        await line.close()


def _connect(listen_url: str) -> connect:
    # Vapi asks for the public key where an assistant's listening is protected.
    key = settings.VAPI_PUBLIC_KEY
    return _Straight(
        listen_url,
        additional_headers={"Authorization": f"Bearer {key}"} if key else None,
        user_agent_header="pete-crm",
        compression=None,
        proxy=None,
        open_timeout=_OPEN_SECONDS,
        close_timeout=_CLOSE_SECONDS,
        max_size=_MOST_FRAME_BYTES,
        max_queue=_MOST_FRAMES,
        logger=_silent,
        **reroute(),
    )


def _refusal(exc: Exception) -> ControlRefusal:
    if isinstance(exc, InvalidStatus):
        status = exc.response.status_code
        if status in _OVER:
            return CallOver(_("The call is over."))
        if status != 429 and status < 500:
            return ControlRefusedByVapi(_("Vapi refused it (HTTP %(status)s).") % {"status": status})
    return ControlNotSent(_("Vapi could not be reached. Nothing has happened; try again."))


def read_format(text: str) -> Format | None:
    """Return what Vapi says its frames hold; None for any other message. Raises Unplayable."""
    try:
        said = _start.decode(text)
    except msgspec.MsgspecError:
        return None
    if said.type != "start":
        return None
    if said.encoding not in _ENCODINGS or said.sample_rate not in _RATES or said.channels not in (1, 2):
        raise Unplayable(_("Vapi sends sound that cannot be played here."))
    return Format(said.sample_rate, said.channels)
