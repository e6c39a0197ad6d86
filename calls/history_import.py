"""Calls of the weeks before Pete, from Vapi: kept as they ended, with their transcripts, for search and figures.

They are written and not folded: nobody is to be called back because of a call that ended two months ago.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import transaction
from django.utils import timezone

from calls import phases
from calls.client import VapiClient
from calls.models import Assistant, Call, Phase, WebhookEvent, call_pk
from calls.reports import ended_class, instant, read_report
from calls.webhook.redact import redact
from crm.leads import lead_by_phone
from crm.models import Lead
from crm.phones import to_e164

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

logger = logging.getLogger(__name__)

DAYS = 90
LOT = 100
_DIRECTIONS = {"outboundPhoneCall": "outbound", "webCall": "web", "vapi.websocketCall": "web"}


def import_calls(days: int = DAYS, *, told: Callable[[int, int], None] | None = None) -> int:
    """Bring in the ended calls of so many days that Pete does not have; return how many. Done twice it is done once.

    After each lot `told` hears how many were looked at and how many of them were new. Raises VapiUnavailable,
    VapiRefused.
    """
    now = timezone.now()
    seen = done = 0
    with VapiClient(timeout=30) as client:
        ended = (record for record in client.calls(now - timedelta(days=days)) if record.get("status") == "ended")
        while lot := list(islice(ended, LOT)):
            seen += len(lot)
            done += _keep(lot, now)
            if told is not None:
                told(seen, done)
    return done


@transaction.atomic
def _keep(records: Sequence[dict[str, Any]], now: datetime) -> int:
    new = {call_pk(record["id"]): record for record in records}
    there = set(Call.objects.filter(pk__in=new).values_list("pk", flat=True))
    assistants = {row.vapi_id: row for row in Assistant.objects.select_related("listing")}
    calls = [_call(record, assistants, now) for pk, record in new.items() if pk not in there]
    made = Call.objects.bulk_create(calls, ignore_conflicts=True)
    events = [_event(call, new[call.pk]) for call in made]
    WebhookEvent.objects.bulk_create(events, ignore_conflicts=True)
    return len(made)


def _call(record: dict[str, Any], assistants: dict[str, Assistant], now: datetime) -> Call:
    report = read_report(record)
    assistant = assistants.get(str(record.get("assistantId")))
    number = _number(record)
    made_at = instant(record.get("createdAt")) or report.started_at or now
    return Call(
        pk=call_pk(record["id"]),
        vapi_id=record["id"],
        status="ended",
        phase=Phase.ENDED,
        direction=_DIRECTIONS.get(str(record.get("type")), "inbound"),
        assistant=assistant,
        assistant_vapi_id=str(record.get("assistantId") or "")[:100],
        listing=assistant.listing if assistant else None,
        lead=_lead(number),
        customer_number=number,
        started_at=report.started_at,
        ended_at=report.ended_at or made_at,
        ended_reason=report.ended_reason,
        ended_class=ended_class(report.ended_reason),
        transcript=report.lines,
        summary=report.summary,
        recording_url=report.recording_url,
        cost=report.cost,
        structured_data=report.structured_data,
        has_report=True,
        projected_events=1,
        last_event_at=report.ended_at or made_at,
        created_at=made_at,
    )


def _number(record: dict[str, Any]) -> str:
    customer = record.get("customer")
    given = str(customer.get("number") or "") if isinstance(customer, dict) else ""
    return to_e164(given) or given[:32]


def _lead(number: str) -> Lead | None:
    """Return the lead with this number, made without a word to anybody when there is none."""
    if not number.startswith("+"):
        return None
    return lead_by_phone(number) or Lead.objects.get_or_create(phone=number, defaults={"source": "phone"})[0]


def _event(call: Call, record: dict[str, Any]) -> WebhookEvent:
    """Return the row of the ledger from which the call could be folded again."""
    message = {**record, "type": phases.CALL_RECORD, "call": {"id": call.vapi_id}}
    body = redact(msgspec.json.encode({"message": message}))
    key = uuid.uuid5(call.pk, "imported")
    return WebhookEvent(
        call=call,
        fingerprint=key,
        type=phases.CALL_RECORD,
        at=call.last_event_at,
        received_at=call.last_event_at,
        body=body,
    )
