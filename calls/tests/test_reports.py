from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from calls.reports import conversation_lines, ended_class, instant, read_report


@pytest.mark.parametrize(
    ("reason", "family"),
    [
        ("customer-ended-call", "customer_ended"),
        ("hangup", "customer_ended"),
        ("call.in-progress.twilio-completed-call", "customer_ended"),
        ("assistant-ended-call", "assistant_ended"),
        ("assistant-said-end-call-phrase", "assistant_ended"),
        ("assistantEndedCall", "assistant_ended"),
        ("silence-timed-out", "silence"),
        ("exceeded-max-duration", "too_long"),
        ("voicemail", "voicemail"),
        ("customer-did-not-answer", "no_answer"),
        ("customer-busy", "no_answer"),
        ("call.ringing.hook-executed-transfer", "no_answer"),
        ("assistant-forwarded-call", "forwarded"),
        ("call.forwarding.operator-busy", "forwarded"),
        ("manually-canceled", "cancelled"),
        ("pipeline-error-openai-llm-failed", "error"),
        ("call.in-progress.error-vapifault-worker-died", "error"),
        ("call.in-progress.error-providerfault-transport", "error"),
        ("call.start.error-fraud-check-failed", "error"),
        ("assistant-request-failed", "error"),
        ("assistant-not-found", "error"),
        ("something-new-next-year", "other"),
        ("", ""),
    ],
)
def test_an_ended_reason_belongs_to_a_family_by_its_prefix(reason, family):
    assert ended_class(reason) == family
    assert ended_class(reason.upper()) == family


def test_a_new_report_carries_everything_under_artifact_and_analysis():
    report = read_report(
        {
            "endedReason": "customer-ended-call",
            "startedAt": "2027-03-01T15:00:00.000Z",
            "endedAt": 1803913320000,
            "costBreakdown": {"total": 0.25},
            "analysis": {"summary": " Wants two beds. ", "structuredData": {"budget": 1800}, "successEvaluation": "8"},
            "artifact": {
                "recording": {"mono": {"combinedUrl": "https://rec.example/m.wav"}},
                "messages": [
                    {"role": "system", "message": "You are Pete."},
                    {"role": "bot", "message": "Hello.", "secondsFromStart": 1.5},
                    {"role": "tool_calls", "toolCalls": []},
                    {"role": "user", "message": "Hi.", "time": 1803913204000},
                ],
                "structuredOutputs": {"u-1": {"name": "Mood", "result": 3}, "u-2": None, "u-3": {"result": "x"}},
            },
            "summary": "older",
            "transcript": "AI: older",
        }
    )

    assert (report.summary, report.cost) == ("Wants two beds.", Decimal("0.25"))
    assert report.recording_url == "https://rec.example/m.wav"
    assert report.structured_data == {"Mood": 3, "u-3": "x", "budget": 1800}
    assert (report.started_at, report.ended_at) == (
        datetime(2027, 3, 1, 15, tzinfo=UTC),
        datetime(2027, 3, 1, 15, 2, tzinfo=UTC),
    )
    assert [(line["role"], line["text"], line["at"]) for line in report.lines] == [
        ("assistant", "Hello.", "2027-03-01T15:00:01.500000+00:00"),
        ("user", "Hi.", "2027-03-01T15:00:04+00:00"),
    ]


@pytest.mark.parametrize("lasted", [{"durationMs": 90_000}, {"durationSeconds": 90.0}, {"durationMinutes": 1.5}])
def test_the_duration_stands_in_for_a_missing_time(lasted):
    begin, end = "2027-03-01T15:00:00Z", "2027-03-01T15:01:30Z"
    span = (datetime(2027, 3, 1, 15, tzinfo=UTC), datetime(2027, 3, 1, 15, 1, 30, tzinfo=UTC))

    for message in ({"startedAt": begin}, {"endedAt": end}, {"startedAt": begin, "endedAt": end}):
        report = read_report({**message, **lasted})
        assert (report.started_at, report.ended_at) == span


@pytest.mark.parametrize("lasted", [None, True, "90", -1, 1e300, float("inf"), float("nan"), [90]])
def test_a_duration_that_is_none_tells_nothing(lasted):
    report = read_report({"startedAt": "2027-03-01T15:00:00Z", "durationSeconds": lasted})

    assert (report.ended_at, report.lasted) == (None, None)


def test_an_old_report_carries_everything_on_the_message():
    report = read_report(
        {
            "endedReason": "assistantEndedCall",
            "cost": 0.15,
            "summary": "Short.",
            "transcript": "AI: How can I help? User: What's the weather: sunny? AI: Yes.",
            "recordingUrl": "https://rec.example/mono.wav",
            "artifact": {},
            "analysis": {},
        }
    )

    assert (report.summary, report.cost, report.recording_url) == (
        "Short.",
        Decimal("0.15"),
        "https://rec.example/mono.wav",
    )
    assert [(line["role"], line["text"]) for line in report.lines] == [
        ("assistant", "How can I help?"),
        ("user", "What's the weather: sunny?"),
        ("assistant", "Yes."),
    ]


@pytest.mark.parametrize(
    ("compliance", "kept"),
    [
        (None, True),
        ({}, True),
        ({"recordingConsent": None}, True),
        ({"recordingConsent": {"type": "verbal", "grantedAt": "2027-03-01T15:00:00Z"}}, True),
        ({"recordingConsent": {"type": "verbal"}}, False),
        ({"recordingConsent": {"type": "stay-on-line", "grantedAt": None}}, False),
    ],
)
def test_there_is_no_recording_without_consent(compliance, kept):
    report = read_report({"compliance": compliance, "recordingUrl": "https://rec.example/mono.wav"})

    assert bool(report.recording_url) is kept
    # Neither when another report has the link.
    other = read_report({"recordingUrl": "https://rec.example/mono.wav"})
    assert bool(report.completed_by(other).recording_url) is kept


def test_a_later_report_only_fills_gaps():
    first = read_report({"endedReason": "hangup", "cost": 0, "analysis": {"summary": "First."}})
    later = read_report(
        {"endedReason": "other", "cost": 9, "analysis": {"summary": "Later.", "structuredData": {"budget": 1}}}
    )

    both = first.completed_by(later)

    assert (both.ended_reason, both.cost, both.summary, both.structured_data) == ("hangup", 0, "First.", {"budget": 1})


@pytest.mark.parametrize(
    "odd", [None, [], "text", 7, True, {"a": []}, [None, 3, {"role": "user", "message": 4}], 1e300]
)
def test_odd_values_anywhere_make_an_empty_report(odd):
    names = (
        "call",
        "artifact",
        "analysis",
        "compliance",
        "cost",
        "costBreakdown",
        "messages",
        "startedAt",
        "endedReason",
    )
    inner: dict[str, Any] = {"recording": odd, "messages": odd, "structuredOutputs": odd, "recordingUrl": odd}

    for message in (dict.fromkeys(names, odd), {"artifact": inner, "analysis": {"summary": odd}}):
        report = read_report(message)
        assert (report.lines, report.recording_url, report.is_consent_refused) == ([], "", False)


@pytest.mark.parametrize("cost", [True, "0.5", float("nan"), float("inf"), None, []])
def test_a_cost_that_is_no_number_is_no_cost(cost):
    assert read_report({"cost": cost}).cost is None


@pytest.mark.parametrize(("cost", "kept"), [(-1, 0), (1e12, 99_999), (0.123456, Decimal("0.1235"))])
def test_a_cost_fits_its_column(cost, kept):
    assert read_report({"cost": cost}).cost == kept


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "rec.example/mono.wav", ""])
def test_a_recording_is_a_web_address(url):
    assert read_report({"recordingUrl": url}).recording_url == ""


@pytest.mark.parametrize(
    "conversation",
    [
        {"messages": [{"role": "bot", "message": "Hello."}], "messagesOpenAIFormatted": []},
        {"messages": [], "messagesOpenAIFormatted": [{"role": "assistant", "content": "Hello."}]},
        {"conversation": [{"role": "system", "content": "You are Pete."}, {"role": "assistant", "content": "Hello."}]},
    ],
)
def test_a_conversation_update_in_every_shape(conversation):
    lines = conversation_lines(conversation)

    assert [(line["role"], line["text"]) for line in lines] == [("assistant", "Hello.")]


@pytest.mark.parametrize("value", ["soon", "", None, True, -5, 1e300, float("nan"), [], "2027-13-01"])
def test_what_is_no_instant(value):
    assert instant(value) is None
