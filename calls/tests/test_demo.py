"""The demo agency: believable, loaded once, removed without a trace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import timezone

from calls.demo.assistants import PERSONAS
from calls.demo.load import load_demo
from calls.demo.remove import remove_demo, remove_simulated
from calls.models import Assistant, Call, Phase, ToolCall, WebhookEvent, call_pk
from crm.models import (
    Agent,
    Appointment,
    AppointmentStatus,
    AuditEntry,
    BusyTime,
    Lead,
    LeadStage,
    Listing,
    Note,
    Task,
    Team,
    TimelineEntry,
    WorkingHours,
)
from crm.phones import to_e164

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 3, 10, 17, 30, tzinfo=UTC)  # a Wednesday at 11:30 in Chicago
COUNTED = ("crm", "calls", "calendar_sync", "admin", "sessions")


def row_counts() -> dict[str, int]:
    models = (model for label in COUNTED for model in apps.get_app_config(label).get_models())
    # The record of changes only grows: it tells of the demo that it came and went.
    return {model._meta.label: model.objects.count() for model in models if model is not AuditEntry}


def contents() -> list[list[tuple]]:
    """Return every row that tells what the agency is like, without generated keys and times."""
    return [
        list(Agent.objects.order_by("email").values_list("email", "role", "team__name", "timezone", "phone")),
        list(
            BusyTime.objects.order_by("agent__email", "starts_at").values_list("agent__email", "starts_at", "ends_at")
        ),
        list(Listing.objects.order_by("address", "unit").values_list("address", "unit", "rent", "status")),
        list(Lead.objects.order_by("phone").values_list("phone", "full_name", "stage", "budget", "owner__email")),
        list(
            Appointment.objects.order_by("idempotency_key").values_list("idempotency_key", "starts_at", "lead__phone")
        ),
        list(TimelineEntry.objects.order_by("at", "lead__phone", "text").values_list("text", "at", "lead__phone")),
        list(Call.objects.order_by("vapi_id").values_list("vapi_id", "transcript", "cost", "phase_seconds")),
    ]


@pytest.fixture
def demo() -> None:
    load_demo(NOW)


def test_the_agency_is_as_large_as_it_should_be():
    loaded = load_demo(NOW)

    assert loaded is not None
    assert {key: loaded[key] for key in ("agents", "listings", "leads", "assistants")} == {
        "agents": 12,
        "listings": 40,
        "leads": 200,
        "assistants": 16,
    }
    assert loaded["viewings"] >= 90
    assert loaded["calls"] >= 90
    assert Team.objects.count() == 3


def test_loading_twice_changes_nothing(demo):
    before = row_counts(), contents()

    assert load_demo(NOW + timedelta(days=3)) is None
    assert (row_counts(), contents()) == before


def test_the_same_day_gives_the_same_agency(demo):
    first = contents()
    remove_demo()

    load_demo(NOW - timedelta(minutes=50))

    assert contents() == first


def test_removing_leaves_no_trace():
    before = row_counts()
    load_demo(NOW)
    assert row_counts() != before

    remove_demo()

    assert row_counts() == before


def test_removing_nothing_does_nothing():
    assert not remove_demo()


def test_commands_say_what_they_did(capsys):
    call_command("load_demo")
    call_command("load_demo")
    call_command("remove_demo")
    call_command("remove_demo")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Loaded the demo agency in ")
    assert "200 leads" in lines[0]
    assert lines[1] == "The demo agency is already there."
    assert lines[2].startswith("Removed the demo agency: ")
    assert lines[3] == "There is no demo data."


def test_nobody_of_the_demo_staff_can_sign_in(demo):
    assert not any(agent.has_usable_password() for agent in Agent.objects.all())
    assert not Agent.objects.filter(is_superuser=True).exists()


def test_every_number_and_address_is_fictional(demo):
    numbers = [
        *Agent.objects.values_list("phone", flat=True),
        *Lead.objects.values_list("phone", flat=True),
        *Assistant.objects.values_list("phone_number", flat=True),
    ]
    assert len(set(numbers)) == len(numbers) == 12 + 200 + 16
    assert all(number[5:10] == "55501" and to_e164(number) == number for number in numbers)
    emails = [*Agent.objects.values_list("email", flat=True), *Lead.objects.values_list("email", flat=True)]
    assert all(not email or email.endswith("example.com") for email in emails)


def test_viewings_keep_the_office_rules(demo):
    """Inside working hours, on a half hour, clear of busy times, one at a time for each agent and home."""
    taken: dict[tuple[str, int], list[Appointment]] = {}
    for row in Appointment.objects.select_related("agent"):
        start, end = (at.astimezone(ZoneInfo(row.agent.timezone)) for at in (row.starts_at, row.ends_at))
        minutes = start.hour * 60 + start.minute
        hours = WorkingHours.objects.filter(agent=row.agent, weekday=start.weekday(), start_minute__lte=minutes)
        assert hours.filter(end_minute__gte=minutes + 30).exists()
        assert start.minute in (0, 30)
        assert end - start == timedelta(minutes=30)
        assert not row.agent.busy_times.filter(starts_at__lt=row.ends_at, ends_at__gt=row.starts_at).exists()
        assert row.agent in row.listing.agents.all()
        for key in (("agent", row.agent_id), ("listing", row.listing_id)):
            others = taken.setdefault(key, [])
            assert not any(o.starts_at < row.ends_at and row.starts_at < o.ends_at for o in others)
            others.append(row)


def test_viewings_fit_their_leads_and_today(demo):
    for row in Appointment.objects.select_related("lead"):
        assert row.created_at >= row.lead.created_at
        assert row.created_at < row.starts_at
        assert (row.status == AppointmentStatus.BOOKED) == (row.starts_at >= NOW)
    stages = Counter(Appointment.objects.filter(status="booked").values_list("lead__stage", flat=True))
    assert set(stages) == {LeadStage.VIEWING_BOOKED}
    viewed = Lead.objects.filter(stage__in=["viewed", "applied", "leased"])
    assert viewed.count() == viewed.filter(appointments__status="completed").distinct().count()


def test_nothing_that_has_happened_lies_in_the_future(demo):
    assert not Lead.objects.filter(created_at__gt=NOW).exists()
    assert not Call.objects.filter(ended_at__gt=NOW).exists()
    assert not TimelineEntry.objects.filter(at__gt=NOW).exists()
    assert not Note.objects.filter(created_at__gt=NOW).exists()
    assert Task.objects.filter(due_at__gt=NOW, done_at=None).exists()
    assert Task.objects.filter(due_at__lt=NOW, done_at=None).exists()


def test_every_assistant_of_a_home_has_its_home_to_let(demo):
    for persona in PERSONAS:
        assistant = Assistant.objects.select_related("listing", "team").get(vapi_id=persona.vapi_id)
        assert (assistant.listing is not None) == bool(persona.address)
        assert assistant.listing is None or assistant.listing.status == "available"
        assert (assistant.team.name if assistant.team else "") == persona.team


def test_calls_have_substance(demo):
    spoken = Call.objects.exclude(transcript=[])
    assert spoken.count() >= 80
    for call in spoken:
        length = (call.ended_at - call.started_at).total_seconds()
        assert sum(call.phase_seconds.values()) == pytest.approx(length, abs=0.1)
        assert call.summary
        assert call.cost > 0
        assert [line["role"] for line in call.transcript][:2] == ["assistant", "user"]
    assert set(Call.objects.values_list("phase", flat=True)) == {Phase.ENDED}
    assert Appointment.objects.filter(call_id__in=spoken.values("id")).count() >= 30
    assert ToolCall.objects.count() >= 150
    assert len(set(Call.objects.values_list("ended_class", flat=True))) >= 4


def test_a_real_row_that_looks_like_a_demo_row_stays_and_is_not_doubled():
    lead = Lead.objects.create(full_name="Real Person", phone="+13125550107")
    listing = Listing.objects.create(address="1452 N Milwaukee Ave", unit="3B", rent=1, bedrooms=1)
    team = Team.objects.create(name="Downtown")
    before = row_counts()

    load_demo(NOW)
    remove_demo()

    assert row_counts() == before
    assert Lead.objects.get() == lead
    assert Listing.objects.get() == listing
    assert Team.objects.get() == team


def simulated_call(lead: Lead, vapi_id: str = "simulated-1", **fields) -> Call:
    call = Call.objects.create(
        id=call_pk(vapi_id), vapi_id=vapi_id, assistant_vapi_id=PERSONAS[0].vapi_id, lead=lead, **fields
    )
    WebhookEvent.objects.create(call=call, fingerprint=call.id, type="transcript", at=NOW, body=b"{}")
    ToolCall.objects.create(call=call, tool_call_id="1", fingerprint=call.id, name="save_lead")
    TimelineEntry.objects.create(lead=lead, kind="call", text="Called.", call_id=call.id)
    Task.objects.create(lead=lead, kind="callback", text="Call", due_at=NOW, call_id=call.id, key=vapi_id)
    return call


def caller(first_call_at: datetime, **fields) -> Lead:
    return Lead.objects.create(phone="+12175550100", created_at=first_call_at + timedelta(seconds=1), **fields)


def test_simulated_calls_go_with_the_leads_and_viewings_they_made(demo):
    at = timezone.now()
    lead = caller(at)
    call = simulated_call(lead, created_at=at)
    agent, listing = Agent.objects.first(), Listing.objects.first()
    Appointment.objects.create(
        lead=lead, listing=listing, agent=agent, starts_at=NOW + timedelta(days=30), ends_at=NOW + timedelta(days=31),
        idempotency_key="x", call_id=call.id,
    )  # fmt: skip

    remove_demo()

    assert not any(row_counts()[label] for label in ("crm.Lead", "crm.Appointment", "crm.Task", "calls.WebhookEvent"))
    assert not any(row_counts()[label] for label in ("calls.Call", "calls.ToolCall", "crm.TimelineEntry"))


def test_a_lead_that_a_simulated_call_only_wrote_about_goes_too(demo):
    at = timezone.now()
    call = simulated_call(caller(at), created_at=at)
    nameless = Lead.objects.create(full_name="Caller without a number", created_at=at + timedelta(seconds=1))
    TimelineEntry.objects.create(lead=nameless, kind="viewing", text="Viewing booked.", call_id=call.id)

    remove_demo()

    assert not Lead.objects.exists()


def test_a_lead_stays_on_which_something_real_hangs(demo):
    at = timezone.now()
    staff = Agent.objects.create_user("real@agency.example", full_name="Real")
    noted = caller(at)
    Note.objects.create(lead=noted, agent=staff, text="I know her.")
    simulated_call(noted, created_at=at)
    before_all_calls = Lead.objects.create(phone="+12175550101", created_at=at - timedelta(days=1))
    simulated_call(before_all_calls, "simulated-2", created_at=at)
    real_caller = Lead.objects.create(phone="+12175550102", created_at=at + timedelta(seconds=1))
    simulated_call(real_caller, "simulated-3", created_at=at)
    real_call = Call.objects.create(id=call_pk("real"), vapi_id="real", assistant_vapi_id="theirs", lead=real_caller)

    remove_demo()

    assert set(Lead.objects.all()) == {noted, before_all_calls, real_caller}
    assert list(Call.objects.all()) == [real_call]
    assert not TimelineEntry.objects.exists()
    assert list(Agent.objects.all()) == [staff]


def test_old_simulated_calls_are_tidied_away_and_the_agency_stays(demo):
    before = row_counts()
    at = timezone.now() - timedelta(hours=9)
    lead = caller(at)
    simulated_call(lead, created_at=at, ended_at=at + timedelta(minutes=3))
    recent = Lead.objects.create(phone="+12175550105")
    simulated_call(recent, "simulated-2", ended_at=timezone.now())

    remove_simulated(before=timezone.now() - timedelta(hours=6))

    assert list(Lead.objects.filter(is_demo=False)) == [recent]
    after = row_counts()
    assert after["calls.Call"] == before["calls.Call"] + 1
    assert after["crm.Appointment"] == before["crm.Appointment"]
