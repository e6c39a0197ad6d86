"""What the voice side forgets of a person: words, numbers, deliveries. That they called stays."""

from __future__ import annotations

from django.db.models import Q

from calls.models import Assistant, Call, ControlAction, PersonRequest, StagePrompt, ToolCall, WebhookEvent
from crm import erasure, traces
from crm.audit.erasing import erase_rows
from crm.models import Lead


def erase(lead: Lead) -> None:
    # A number that nobody was known by yet is this person's too.
    theirs = Q(lead=lead) | Q(lead=None, customer_number=lead.phone) if lead.phone else Q(lead=lead)
    # By their ids: once the number is gone it finds nothing any more.
    calls = Call.objects.filter(pk__in=list(Call.objects.filter(theirs).values_list("pk", flat=True)))
    WebhookEvent.objects.filter(call__in=calls).delete()
    ToolCall.objects.filter(call__in=calls).update(arguments={}, answer="", prompt="", facts={})
    actions = ControlAction.objects.filter(call__in=calls)
    actions.update(text="", reason=erasure.ERASED)
    PersonRequest.objects.filter(call__in=calls).update(answer={})
    # A supervisor's words are in the audit as well: those that were said, and those just taken away.
    erase_rows(ControlAction, actions.values_list("pk", flat=True))
    calls.update(
        transcript=[], summary="", recording_url="", customer_number="", context={}, structured_data={}, alerts=[]
    )


def connect() -> None:
    erasure.register(erase)
    traces.keep_names_in(Assistant, StagePrompt)
