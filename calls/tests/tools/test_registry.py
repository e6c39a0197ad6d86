from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.tests.tools.conftest import NOW, at, caller
from calls.tools import Caller, registry, run_tool, tool_definitions
from calls.tools.arguments import read_arguments
from crm.errors import BadArguments
from crm.models import Appointment, Lead, OutgoingMessage, Task

TOOLS = {
    "update_system_prompt",
    "get_availability",
    "set_appointment",
    "reschedule_appointment",
    "cancel_appointment",
    "get_property_details",
    "search_rentals",
    "send_confirmation_email",
    "save_lead",
    "request_callback",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_every_tool_is_defined_as_vapi_takes_it() -> None:
    definitions = tool_definitions("https://pete.example.com/vapi/webhook")

    assert {each["function"]["name"] for each in definitions} == TOOLS
    for each in definitions:
        function = each["function"]
        assert each["type"] == "function"
        assert each["server"] == {"url": "https://pete.example.com/vapi/webhook", "timeoutSeconds": 20}
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"])
        assert 20 < len(function["description"]) < 1000
        properties = function["parameters"]["properties"]
        assert all(schema["description"] for schema in properties.values())
        assert set(function["parameters"]["required"]) <= set(properties)


def test_the_schema_follows_the_signature() -> None:
    schema = registry["get_availability"].schema()["parameters"]

    assert list(schema["properties"]) == ["user_id", "property_id", "days_ahead", "date", "part_of_day"]
    assert schema["properties"]["days_ahead"]["type"] == "integer"
    assert schema["properties"]["part_of_day"]["enum"] == ["morning", "afternoon", "evening"]
    assert schema["required"] == []


@pytest.mark.parametrize(
    ("given_value", "read"),
    [(7, 7), ("7", 7), (7.0, 7), ("7.0", 7), (" 7 ", 7), (None, None), ("", None), ("null", None), ("None", None)],
)
def test_whole_numbers_are_read_leniently(given_value: object, read: int | None) -> None:
    found = read_arguments(registry["get_availability"].parameters, {"days_ahead": given_value, "other": object()})

    assert found == ({} if read is None else {"days_ahead": read})


@pytest.mark.parametrize("wrong", ["seven", 7.5, True, [], {}, "1e400", float("inf"), float("nan"), 10**400])
def test_what_is_no_whole_number_is_named(wrong: object) -> None:
    with pytest.raises(BadArguments, match="days_ahead should be a whole number"):
        read_arguments(registry["get_availability"].parameters, {"days_ahead": wrong})


@pytest.mark.parametrize("name", ["nope", "", "__class__", "update_system_prompt"])
def test_an_unknown_tool_is_refused(ask, name: str) -> None:
    answer = ask(name)

    assert answer.code == "unknown_tool"
    assert answer.text.startswith("[unknown_tool] ")


def outside_a_call() -> Caller:
    return Caller(UUID(int=0), "", None, None, {}, NOW)


@pytest.mark.parametrize("name", ["get_availability", "get_property_details", "search_rentals"])
def test_tools_that_only_read_answer_without_a_call(home, name: str) -> None:
    assert run_tool(name, {}, outside_a_call()).ok


@pytest.mark.parametrize("name", sorted(name for name, tool in registry.items() if tool.writes))
def test_tools_that_write_need_a_call(home, name: str) -> None:
    arguments = {"start_time": "Thursday at three", "attendee_name": "Jane", "full_name": "Jane"}

    answer = run_tool(name, arguments, outside_a_call())

    assert answer.code == "failed"
    assert not any(model.objects.exists() for model in (Appointment, Lead, OutgoingMessage, Task))


@given(value=JSON)
@pytest.mark.parametrize("name", sorted(registry))
def test_any_json_is_read_or_refused(name: str, value: Any) -> None:
    parameters = registry[name].parameters
    with suppress(BadArguments):
        read = read_arguments(parameters, {each.name: value for each in parameters})
        assert set(read) <= {each.name for each in parameters}


@pytest.mark.parametrize(
    "value", ["x\x00y", "\ud800", "💥" * 300, "' OR 1=1 --", "%", "{{caller}}", "a\nb", [1], {"a": 1}, -1]
)
@pytest.mark.parametrize("name", sorted(registry))
def test_hostile_arguments_get_a_sentence(ask, home, name: str, value: object) -> None:
    arguments = {each.name: value for each in registry[name].parameters}

    answer = ask(name, **arguments)

    assert len(answer.text) <= 900
    assert answer.text.isprintable()
    assert bool(answer.code) == answer.text.startswith(f"[{answer.code}] ")


def test_a_clock_that_is_far_off_is_ignored(ask, home) -> None:
    late = caller("late", now=at(1, 9).replace(year=2019))

    assert ask("set_appointment", who=late, start_time="tomorrow at 3 pm", attendee_name="Jane").ok
    assert Appointment.objects.get().starts_at == at(2, 15)


def test_the_calls_own_clock_says_what_tomorrow_is(ask, home) -> None:
    evening_before = caller("early", now=at(1, 0).replace(day=1) - (at(2, 0) - at(1, 20)))

    assert ask("set_appointment", who=evening_before, start_time="tomorrow at 3 pm", attendee_name="Jane").ok
    assert Appointment.objects.get().starts_at == at(1, 15)
