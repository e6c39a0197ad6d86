"""The functions the assistant may call, by name, and their definitions for Vapi."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from calls.stages import STAGES
from calls.tools.answers import Answer
from calls.tools.arguments import Parameter, parameters_of, read_arguments
from calls.tools.desk import Desk

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Tool:
    """One function: its name, what the model reads about it, and what it does.

    `writes` tells those that change something and therefore need a call behind them.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Answer]
    writes: bool

    def run(self, desk: Desk, arguments: Mapping[str, Any]) -> Answer:
        """Read the arguments and act. Raises CrmError for a refusal."""
        return self.function(desk, **read_arguments(self.parameters, arguments))

    def schema(self) -> dict[str, Any]:
        """Return name, description and parameters as Vapi, and OpenAI, take them."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": {parameter.name: parameter.schema() for parameter in self.parameters},
                "required": [parameter.name for parameter in self.parameters if parameter.is_required],
            },
        }


registry: dict[str, Tool] = {}


def tool(*, writes: bool) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a function under its own name; its docstring is what the model reads."""

    def register(function: Callable[..., Answer]) -> Callable[..., Answer]:
        description = " ".join((inspect.getdoc(function) or "").split())
        name = function.__name__
        registry[name] = Tool(name, description, parameters_of(function), function, writes)
        return function

    return register


# Answered at the door, without a thread or a query: see calls.webhook.stage_tool.
STAGE_TOOL: dict[str, Any] = {
    "name": "update_system_prompt",
    "description": (
        "Move the conversation to its next stage and hand over what you have learnt. Call it as soon as the aims of "
        "the present stage are met. Stages go QUALIFICATION, BOOKING, CONFIRMATION; you cannot go back."
    ),
    "parameters": {
        "type": "object",
        "properties": {
            "new_state": {"type": "string", "enum": list(STAGES), "description": "The stage to move to."},
            "context": {
                "type": "object",
                "description": (
                    "What the caller has told you: budget (number, dollars a month), timeline, property_type, "
                    "location, selected_time, full_name, email, bedrooms, pets, move_in_on."
                ),
            },
        },
        "required": ["new_state"],
    },
}


def tool_definitions(server_url: str | None = None) -> list[dict[str, Any]]:
    """Return every tool as an assistant's `model.tools` lists it, answered at `server_url`.

    Without one, the assistant's own server answers.
    """
    server = {"server": {"url": server_url, "timeoutSeconds": TIMEOUT_SECONDS}} if server_url else {}
    schemas = [STAGE_TOOL, *(each.schema() for each in registry.values())]
    return [
        {
            "type": "function",
            "async": False,
            "function": schema,
            **server,
        }
        for schema in schemas
    ]
