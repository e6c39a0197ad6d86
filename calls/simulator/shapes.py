"""The shapes in which tool calls arrive: every one that has been seen from Vapi, its documents or its users.

Each function takes [(id, name, arguments)] and returns the part of the message that holds the calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

Request = tuple[str, str, dict[str, Any]]
Part = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"context": {"type": "object"}}}


def live(requests: Sequence[Request]) -> Part:
    """What really arrives: three lists, arguments as objects, the tool's own secret beside them."""
    calls = [_nested(i, name, arguments) for i, name, arguments in requests]
    tools = [
        {
            "type": "function",
            "function": {"name": name, "description": "", "parameters": SCHEMA},
            "async": False,
            "server": {"url": "https://pete.example.com/vapi/webhook", "secret": "fictional-tool-secret"},
            "messages": [],
            "toolCall": _nested(i, name, arguments),
        }
        for i, name, arguments in requests
    ]
    return {"type": "tool-calls", "toolCalls": calls, "toolCallList": calls, "toolWithToolCallList": tools}


def string_arguments(requests: Sequence[Request]) -> Part:
    return _list([_nested(i, name, json.dumps(arguments)) for i, name, arguments in requests])


def pretty_arguments(requests: Sequence[Request]) -> Part:
    return _list([_nested(i, name, json.dumps(arguments, indent=2)) for i, name, arguments in requests])


def flat_parameters(requests: Sequence[Request]) -> Part:
    return _list([{"id": i, "name": name, "parameters": arguments} for i, name, arguments in requests])


def flat_arguments(requests: Sequence[Request]) -> Part:
    return _list([{"id": i, "name": name, "arguments": arguments} for i, name, arguments in requests])


def flat_string_arguments(requests: Sequence[Request]) -> Part:
    return _list([{"id": i, "name": name, "arguments": json.dumps(arguments)} for i, name, arguments in requests])


def both_names(requests: Sequence[Request]) -> Part:
    return _list(
        [{"id": i, "name": name, "function": {"name": name, "arguments": arguments}} for i, name, arguments in requests]
    )


def tool_calls_only(requests: Sequence[Request]) -> Part:
    return {"type": "tool-calls", "toolCalls": [_nested(i, name, arguments) for i, name, arguments in requests]}


def with_tool_parameters(requests: Sequence[Request]) -> Part:
    return _with_tool(
        [{"name": name, "toolCall": {"id": i, "parameters": arguments}} for i, name, arguments in requests]
    )


def with_tool_function_name(requests: Sequence[Request]) -> Part:
    return _with_tool(
        [
            {"function": {"name": name, "parameters": SCHEMA}, "toolCall": {"id": i, "parameters": arguments}}
            for i, name, arguments in requests
        ]
    )


def with_tool_nested_parameters(requests: Sequence[Request]) -> Part:
    return _with_tool(
        [
            {"toolCall": {"id": i, "function": {"name": name, "parameters": arguments}}}
            for i, name, arguments in requests
        ]
    )


def with_tool_name_inside(requests: Sequence[Request]) -> Part:
    return _with_tool(
        [{"tool": {"name": name}, "toolCall": {"id": i, "arguments": arguments}} for i, name, arguments in requests]
    )


def underscore_type(requests: Sequence[Request]) -> Part:
    return live(requests) | {"type": "tool_calls"}


def missing_type(requests: Sequence[Request]) -> Part:
    return {"toolCallList": [_nested(i, name, arguments) for i, name, arguments in requests]}


def legacy(requests: Sequence[Request]) -> Part:
    """The single function call of old assistants."""
    tool_call_id, name, arguments = requests[0]
    call = {"id": tool_call_id, "name": name, "parameters": arguments}
    return {"type": "function-call", "functionCall": call}


SHAPES: list[Callable[[Sequence[Request]], Part]] = [
    live,
    string_arguments,
    live,
    flat_parameters,
    live,
    flat_arguments,
    pretty_arguments,
    live,
    with_tool_parameters,
    both_names,
    live,
    tool_calls_only,
    with_tool_function_name,
    flat_string_arguments,
    live,
    with_tool_nested_parameters,
    with_tool_name_inside,
    underscore_type,
    missing_type,
]
# Old assistants ask for one function at a time, and read {"result": …}.
SHAPES_OF_ONE = [*SHAPES, legacy]


def _nested(tool_call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"id": tool_call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _list(calls: list[dict[str, Any]]) -> Part:
    return {"type": "tool-calls", "toolCallList": calls}


def _with_tool(tools: list[dict[str, Any]]) -> Part:
    return {"type": "tool-calls", "toolWithToolCallList": tools}
