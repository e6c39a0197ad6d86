"""Asking Pete's own API from inside, as a program outside would: same rights, scopes, rules, limits and audit."""

from __future__ import annotations

from typing import Any

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from mcp.server.mcpserver.exceptions import ToolError

# One refusal is a sentence, not a page.
_MOST_ERRORS = 5


class Asker:
    """The API with one token. Nothing is remembered between questions: a revoked token ends at once."""

    def __init__(self, secret: str) -> None:
        # Straight into the application: no web server has to run, and nothing leaves the process.
        transport = httpx.WSGITransport(app=get_wsgi_application())
        headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
        self._http = httpx.Client(transport=transport, base_url=settings.PUBLIC_URL, headers=headers)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return what the API answers; what is None is not asked. Raises ToolError with the API's own words."""
        return await self._ask("GET", path, params={name: _text(value) for name, value in _given(query).items()})

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Have the API do something, like `get`."""
        return await self._ask("POST", path, json=_given(body))

    async def _ask(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        try:
            answer = await sync_to_async(self._http.request)(method, path, **fields)
        except UnicodeEncodeError as exc:
            raise ToolError("[bad_arguments] A text holds half a character.") from exc
        if answer.is_success:
            return dict(answer.json())
        raise ToolError(_sentence(answer.json()))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(problem: dict[str, Any]) -> str:
    """Return a problem document as a model can act on it: the code, what is wrong where, what could be had instead."""
    parts = [f"[{problem.get('code', 'failed')}] {problem.get('detail', '')}"]
    for field, errors in list(problem.get("errors", {}).items())[:_MOST_ERRORS]:
        parts.append(f"{field}: {' '.join(error['message'] for error in errors)}")
    slots = [f"{slot['starts_at']} (slot_id {slot['slot_id']})" for slot in problem.get("alternatives", [])]
    if slots:
        parts.append(f"Free instead: {', '.join(slots)}")
    return " ".join(parts)
