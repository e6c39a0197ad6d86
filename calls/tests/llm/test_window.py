"""The window: bounded, never torn, and always something a model server takes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.llm.window import take_window
from calls.tests.llm.client import assistant, call_of, result_of, user

SYSTEM = {"role": "system", "content": "Vapi's copy"}


def window(messages: list[Any], most: int = 10, **limits: int) -> Any:
    return take_window([msgspec.Raw(json.dumps(m).encode()) for m in messages], most_messages=most, **limits)


def test_the_newest_turns_stay_and_a_line_tells_of_the_others():
    talk = [SYSTEM, *(message for n in range(30) for message in (user(f"question {n}"), assistant(f"answer {n}")))]

    seen = window(talk, 4)

    assert seen.messages == talk[-4:]
    assert seen.summary.startswith("56 earlier messages of this call are left out.")
    assert '"question 22"; "question 23"; "question 24"; "question 25"; "question 26"; "question 27"' in seen.summary
    assert "\n" not in seen.summary


def test_a_conversation_that_fits_has_no_summary():
    assert window([SYSTEM, user("Hi")]).summary == ""
    assert window([]).messages == []
    assert window([SYSTEM]).messages == []


def test_a_tool_call_stays_with_its_results():
    turn = [assistant(None, call_of("a", "1"), call_of("b", "2")), result_of("1", "one"), result_of("2", "two")]
    talk = [user("before"), *turn, assistant("Done."), user("Thanks")]

    assert [m["role"] for m in window(talk, 5).messages] == ["assistant", "tool", "tool", "assistant", "user"]
    # With four places there is none for the three that belong together.
    assert [m["role"] for m in window(talk, 4).messages] == ["assistant", "user"]


@pytest.mark.parametrize(
    ("talk", "wanted"),
    [
        # A result without its call, and a call without its result.
        ([user("a"), result_of("9", "x"), user("b")], [user("a"), user("b")]),
        ([user("a"), assistant(None, call_of("f", "1")), user("b")], [user("a"), user("b")]),
        ([user("a"), assistant("Wait.", call_of("f", "1"))], [user("a"), assistant("Wait.")]),
        # Only what was answered stays.
        (
            [assistant(None, call_of("f", "1"), call_of("g", "2")), result_of("2", "x")],
            [assistant("", call_of("g", "2")), result_of("2", "x")],
        ),
        # Results in another order, twice.
        (
            [
                assistant("", call_of("f", "1"), call_of("g", "2")),
                result_of("2", "y"),
                result_of("1", "x"),
                result_of("1", "z"),
            ],
            [assistant("", call_of("f", "1"), call_of("g", "2")), result_of("1", "z"), result_of("2", "y")],
        ),
        # Other names of roles, and none.
        ([{"role": "bot", "content": "Hi"}, {"role": "Customer", "content": "a"}], [assistant("Hi"), user("a")]),
        ([{"role": 7, "content": "a"}, {"content": "b"}], [user("a"), user("b")]),
        ([user("a"), {"role": "developer", "content": "b"}], [user("a"), {"role": "system", "content": "b"}]),
        # Content in parts, none, or of another kind.
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, "b"]}], [user("ab")]),
        (
            [user("a"), {"role": "user", "content": None}, {"role": "user"}, {"role": "user", "content": []}],
            [user("a")],
        ),
        ([{"role": "user", "content": 5}, {"role": "user", "content": {"text": "b"}}], [user("5"), user("b")]),
        ([user("a"), None, 3, "text", [], {}], [user("a")]),
        ([user("a\x00b \ud800")], [user("ab \ufffd")]),
        # Arguments as an object; a call without a name.
        (
            [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"x": 1}}}, {}, None],
                },
                result_of("1", "y"),
            ],
            [assistant("", call_of("f", "1", '{"x":1}')), result_of("1", "y")],
        ),
    ],
)
def test_what_models_refuse_is_put_right(talk, wanted):
    assert window(talk).messages == wanted


def test_size_counts_too_but_the_last_turn_always_stays():
    talk = [user("x" * 500), user("y" * 500), user("z" * 500)]

    assert [m["content"][0] for m in window(talk, most_characters=1200).messages] == ["y", "z"]
    assert [m["content"][0] for m in window(talk, most_characters=100).messages] == ["z"]


def test_one_message_without_end_is_shortened():
    (message,) = window([user("x" * 1_000_000)]).messages

    assert len(message["content"]) == 8_000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["text", "id", "function", "name"]), x),
    max_leaves=6,
)
KEYS = st.sampled_from(["1", "2", "3"])
MESSAGE = st.one_of(
    st.builds(user, st.text(max_size=20)),
    st.builds(
        lambda text, keys: assistant(text, *(call_of("f", key) for key in keys)),
        st.none() | st.text(max_size=5),
        st.lists(KEYS, max_size=3),
    ),
    st.builds(result_of, KEYS, st.text(max_size=5)),
    st.fixed_dictionaries({"role": ANYTHING, "content": ANYTHING, "tool_calls": ANYTHING}),
)


@given(talk=st.lists(MESSAGE, max_size=30), most=st.integers(2, 12))
def test_whatever_comes_the_window_is_bounded_and_whole(talk, most):
    messages = window(talk, most).messages

    waiting: list[str] = []
    for message in messages:
        assert isinstance(message["content"], str)
        if message["role"] == "tool":
            assert waiting.pop(0) == message["tool_call_id"]
        else:
            assert not waiting
            waiting = list(dict.fromkeys(call["id"] for call in message.get("tool_calls", ())))
    assert not waiting
    # One turn alone may be larger than the window: it is not torn.
    turns = sum(message["role"] != "tool" for message in messages)
    assert len(messages) <= most or turns == 1
