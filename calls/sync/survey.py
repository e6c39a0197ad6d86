"""Everything at Vapi that speaks for Pete, and how it differs from what Pete needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from calls.client import VapiClient
from calls.models import Assistant
from calls.sync.compare import Plan, Resource, is_ours, object_of, plan_number, text_of
from calls.sync.tools import name_of, plan_assistant, plan_tool, shared_ids
from calls.sync.wanted import Wanted


@dataclass
class Survey:
    """What there is at Vapi, by id, and a plan for each thing that Pete looks after."""

    assistants: dict[str, Resource]
    numbers: dict[str, Resource]
    tools: dict[str, Resource]
    plans: list[Plan] = field(default_factory=list)
    # The assistants and numbers that Pete leaves as they are.
    left_alone: list[Resource] = field(default_factory=list)

    @property
    def drifted(self) -> list[Plan]:
        return [plan for plan in self.plans if plan.changes]

    @property
    def troubled(self) -> list[Plan]:
        return [plan for plan in self.plans if plan.problems]

    def plan(self, vapi_id: str) -> Plan | None:
        return next((plan for plan in self.plans if plan.vapi_id == vapi_id), None)

    def plans_of(self, vapi_id: str) -> list[Plan]:
        """Return the plans that make one assistant right: its own, and those of its shared tools and numbers."""
        related = set(shared_ids(self.assistants.get(vapi_id, {}))) | {vapi_id}
        related |= {key for key, number in self.numbers.items() if text_of(number.get("assistantId")) == vapi_id}
        return [plan for plan in self.plans if plan.vapi_id in related]

    def numbers_of(self, vapi_id: str) -> list[str]:
        """Return the phone numbers that an assistant answers."""
        of = [number for number in self.numbers.values() if text_of(number.get("assistantId")) == vapi_id]
        return [text_of(number.get("number")) for number in of if text_of(number.get("number"))]


def survey(client: VapiClient, wanted: Wanted | None = None) -> Survey:
    """Read what there is and compare it. Raises VapiUnavailable or VapiRefused."""
    found = Survey(
        assistants={row["id"]: row for row in client.assistants()},
        numbers={row["id"]: row for row in client.phone_numbers()},
        tools={row["id"]: row for row in client.tools()},
    )
    compare_all(found, wanted or Wanted.load(), Assistant.objects.all())
    return found


def compare_all(found: Survey, wanted: Wanted, rows: Collection[Assistant]) -> None:
    """Fill in the plans: shared tools first, so that an assistant that is right has right tools."""
    known = {row.vapi_id: row for row in rows}
    ours = {key: one for key, one in found.assistants.items() if key not in known or known[key].is_active}
    mapped = {row.phone_number for row in rows if row.is_active and row.phone_number}
    numbers = {key: one for key, one in found.numbers.items() if is_ours(one, ours, mapped)}
    names = {function["name"] for function in wanted.functions}
    used = {each for assistant in ours.values() for each in shared_ids(assistant)}
    shared = [tool for key, tool in found.tools.items() if key in used and name_of(tool) in names]
    found.plans = [
        *(plan_tool(tool, wanted) for tool in shared),
        *(plan_assistant(assistant, found.tools, wanted) for assistant in _by_name(ours)),
        *(plan_number(number, wanted) for number in numbers.values()),
    ]
    alone = [one for key, one in found.assistants.items() if key not in ours]
    found.left_alone = alone + [one for key, one in found.numbers.items() if key not in numbers]


def _by_name(assistants: Mapping[str, Resource]) -> list[Resource]:
    return sorted(assistants.values(), key=lambda one: (text_of(one.get("name")).casefold(), one["id"]))


def speaks_through(assistant: Resource) -> str:
    """Return what an assistant thinks with, such as "openai gpt-4o"."""
    model = object_of(assistant.get("model"))
    return f"{text_of(model.get('provider'))} {text_of(model.get('model'))}".strip()
