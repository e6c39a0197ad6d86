"""What the doctor looks at in calls: the door for Vapi, the model behind the proxy, and the assistants at Vapi."""

from __future__ import annotations

import textwrap
import time

import httpx
from django.conf import settings

from calls.client import VapiClient
from calls.errors import VapiRefused, VapiUnavailable
from calls.llm.dialects import dialect_for
from calls.sync.survey import survey
from calls.sync.wanted import obstacle
from config import doctor
from config.doctor import IllError

# It names no call, so nothing is kept of it; the tool runs all the same.
_ASK = {"id": "pete-check", "name": "get_availability", "arguments": {}}
_KNOCK = {"message": {"type": "tool-calls", "toolCallList": [_ASK]}}
_LONGEST_QUOTE = 80


def register() -> None:
    """Have the doctor make these checks."""
    doctor.register("Webhook", webhook)
    doctor.register("LLM", llm)
    doctor.register("Assistants", assistants)


def webhook() -> str:
    """Ask the door for free times as Vapi does, at the address that Vapi uses."""
    url = f"{settings.PUBLIC_URL}/vapi/webhook"
    began = time.monotonic()
    try:
        answer = httpx.post(url, json=_KNOCK, headers={"X-Vapi-Secret": settings.VAPI_WEBHOOK_SECRET}, timeout=5)
    except httpx.HTTPError as exc:
        raise IllError(f"{url} does not answer ({exc}).", "Start Pete, or correct PUBLIC_URL.") from exc
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    if answer.status_code == 401 and not settings.VAPI_WEBHOOK_SECRET:
        return f"{url} answers in {took}, and refuses what is not signed."
    if answer.status_code != 200:
        raise IllError(f"{url} answers HTTP {answer.status_code}.", "Look at what stands between Vapi and Pete.")
    return f"{url} took a simulated tool call and answered in {took}: “{_said(answer, url)}”"


def _said(answer: httpx.Response, url: str) -> str:
    """Return the beginning of what the assistant would say."""
    try:
        said = str(answer.json()["results"][0]["result"])
    except (ValueError, LookupError, TypeError) as exc:
        raise IllError(f"{url} answers, but not as Pete does.", "Let PUBLIC_URL lead to Pete.") from exc
    if said.startswith("[failed]"):
        raise IllError(f"the tool failed: {said}", "Look at the logs of the web process.")
    return textwrap.shorten(said, _LONGEST_QUOTE, placeholder="…")


def llm() -> str:
    key = {"Authorization": f"Bearer {settings.LLM_API_KEY}"} if settings.LLM_API_KEY else {}
    try:
        path = dialect_for(settings.LLM_URL, settings.LLM_DIALECT).models_path
        answer = httpx.get(f"{settings.LLM_URL}{path}", headers=key, timeout=3)
    except httpx.HTTPError as exc:
        raise IllError(f"{settings.LLM_URL} does not answer ({exc}).", "Start Ollama, or set LLM_URL.") from exc
    if not answer.is_success:
        raise IllError(f"{settings.LLM_URL} answers HTTP {answer.status_code}.", "Check LLM_URL and LLM_API_KEY.")
    return f"{settings.LLM_URL} answers."


def assistants() -> str:
    """Whether what speaks for Pete at Vapi is as Pete needs it: otherwise callers hear tools fail."""
    if blocked := obstacle():
        finding, _, cure = blocked.partition(": ")
        raise IllError(f"{finding}.", f"{cure[:1].upper()}{cure[1:]}")
    try:
        with VapiClient() as client:
            found = survey(client)
    except VapiRefused as exc:
        cure = "Put the private key from Vapi's dashboard into VAPI_API_KEY." if exc.status in (401, 403) else ""
        raise IllError(f"Vapi refuses: {exc}.", cure or "Check VAPI_API_URL.") from exc
    except VapiUnavailable as exc:
        raise IllError(f"Vapi does not answer: {exc}.", "Check the way out to the internet.") from exc
    if found.drifted:
        finding = (
            f"{len(found.drifted)} of {len(found.plans)} assistants, tools and numbers differ from what Pete needs."
        )
        raise IllError(finding, "Run manage.py sync_assistants --apply.")
    if found.troubled:
        raise IllError(f"{len(found.troubled)} need a person.", f"{settings.PUBLIC_URL}/assistants says why.")
    return f"in order at Vapi (assistants, tools and numbers: {len(found.plans)})."
