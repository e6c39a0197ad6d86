from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from calls import history_import, projection
from calls.models import Call
from calls.vapi_sandbox import Vapi
from crm.models import Lead, Notice, Task
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def vapi():
    """A stand-in that is not watched: the excerpt of Vapi's description leaves out the list of calls."""
    return Vapi()


def ended(vapi, **fields):
    at = timezone.now() - timedelta(days=10)
    return vapi.add(
        "call",
        **{
            "type": "inboundPhoneCall",
            "status": "ended",
            "createdAt": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "startedAt": at.isoformat(),
            "endedAt": (at + timedelta(minutes=3)).isoformat(),
            "endedReason": "customer-ended-call",
            "customer": {"number": "+13125550188"},
            "assistantId": "a-1",
            "cost": 0.12,
            "artifact": {"transcript": "AI: Hello. User: A home please."},
            "analysis": {"summary": "Wants a home."},
        }
        | fields,
    )


def test_calls_of_the_last_weeks_are_brought_in_once_and_quietly(url, vapi, monkeypatch):
    monkeypatch.setattr(history_import, "LOT", 2)
    lead = factories.lead(phone="+13125550188")
    records = [ended(vapi) for _ in range(3)]
    ended(vapi, status="in-progress")
    ended(vapi, createdAt="2001-01-01T00:00:00.000Z")
    ended(vapi, customer={"number": "+13125550199"}, type="webCall")

    assert history_import.import_calls() == 4
    assert history_import.import_calls() == 0

    call = Call.objects.get(vapi_id=records[0]["id"])
    assert (call.lead, call.phase, call.status, call.ended_class) == (lead, "ENDED", "ended", "customer_ended")
    assert (call.summary, str(call.cost), call.ended_at - call.started_at) == (
        "Wants a home.",
        "0.1200",
        timedelta(minutes=3),
    )
    assert [line["text"] for line in call.transcript] == ["Hello.", "A home please."]
    assert call.created_at.date() == call.started_at.date()
    assert Lead.objects.filter(phone="+13125550199").exists()
    assert (Task.objects.count(), Notice.objects.count()) == (0, 0)
    before = call.transcript
    projection.project(call.pk)
    call.refresh_from_db()
    assert call.transcript == before


def test_the_command_says_what_is_wrong(url, vapi, settings, capsys):
    call_command("import_calls")
    assert capsys.readouterr().out == "0 calls were brought in.\n"
    settings.VAPI_API_KEY = "another"
    with pytest.raises(CommandError, match="401"):
        call_command("import_calls")
    settings.VAPI_API_KEY = ""
    with pytest.raises(CommandError, match="VAPI_API_KEY"):
        call_command("import_calls")
