from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from calls.models import Call, ToolCall, WebhookEvent, call_pk
from crm.erasure import erase_person
from crm.tests import factories

pytestmark = pytest.mark.django_db


def call(lead, vapi_id):
    row = Call.objects.create(
        id=call_pk(vapi_id),
        vapi_id=vapi_id,
        lead=lead,
        phase="ENDED",
        customer_number=lead.phone,
        summary="Zoe wants a home",
        transcript=[{"role": "user", "text": "I am Zoe"}],
    )
    WebhookEvent.objects.create(call=row, fingerprint=uuid.uuid4(), type="x", at=timezone.now(), body=b"Zoe")
    ToolCall.objects.create(call=row, tool_call_id="t", fingerprint=uuid.uuid4(), name="save_lead", answer="Zoe")
    return row


def test_what_was_said_goes_and_that_somebody_called_stays():
    lead, other = factories.lead(), factories.lead()
    gone, stays = call(lead, "v-1"), call(other, "v-2")

    erase_person(lead)

    gone.refresh_from_db()
    assert (gone.transcript, gone.summary, gone.customer_number, gone.phase) == ([], "", "", "ENDED")
    assert list(WebhookEvent.objects.values_list("call", flat=True)) == [stays.pk]
    assert [tool.answer for tool in ToolCall.objects.order_by("call__vapi_id")] == ["", "Zoe"]
