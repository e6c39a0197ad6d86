"""What of the voice side can be taken out: the list of calls, and one person's calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calls.filters import CallFilter
from calls.models import Call, ToolCall, WebhookEvent
from calls.pages.calls import found_calls, scope_of
from calls.shapes import duration_seconds
from crm.exports import lists, person

if TYPE_CHECKING:
    from django.http import HttpRequest

    from crm.models import Agent


def said(call: Call) -> str:
    """Return a transcript as people read it."""
    return "\n".join(f"{line.get('role', '')}: {line.get('text', '')}" for line in call.transcript)


_COLUMNS = {
    **lists.same("id", "vapi_id", "status", "stage", "direction", "customer_number"),
    "lead": lambda call: call.lead and call.lead.full_name,
    "assistant": lambda call: call.assistant and call.assistant.name,
    "listing": lambda call: call.listing and str(call.listing),
    **lists.same("started_at", "ended_at", "ended_reason"),
    "duration_seconds": lambda call: duration_seconds(call, call.last_event_at),
    **lists.same("summary", "recording_url", "cost", "created_at"),
    "transcript": said,
}


def calls(request: HttpRequest, viewer: Agent) -> lists.Listed:
    found = found_calls(viewer, scope_of(request), CallFilter(request.GET))
    return lists.listed(found.order_by("-created_at", "-pk"), _COLUMNS)


def connect() -> None:
    lists.register("calls", calls)
    person.register("calls", lambda lead: Call.objects.filter(lead=lead))
    person.register("tool_calls", lambda lead: ToolCall.objects.filter(call__lead=lead))
    person.register("deliveries", lambda lead: WebhookEvent.objects.filter(call__lead=lead))
