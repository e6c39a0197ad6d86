from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.phases import EXPIRED, LLM_FALLBACK, Event, Fold, fold

START = datetime(2027, 3, 1, 15, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def event(kind: str, seconds: float, **fields: Any) -> Event:
    return Event(kind, at(seconds), fields.pop("received_at", at(seconds)), **fields)


def status(word: str, seconds: float) -> Event:
    return event("status-update", seconds, detail=word)


def speech(role: str, word: str, seconds: float, turn: int | None = None) -> Event:
    return event("speech-update", seconds, role=role, detail=word, turn=turn)


def partial(role: str, text: str, seconds: float) -> Event:
    return event("transcript", seconds, role=role, detail="partial", text=text)


def final(role: str, text: str, seconds: float) -> Event:
    return event("transcript", seconds, role=role, detail="final", text=text)


def interruption(seconds: float) -> Event:
    return event("user-interrupted", seconds)


TROUBLE = "I'm having trouble processing that. Could you rephrase?"


def folded(*events: Event, until: float = 1000.0) -> Fold:
    return fold(events, at(until))


def said(result: Fold) -> list[tuple[str, str, bool]]:
    return [(line["role"], line["text"], line["interrupted"]) for line in result.transcript]


def codes(result: Fold) -> list[str]:
    return [alert["code"] for alert in result.alerts]


CONVERSATION = [
    status("ringing", 0),
    status("in-progress", 2),
    speech("assistant", "started", 3, 0),
    partial("assistant", "Hello", 3.2),
    partial("assistant", "Hello this is", 3.6),
    final("assistant", "Hello, this is Pete.", 5),
    speech("assistant", "stopped", 5.5, 0),
    speech("user", "started", 7),
    partial("user", "I need", 7.5),
    final("user", "I need a flat.", 9),
    speech("assistant", "started", 9.5, 1),
    # The caller's stop is told after the assistant's start.
    speech("user", "stopped", 9.6),
    partial("assistant", "Great, what is", 10),
    interruption(11),
    speech("assistant", "stopped", 11.1, 1),
    final("user", "Two bedrooms.", 13),
    speech("assistant", "started", 14, 2),
    final("assistant", "Noted.", 15),
    speech("assistant", "stopped", 16, 2),
    status("ended", 20),
    event("end-of-call-report", 21, detail="customer-ended-call"),
]


def test_a_conversation_goes_through_the_phases_and_the_time_in_each_is_counted():
    result = folded(*CONVERSATION)

    assert (result.phase, result.status, result.ended_at) == ("ENDED", "ended", at(20))
    assert result.phase_seconds == {
        "INITIALIZING": 2.0,
        "LISTENING": 1.0 + 3.5 + 2.0 + 4.0,
        "THINKING": 0.5 + 1.0,
        "RESPONDING": 2.5 + 1.5 + 2.0,
        "INTERRUPTED": 0.0,
    }
    assert (result.invalid_transitions, result.interruptions, result.alerts) == (0, 1, [])
    assert result.connected_at == at(2)


def test_partials_become_one_line_and_an_interrupted_one_keeps_its_last_partial():
    assert said(folded(*CONVERSATION)) == [
        ("assistant", "Hello, this is Pete.", False),
        ("user", "I need a flat.", False),
        ("assistant", "Great, what is", True),
        ("user", "Two bedrooms.", False),
        ("assistant", "Noted.", False),
    ]


# Events of one instant, too: then only what they are can order them.
moments = st.integers(min_value=0, max_value=12).map(float)
roles = st.sampled_from(["user", "assistant"])
texts = st.sampled_from(["", "Hello", "Hello there", "Hello there, I", "Wait", "Two bedrooms"])
any_event = st.one_of(
    st.builds(status, st.sampled_from(["queued", "ringing", "in-progress", "forwarding", "ended", "odd"]), moments),
    st.builds(speech, roles, st.sampled_from(["started", "stopped"]), moments, st.none() | st.integers(0, 3)),
    st.builds(partial, roles, texts, moments),
    st.builds(final, roles, texts, moments),
    st.builds(interruption, moments),
    st.builds(lambda s: event(LLM_FALLBACK, s), moments),
    st.builds(lambda s: final("assistant", TROUBLE, s), moments),
    st.builds(event, st.sampled_from(["hang", "tool-calls", "conversation-update", "unheard-of"]), moments),
    st.builds(lambda s: event("assistant.speechStarted", s, text="Hello", turn=1), moments),
    st.builds(lambda s: event("end-of-call-report", s, detail="silence-timed-out"), moments),
)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(any_event, max_size=25))
def test_any_order_and_any_repetition_of_events_comes_to_the_same(data, events):
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=10) if events else st.just([]))
    shuffled = data.draw(st.permutations(repeated))

    assert folded(*shuffled) == folded(*events)


@settings(max_examples=50, deadline=None)
@given(st.permutations(CONVERSATION))
def test_a_whole_call_delivered_in_any_order_comes_to_the_same(shuffled):
    assert folded(*shuffled) == folded(*CONVERSATION)


@settings(max_examples=200, deadline=None)
@given(st.lists(any_event, min_size=1, max_size=25))
def test_the_seconds_of_all_phases_are_the_time_from_the_first_event_to_the_end(events):
    result = folded(*events)
    end = result.ended_at or result.phase_since
    first = min(one.at for one in events)

    assert sum(result.phase_seconds.values()) == pytest.approx((end - first).total_seconds())


@pytest.mark.parametrize(
    ("events", "phase", "invalid"),
    [
        ([], "INITIALIZING", 0),
        ([status("ringing", 0)], "INITIALIZING", 0),
        ([status("in-progress", 0)], "LISTENING", 0),
        ([status("in-progress", 0), final("user", "Hi", 1)], "THINKING", 0),
        ([status("in-progress", 0), final("user", "  ", 1)], "LISTENING", 0),
        ([status("in-progress", 0), partial("user", "Hi", 1)], "LISTENING", 0),
        ([status("in-progress", 0), final("assistant", "Hi", 1)], "LISTENING", 0),
        ([status("in-progress", 0), speech("user", "started", 1)], "LISTENING", 0),
        ([status("in-progress", 0), speech("assistant", "started", 1)], "RESPONDING", 0),
        # The message that says so was lost, but nobody speaks on a line that is not connected.
        ([final("user", "Hi", 1)], "THINKING", 0),
        ([status("in-progress", 0), final("user", "Hi", 1), status("in-progress", 2)], "THINKING", 0),
        ([status("in-progress", 0), interruption(1)], "LISTENING", 1),
        # Somebody says "mm-hm" while the assistant speaks.
        ([status("in-progress", 0), speech("assistant", "started", 1), final("user", "Mm-hm", 2)], "RESPONDING", 1),
        ([status("in-progress", 0), speech("assistant", "started", 1), interruption(2)], "LISTENING", 0),
        ([status("in-progress", 0), final("user", "Hi", 1), speech("assistant", "stopped", 2)], "LISTENING", 0),
        ([status("in-progress", 0), status("forwarding", 1)], "LISTENING", 0),
        ([status("ended", 0), status("in-progress", 1), final("user", "Hi", 2)], "ENDED", 0),
        ([event("end-of-call-report", 0), speech("assistant", "started", 1)], "ENDED", 0),
    ],
)
def test_phase_after(events, phase, invalid):
    result = folded(*events, until=3)

    assert (result.phase, result.invalid_transitions) == (phase, invalid)


def test_ended_is_for_ever_and_the_report_may_come_first():
    result = folded(event("end-of-call-report", 5), status("ended", 6), status("in-progress", 7))

    assert (result.phase, result.status, result.ended_at) == ("ENDED", "ended", at(5))


def test_words_that_come_after_the_end_are_still_in_the_transcript():
    result = folded(status("in-progress", 0), status("ended", 5), final("user", "Bye.", 6))

    assert (result.phase, said(result)) == ("ENDED", [("user", "Bye.", False)])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([final("user", "Hi", 1), speech("assistant", "started", 6)], []),
        ([final("user", "Hi", 1), speech("assistant", "started", 6.5)], [("thinking_slow", 6)]),
        ([speech("assistant", "started", 1), speech("assistant", "stopped", 16)], []),
        ([speech("assistant", "started", 1), speech("assistant", "stopped", 17)], [("responding_long", 16)]),
        ([event("hang", 3)], [("silence", 3)]),
        ([event("end-of-call-report", 9, detail="silence-timed-out")], [("silence", 9)]),
        ([status("ended", 60)], [("silence", 20)]),
        ([partial("user", "Well", 15), partial("user", "Well I", 30), status("ended", 45)], []),
        # Whoever is speaking is not silent, also where no transcripts are sent.
        ([speech("user", "started", 5), status("ended", 60)], []),
        ([event(LLM_FALLBACK, 4)], [("llm_fallback", 4)]),
        ([final("assistant", "I’m having trouble processing that. Could you rephrase?", 4)], [("llm_fallback", 4)]),
        # The proxy and Vapi tell of the same sentence, whichever clock is ahead.
        ([event(LLM_FALLBACK, 4), final("assistant", TROUBLE, 7)], [("llm_fallback", 4)]),
        ([final("assistant", TROUBLE, 4), event(LLM_FALLBACK, 5)], [("llm_fallback", 4)]),
        # Two sentences are two, told by one or by both.
        ([event(LLM_FALLBACK, 4), event(LLM_FALLBACK, 6)], [("llm_fallback", 4), ("llm_fallback", 6)]),
        (
            [event(LLM_FALLBACK, 4), event(LLM_FALLBACK, 6), final("assistant", TROUBLE, 7)],
            [("llm_fallback", 4), ("llm_fallback", 6)],
        ),
        (
            [
                event(LLM_FALLBACK, 4),
                final("assistant", TROUBLE, 5),
                event(LLM_FALLBACK, 8),
                final("assistant", TROUBLE, 9),
            ],
            [("llm_fallback", 4), ("llm_fallback", 8)],
        ),
    ],
)
def test_alerts(events, expected):
    result = folded(status("in-progress", 0), *events, until=17)

    assert result.alerts == [{"code": code, "at": at(seconds).isoformat()} for code, seconds in expected]


def interrupted_times(count: int) -> Fold:
    begun = [speech("assistant", "started", 2 * n + 1) for n in range(count)]
    cut = [interruption(2 * n + 2) for n in range(count)]
    return folded(status("in-progress", 0), *begun, *cut, until=2 * count + 1)


def test_more_than_five_interruptions_are_one_alert():
    assert (codes(interrupted_times(5)), codes(interrupted_times(6)), codes(interrupted_times(9))) == (
        [],
        ["interruptions"],
        ["interruptions"],
    )


def test_a_live_call_is_watched_up_to_now():
    waiting = [status("in-progress", 0), final("user", "Hi", 1)]

    assert codes(folded(*waiting, until=5)) == []
    assert folded(*waiting, until=5).next_alert_at == at(6)
    assert codes(folded(*waiting, until=7)) == ["thinking_slow"]
    assert folded(*waiting, until=7).next_alert_at is None
    assert folded(*waiting, until=7).phase_since == at(1)


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        # What was really said is told after the interruption.
        (
            [partial("assistant", "We have three", 2), interruption(3), final("assistant", "We have", 3.5)],
            [("assistant", "We have", True)],
        ),
        # A late partial of the line that was interrupted.
        (
            [partial("assistant", "We have", 2), interruption(3), partial("assistant", "We have three", 3.1)],
            [("assistant", "We have three", True)],
        ),
        # The next answer is another line, also when it has only a final.
        (
            [
                partial("assistant", "We have three", 2),
                interruption(3),
                final("user", "The price?", 4),
                speech("assistant", "started", 5),
                final("assistant", "It is 900.", 6),
            ],
            [("assistant", "We have three", True), ("user", "The price?", False), ("assistant", "It is 900.", False)],
        ),
        # A sentence that is complete, but the caller cut in while it was spoken.
        (
            [final("assistant", "We have three flats.", 2), interruption(3)],
            [("assistant", "We have three flats.", True)],
        ),
        # "Mm-hm" in between does not split the assistant's line.
        (
            [partial("assistant", "The flat", 2), final("user", "Mm-hm.", 3), partial("assistant", "The flat has", 4)],
            [("assistant", "The flat has", False), ("user", "Mm-hm.", False)],
        ),
        # Its final was lost: the next turn does not overwrite it.
        (
            [partial("assistant", "The flat has", 2), final("user", "Yes?", 3), partial("assistant", "Two beds", 4)],
            [("assistant", "The flat has", False), ("user", "Yes?", False), ("assistant", "Two beds", False)],
        ),
        ([partial("user", "uh", 2), final("user", "", 3)], []),
        ([partial("user", "I wan", 2), status("ended", 3)], [("user", "I wan", False)]),
    ],
)
def test_lines(events, lines):
    result = folded(status("in-progress", 0), speech("assistant", "started", 1), *events)

    assert said(result) == lines


def test_repeated_speech_of_a_turn_that_has_stopped_does_not_resume_it():
    stopped = [status("in-progress", 0), speech("assistant", "started", 1, 0), speech("assistant", "stopped", 2, 0)]

    assert folded(*stopped, event("assistant.speechStarted", 3, turn=0), until=4).phase == "LISTENING"
    assert folded(*stopped, event("assistant.speechStarted", 3, turn=1), until=4).phase == "RESPONDING"


def test_a_silent_call_that_was_closed_goes_on_when_it_is_heard_of_again():
    begun = [status("in-progress", 0), speech("assistant", "started", 1), speech("assistant", "stopped", 2)]
    expiry = event(EXPIRED, 4000)
    closed = folded(*begun, expiry, until=4001)
    # Its clock may be wrong; that it arrived later is what counts.
    later = event("transcript", 3, role="user", detail="final", text="Hello?", received_at=at(4100))

    assert (closed.phase, closed.status, closed.is_expired) == ("ENDED", "ended", True)
    reopened = folded(*begun, expiry, later, until=4)
    assert (reopened.phase, reopened.status, reopened.is_expired) == ("THINKING", "in-progress", False)
