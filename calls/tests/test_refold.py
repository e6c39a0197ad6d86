from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from calls import refold
from calls.models import Assistant, Call, ToolCall, WebhookEvent
from calls.refold import project_many
from calls.tests.ledger import NUMBER, START, call, conversation, deliver, report, tool_call
from crm.models import AppointmentStatus, Lead, LeadStage, Task, TimelineEntry
from crm.tests import factories

pytestmark = pytest.mark.django_db


def project(row: Call) -> Call:
    project_many([row.pk])
    row.refresh_from_db()
    return row


def columns(row: Call) -> dict[str, object]:
    row.refresh_from_db()
    volatile = {"updated_at", "last_event_at", "phase_since"}
    return {field.attname: getattr(row, field.attname) for field in Call._meta.fields if field.name not in volatile}


def traces() -> list[object]:
    """Everything a call leaves outside its own row."""
    leads = Lead.objects.values_list("phone", "email", "full_name", "budget", "stage")
    entries = TimelineEntry.objects.order_by("pk").values_list("kind", "text", "key")
    return [*leads, *entries, *Task.objects.values_list("kind", "text", "key")]


def test_a_live_call():
    row = call()
    conversation(row)
    tool_call(row, stage="BOOKING", facts={"budget": 1800, "timeline": "June"})

    project(row)

    assert (row.status, row.phase, row.stage) == ("in-progress", "THINKING", "BOOKING")
    assert row.context == {"budget": 1800, "timeline": "June"}
    assert (row.direction, row.customer_number, row.started_at, row.ended_at) == ("inbound", NUMBER, START, None)
    assert [(line["role"], line["text"]) for line in row.transcript] == [
        ("assistant", "Hello."),
        ("user", "A flat, please."),
    ]
    assert row.projected_events == 6
    assert row.lead is not None
    assert (row.lead.phone, row.lead.budget, row.lead.stage) == (NUMBER, Decimal(1800), LeadStage.QUALIFIED)


def test_a_report_alone_tells_how_long_the_call_lasted():
    row = call()
    report(row, durationSeconds=45.5)

    project(row)

    assert (row.started_at, row.ended_at) == (START + timedelta(seconds=14.5), START + timedelta(seconds=60))


def test_the_duration_does_not_move_a_call_whose_start_was_seen():
    row = call()
    conversation(row)
    report(row, durationSeconds=45.5)

    assert project(row).started_at == START


@pytest.mark.parametrize("kind", ["webCall", "vapi.websocketCall"])
def test_a_call_without_a_telephone_is_a_web_call(kind):
    row = call()
    deliver(row, "status-update", 0, number=None, call={"type": kind}, status="in-progress")

    assert project(row).direction == "web"


@pytest.mark.parametrize("said", ["scheduled", "queued", "ringing", "in-progress", "forwarding", "ended", "not-found"])
def test_the_status_is_the_word_of_the_last_update(said):
    row = call()
    deliver(row, "status-update", 0, call={"status": "queued"}, status=said)

    assert project(row).status == said


def test_the_report_adds_what_is_known_at_the_end():
    row = call()
    conversation(row)
    report(
        row,
        analysis={"summary": "Wants two beds.", "structuredData": {"location": "Loop"}},
        artifact={
            "recordingUrl": "https://rec.example/mono.wav",
            "structuredOutputs": {"1": {"name": "mood", "result": 3}},
        },
        cost=0.1234,
        startedAt="2027-03-01T15:00:01Z",
        endedAt="2027-03-01T15:00:58Z",
    )

    project(row)

    assert (row.status, row.phase, row.ended_reason, row.ended_class) == (
        "ended",
        "ENDED",
        "customer-ended-call",
        "customer_ended",
    )
    assert (row.summary, row.recording_url, row.cost) == (
        "Wants two beds.",
        "https://rec.example/mono.wav",
        Decimal("0.1234"),
    )
    assert row.structured_data == {"mood": 3, "location": "Loop"}
    assert (row.started_at, row.ended_at) == (START + timedelta(seconds=1), START + timedelta(seconds=58))
    assert row.lead is not None
    assert row.lead.location == "Loop"
    assert list(row.lead.entries.order_by("pk").values_list("text", flat=True)) == [
        "Call started",
        "Said: location Loop",
        "Wants two beds.",
        "Call ended: customer-ended-call",
    ]
    assert [task.text for task in row.lead.tasks.all()] == ["The caller hung up: get in touch and offer a viewing."]


def test_a_second_report_and_folding_again_change_nothing():
    row = call()
    conversation(row)
    report(row, cost=0.1, analysis={"summary": "First."})
    project(row)
    before, left = columns(row), traces()

    report(row, 65, cost=99, analysis={"summary": "Second."}, endedReason="silence-timed-out")
    refold._cache = refold.Cache()
    project(row)
    project(row)

    assert columns(row) == before | {"projected_events": before["projected_events"] + 1}
    assert traces() == left


def test_any_order_of_arrival_comes_to_the_same_call():
    results = []
    for seed in range(5):
        row = call("same-call")
        conversation(row)
        report(row, analysis={"summary": "Done."})
        deliver(row, "status-update", 59, status="ended", endedReason="customer-ended-call")
        stored = list(WebhookEvent.objects.all())
        WebhookEvent.objects.all().delete()
        random.Random(seed).shuffle(stored)
        for event in stored:
            event.pk = None
            event.save(force_insert=True)
            # As it happens: each delivery is folded when it arrives.
            project(row)
        results.append({key: value for key, value in columns(row).items() if key not in ("created_at", "lead_id")})
        row.delete()

    assert all(result == results[0] for result in results)
    assert (results[0]["phase"], results[0]["status"]) == ("ENDED", "ended")


def test_messages_numbered_before_but_committed_after_are_not_passed_over():
    row = call()
    early = deliver(row, "status-update", 0, status="in-progress")
    number, early_body = early.pk, early.body
    early.delete()
    deliver(row, "transcript", 5, role="user", transcriptType="final", transcript="Hi.")
    project(row)

    WebhookEvent.objects.create(
        pk=number, call=row, fingerprint=early.fingerprint, type=early.type, at=early.at, body=early_body
    )
    project(row)

    assert (row.projected_events, row.started_at) == (2, START)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"null", "transcript"),
        (b'"text"', "status-update"),
        (b"{}", "speech-update"),
        (b'{"message": null}', "end-of-call-report"),
        (b'{"message": {"transcript": 7, "role": [], "turn": {}, "call": "x", "customer": 3}}', "transcript"),
        (b'{"message": {"artifact": [], "analysis": 4, "cost": "much", "startedAt": {}}}', "end-of-call-report"),
        (b'{"message": {"status": {"a": 1}, "endedReason": [1]}}', "status-update"),
        (b'{"message": {"messages": {"a": 1}, "conversation": [null, 4, {"role": 5}]}}', "conversation-update"),
        (b'{"message": {"turn": 1e300}}', "speech-update"),
        (b'{"message": {"status": "' + b"x" * 900 + b'", "endedReason": "' + b"y" * 900 + b'"}}', "status-update"),
        (
            b'{"message": {"call": {"assistantId": "'
            + b"a" * 900
            + b'", "customer": {"number": "'
            + b"1" * 900
            + b'"}}}}',
            "hang",
        ),
        (b"\xff\xfe not JSON", "transcript"),
    ],
)
def test_odd_bodies_are_rows_that_say_nothing(body, kind):
    row = call()
    event = deliver(row, kind, 0)
    WebhookEvent.objects.filter(pk=event.pk).update(body=body)

    project(row)

    assert (row.projected_events, row.transcript, row.summary) == (1, [], "")


def test_a_call_without_a_ledger_keeps_its_columns():
    row = call(summary="Loaded from elsewhere", phase="ENDED", status="ended", projected_events=0)

    project(row)

    assert (row.summary, row.phase) == ("Loaded from elsewhere", "ENDED")


def test_the_transcript_of_a_call_without_transcript_events_comes_from_the_report():
    row = call()
    deliver(row, "status-update", 0, status="in-progress")
    deliver(row, "conversation-update", 5, conversation=[{"role": "assistant", "content": "Hello."}])
    project(row)
    assert [(line["role"], line["text"]) for line in row.transcript] == [("assistant", "Hello.")]

    report(row, artifact={"messages": [{"role": "bot", "message": "Hello."}, {"role": "user", "message": "Hi."}]})
    project(row)
    assert [(line["role"], line["text"]) for line in row.transcript] == [("assistant", "Hello."), ("user", "Hi.")]


def test_the_assistant_is_found_by_its_id_else_by_the_number_that_was_dialled():
    home = factories.listing()
    by_id = Assistant.objects.create(vapi_id="asst-1", name="Ana", listing=home)
    by_number = Assistant.objects.create(vapi_id="asst-2", name="Ben", phone_number="+13125559999")
    first, second = call(), call()
    deliver(first, "status-update", 0, status="in-progress", call={"assistantId": "asst-1"})
    deliver(second, "status-update", 0, status="in-progress", phoneNumber={"number": "(312) 555-9999"})

    assert (project(first).assistant, first.listing) == (by_id, home)
    assert project(second).assistant == by_number


def test_a_returning_caller_is_the_same_lead():
    first, second = call(), call()
    conversation(first, number="+1 (312) 555-0123")
    conversation(second, number="3125550123")

    assert project(first).lead == project(second).lead
    assert Lead.objects.count() == 1


def test_a_caller_without_number_is_known_by_e_mail():
    known = factories.lead(email="Jo@Example.com", phone=None)
    row = call()
    conversation(row, number=None)
    assert project(row).lead is None

    tool_call(row, "save_lead", facts={"email": "jo@example.com", "budget": 900})
    project(row)

    assert row.lead == known
    assert row.lead.budget == Decimal(900)


def test_a_caller_nobody_can_name_leaves_a_lead_and_a_task_when_the_call_ends():
    row = call()
    conversation(row, number=None)
    report(row, number=None, endedReason="pipeline-error-openai-llm-failed")

    project(row)

    assert row.lead is not None
    assert (row.lead.full_name, row.lead.phone, row.ended_class) == ("Unknown caller", None, "error")
    assert [task.text for task in Task.objects.all()] == [
        "The call broke off because of a technical error: no number or address is known; read the transcript."
    ]
    project(row)
    assert (Lead.objects.count(), Task.objects.count()) == (1, 1)


def test_facts_land_once_so_that_staff_have_the_last_word():
    row = call()
    conversation(row)
    tool_call(row, facts={"budget": 1800, "full_name": "Jo"})
    project(row)
    Lead.objects.update(budget=2500, full_name="Joanna Smith")

    deliver(row, "transcript", 20, role="user", transcriptType="final", transcript="Yes.")
    project(row)
    assert Lead.objects.values_list("budget", "full_name").get() == (Decimal(2500), "Joanna Smith")

    tool_call(row, facts={"budget": 1900, "full_name": ""})
    project(row)
    assert Lead.objects.values_list("budget", "full_name").get() == (Decimal(1900), "Joanna Smith")
    assert not ToolCall.objects.filter(landed_at=None).exists()


def test_a_call_that_ended_with_a_viewing_leaves_no_follow_up():
    row = call()
    conversation(row)
    project(row)
    of, starts_at = factories.agent(), timezone.now() + timedelta(days=1)
    factories.appointment(of, factories.listing(of), starts_at, lead=row.lead, call_id=row.pk)
    report(row)

    project(row)

    assert row.phase == "ENDED"
    assert not Task.objects.exists()


def test_a_cancellation_that_is_stored_after_the_end_closes_the_follow_up():
    row = call()
    conversation(row)
    report(row)
    project(row)
    assert Task.objects.filter(done_at=None).count() == 1

    tool_call(row, "cancel_appointment")
    report(row, summary="The caller cancelled.")
    project(row)

    assert not Task.objects.filter(done_at=None).exists()


def test_a_hold_is_not_a_viewing_and_a_promised_callback_is_task_enough():
    held, promised = call(), call()
    for row in (held, promised):
        conversation(row)
        project(row)
        report(row)
    of, soon = factories.agent(), timezone.now() + timedelta(minutes=3)
    factories.hold(of, factories.listing(of), soon, expires_at=soon, lead=held.lead, call_id=held.pk)
    Task.objects.create(
        lead=promised.lead, kind="callback", text="Call back", due_at=soon, call_id=promised.pk, key="k"
    )

    project_many([held.pk, promised.pk])

    assert Task.objects.exclude(key="k").values_list("call_id", flat=True).get() == held.pk


@pytest.mark.parametrize(
    ("reason", "tasks"),
    [
        ("silence-timed-out", 1),
        ("exceeded-max-duration", 1),
        ("voicemail", 1),
        ("assistant-forwarded-call", 0),
        ("", 1),
    ],
)
def test_follow_up_by_the_reason_of_the_end(reason, tasks):
    row = call()
    conversation(row)
    deliver(row, "status-update", 30, status="ended", endedReason=reason)

    project(row)

    assert Task.objects.count() == tasks


def test_the_stage_never_goes_back_and_a_lead_keeps_a_later_one():
    row = call()
    conversation(row)
    Lead.objects.create(phone=NUMBER, stage=LeadStage.APPLIED)
    tool_call(row, stage="CONFIRMATION", facts={"budget": 900, "timeline": "now"}, at=START)
    tool_call(row, stage="BOOKING", at=START + timedelta(seconds=1))

    project(row)

    assert (row.stage, row.lead.stage) == ("CONFIRMATION", LeadStage.APPLIED)


def test_time_in_the_phase_is_counted_on_our_clock_also_when_theirs_is_years_off():
    row = call()
    conversation(row)

    project(row)

    assert abs(timezone.now() - row.phase_since) < timedelta(minutes=1)
    assert row.alerts == []


def test_the_version_grows_even_when_another_machine_s_clock_was_ahead():
    row = call()
    conversation(row)
    Call.objects.filter(pk=row.pk).update(updated_at=timezone.now() + timedelta(hours=1))
    row.refresh_from_db()
    ahead = row.updated_at

    assert project(row).updated_at > ahead


def test_the_board_gets_held_and_booked_viewings():
    row = call()
    conversation(row)
    of, starts_at = factories.agent(), timezone.now() + timedelta(days=1)
    home = factories.listing(of)
    hold = factories.hold(of, home, starts_at, expires_at=timezone.now() + timedelta(minutes=3), call_id=row.pk)

    first = project_many([row.pk])
    hold.status, hold.expires_at = AppointmentStatus.BOOKED, None
    hold.save()
    second = project_many([row.pk])

    held = first.entries[0].shape["held_slot"]
    assert (held["appointment"], held["label"]) == (hold.pk, str(home))
    assert second.entries[0].shape["held_slot"] is None
    assert second.entries[0].shape["booked_viewing"]["appointment"] == hold.pk


def test_many_calls_take_few_queries(django_assert_max_num_queries):
    rows = [call() for _ in range(20)]
    for row in rows:
        conversation(row)
    ids = [row.pk for row in rows]
    project_many(ids)
    for row in rows:
        deliver(row, "transcript", 9, role="user", transcriptType="partial", transcript="And")

    with django_assert_max_num_queries(11):
        project_many(ids)


@pytest.mark.django_db(transaction=True)
def test_processes_folding_the_same_calls_at_once_come_to_one_lead_and_one_line_each():
    rows = [call() for _ in range(6)]
    for row in rows:
        conversation(row)
        report(row, analysis={"summary": "Done."})
    ids = [row.pk for row in rows]

    def work(seed: int) -> None:
        try:
            for _ in range(3):
                project_many(random.Random(seed).sample(ids, 4))
            project_many(ids)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert Lead.objects.count() == 1
    keys = list(TimelineEntry.objects.exclude(key=None).values_list("key", flat=True))
    assert len(keys) == len(set(keys)) == 3 * len(rows)
    assert Task.objects.count() == len(rows)


def test_stragglers_are_calls_whose_ledger_knows_more():
    folded, behind = call(), call()
    conversation(folded)
    project(folded)
    last = deliver(behind, "status-update", 0, status="in-progress")

    assert refold.stragglers(0, 1000) == ([behind.pk], last.pk)
    assert refold.stragglers(last.pk, 1000) == ([], last.pk)
