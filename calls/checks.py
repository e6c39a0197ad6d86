"""What the doctor looks at in calls: the model behind the proxy."""

from __future__ import annotations

import httpx
from django.conf import settings

from calls.llm.dialects import dialect_for
from config import doctor
from config.doctor import IllError


def register() -> None:
    """Have the doctor make these checks."""
    doctor.register("LLM", llm)


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
