"""What Pete needs of everything at Vapi that speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from calls.assistants import SERVER_MESSAGES, SERVER_TIMEOUT_SECONDS
from calls.tools import tool_definitions

SECRET_HEADER = "X-Vapi-Secret"
# Asked of Pete besides the reports: without them nobody is put through.
_QUESTIONS = ["handoff-destination-request", "transfer-destination-request"]
# What Vapi sends when no list is given; a list takes their place. The old "function-call" goes without saying.
DEFAULT_MESSAGES = [
    "conversation-update",
    "end-of-call-report",
    "hang",
    "speech-update",
    "status-update",
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "user-interrupted",
    "assistant.started",
]
# The proxy says its sentence about a model that is late within this time; Vapi takes no longer wait than that.
_SENTENCE_SECONDS, _LONGEST_WAIT = 5, 300
_LOCAL_HOSTS = ("localhost", "0.0.0.0", "::1")


@dataclass(frozen=True)
class Wanted:
    """The address that Vapi sends to, how it proves itself there, what it sends, and the tools."""

    url: str
    secret: str
    credential_id: str
    needs_credential: bool
    messages: tuple[str, ...]
    functions: tuple[dict[str, Any], ...]
    llm_url: str
    # How long Vapi has to wait for the first word of a model behind Pete's proxy.
    llm_timeout_seconds: int
    timeout_seconds: int = SERVER_TIMEOUT_SECONDS

    @classmethod
    def load(cls) -> Wanted:
        """Return what the settings and the tools say now."""
        return cls(
            url=f"{settings.PUBLIC_URL}/vapi/webhook",
            secret=settings.VAPI_WEBHOOK_SECRET,
            credential_id=settings.VAPI_CREDENTIAL_ID,
            needs_credential=bool(settings.VAPI_HMAC_SECRET and not settings.VAPI_WEBHOOK_SECRET),
            messages=tuple(dict.fromkeys([*SERVER_MESSAGES, *_QUESTIONS])),
            functions=tuple(definition["function"] for definition in tool_definitions()),
            llm_url=f"{settings.PUBLIC_URL}/llm",
            llm_timeout_seconds=min(settings.LLM_TIMEOUT_SECONDS + _SENTENCE_SECONDS, _LONGEST_WAIT),
        )


def obstacle() -> str:
    """Return why nothing can be set right from here, "" when it can."""
    if not settings.VAPI_API_KEY:
        return _("Vapi is not connected: set VAPI_API_KEY to the private key from Vapi's dashboard and restart.")
    vapi, public = urlsplit(settings.VAPI_API_URL), urlsplit(settings.PUBLIC_URL)
    if not _is_local(vapi.hostname) and (public.scheme != "https" or _is_local(public.hostname)):
        said = _("Vapi cannot reach %(url)s: set PUBLIC_URL to the address people reach Pete at by https.")
        return said % {"url": settings.PUBLIC_URL}
    return ""


def _is_local(host: str | None) -> bool:
    return not host or host in _LOCAL_HOSTS or host.startswith("127.") or host.endswith(".localhost")
