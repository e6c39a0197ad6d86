"""What the voice side forgets of a person: words, numbers, deliveries. That they called stays."""

from __future__ import annotations

from calls.models import Call, ControlAction, ToolCall, WebhookEvent
from crm import erasure
from crm.models import Lead


def erase(lead: Lead) -> None:
    calls = Call.objects.filter(lead=lead)
    WebhookEvent.objects.filter(call__in=calls).delete()
    ToolCall.objects.filter(call__in=calls).update(arguments={}, answer="", prompt="", facts={})
    ControlAction.objects.filter(call__in=calls).update(text="")
    calls.update(
        transcript=[], summary="", recording_url="", customer_number="", context={}, structured_data={}, alerts=[]
    )


def connect() -> None:
    erasure.register(erase)
