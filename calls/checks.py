"""What the doctor looks at in calls: the model behind the proxy, and the assistants at Vapi."""

from __future__ import annotations

import httpx
from django.conf import settings

from calls.client import VapiClient
from calls.errors import VapiRefused, VapiUnavailable
from calls.llm.dialects import dialect_for
from calls.sync.survey import survey
from calls.sync.wanted import obstacle
from config import doctor
from config.doctor import IllError


def register() -> None:
    """Have the doctor make these checks."""
    doctor.register("LLM", llm)
    doctor.register("Assistants", assistants)


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
