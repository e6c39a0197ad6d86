"""Posts one control to one live call. The address is a capability: it is in no error, no log line and no answer.

Reference: https://docs.vapi.ai/calls/call-features
"""

from __future__ import annotations

import logging
from typing import Any

import httpx
from django.utils.translation import gettext as _

from calls.errors import CallOver, ControlNotSent, ControlRefusedByVapi, ControlUnconfirmed
from calls.tower import address

logger = logging.getLogger(__name__)

# A person waits, and so does the caller.
TIMEOUT = httpx.Timeout(6.0, connect=3.0)
# Vapi answers these once a call has ended.
_OVER = frozenset({httpx.codes.NOT_FOUND, httpx.codes.GONE})
# Nothing was sent, so nothing can have happened.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def post(control_url: str, body: dict[str, Any], *, transport: httpx.BaseTransport | None = None) -> None:
    """Send one control. Redirects are not followed, nothing is tried again.

    Raises CallOver, ControlRefusedByVapi, ControlNotSent or ControlUnconfirmed, each without its cause: httpx names
    the address in some of its own.
    """
    if not address.is_control(control_url):
        raise ControlRefusedByVapi(_("The address that came with the call is not Vapi's."))
    try:
        status = _status(control_url, body, transport)
    except _NOT_SENT as exc:
        logger.warning("A control was not sent: %s", type(exc).__name__)
        raise ControlNotSent(_("Vapi could not be reached. Nothing has happened; try again.")) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
        logger.warning("A control was not confirmed: %s", type(exc).__name__)
        raise ControlUnconfirmed(_("Vapi did not answer. It may have happened: watch the call.")) from None
    _judge(status)


def _status(control_url: str, body: dict[str, Any], transport: httpx.BaseTransport | None) -> int:
    # No proxy, cookie or netrc entry of this machine has anything to do with it.
    with httpx.Client(transport=transport, timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
        # Only the status is read: the rest of the answer could be anything, of any length.
        with client.stream("POST", control_url, json=body) as response:
            return response.status_code


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    logger.warning("Vapi refused a control: HTTP %s", status)
    if status in _OVER:
        raise CallOver(_("The call is over."))
    if status == httpx.codes.TOO_MANY_REQUESTS or status in (502, 503, 504):
        raise ControlNotSent(_("Vapi is too busy just now. Nothing has happened; try again."))
    if status >= 500:
        raise ControlUnconfirmed(_("Vapi failed. It may have happened: watch the call."))
    raise ControlRefusedByVapi(_("Vapi refused it (HTTP %(status)s).") % {"status": status})
