"""Remove the demo agency with its calls, and the simulated calls with what they made."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from calls.demo.assistants import PERSONAS
from calls.models import Assistant, Call, ToolCall, WebhookEvent
from crm.demo.remove import remove_agency, remove_traces
from crm.models import Lead, TimelineEntry


@transaction.atomic
def remove_demo() -> Counter[str]:
    """Delete every demo row and every simulated call; return how many rows went, by table."""
    # First the agency: a simulated caller's lead is only kept when a viewing is left that is nobody's fiction.
    counts = remove_agency()
    counts += remove_calls(demo_calls())
    counts += Counter(Assistant.objects.filter(is_demo=True).delete()[1])
    return counts


@transaction.atomic
def remove_simulated(*, before: datetime) -> Counter[str]:
    """Delete simulated calls that ended before `before` and what they made, so that a long demo stays small."""
    return remove_calls(demo_calls().filter(is_demo=False, ended_at__lt=before))


def demo_calls() -> QuerySet[Call]:
    """Return the demo agency's past calls, and all calls that a demo assistant took: no real caller reaches one."""
    personas = [persona.vapi_id for persona in PERSONAS]
    return Call.objects.filter(Q(is_demo=True) | Q(assistant_vapi_id__in=personas))


def remove_calls(calls: QuerySet[Call]) -> Counter[str]:
    """Delete these calls with what they made: viewings, tasks, history, and leads that came with them."""
    call_ids = set(calls.values_list("pk", flat=True))
    counts = remove_traces(call_ids=call_ids, lead_ids=_leads_only_of(call_ids))
    # Bottom up: each of these is one statement, while a cascade would first read the rows.
    for model in (WebhookEvent, ToolCall):
        counts += Counter(model.objects.filter(call__in=call_ids).delete()[1])
    return counts + Counter(Call.objects.filter(pk__in=call_ids).delete()[1])


def _leads_only_of(call_ids: set[UUID]) -> set[int]:
    """Return leads that came with these calls, or got a line of history from one, and have no other call."""
    began = dict(Call.objects.filter(pk__in=call_ids).values_list("pk", "created_at"))
    pairs = {
        *Call.objects.filter(pk__in=call_ids, lead__isnull=False).values_list("lead_id", "pk"),
        *TimelineEntry.objects.filter(call_id__in=call_ids).values_list("lead_id", "call_id"),
    }
    first: dict[int, datetime] = {}
    for lead_id, call_id in pairs:
        if lead_id is not None and call_id is not None:
            first[lead_id] = min(first.get(lead_id, began[call_id]), began[call_id])
    others = Call.objects.exclude(pk__in=call_ids).filter(lead__isnull=False).values("lead")
    leads = Lead.objects.filter(pk__in=first).exclude(pk__in=others).values_list("pk", "created_at")
    # One that was there before its first simulated call is a real lead whose number was drawn by chance.
    return {pk for pk, created_at in leads if created_at >= first[pk]}
