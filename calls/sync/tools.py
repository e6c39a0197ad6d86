"""The tools of an assistant, in its own list (`model.tools`) or shared (`model.toolIds`), against Pete's functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from calls.sync.compare import (
    MISSING,
    Change,
    Kind,
    Plan,
    Resource,
    compare_messages,
    compare_server,
    list_of,
    object_of,
    text_of,
    without_nulls,
)
from calls.sync.custom_llm import compare_custom_llm
from calls.sync.wanted import Wanted

Tools = Mapping[str, Resource]


def plan_assistant(assistant: Resource, tools: Tools, wanted: Wanted) -> Plan:
    """Return what an assistant needs. `tools` are the shared ones, by id."""
    name, version = text_of(assistant.get("name"), _("Without a name")), text_of(assistant.get("latestVersion"))
    plan = Plan(Kind.ASSISTANT, assistant["id"], name, version=version)
    server = compare_server(assistant.get("server"), wanted, "server", plan)
    if server is not None:
        plan.body["server"] = server
    compare_messages(assistant.get("serverMessages"), wanted, plan)
    model = object_of(assistant.get("model"))
    if model:
        right = compare_custom_llm(model, wanted, plan) | _compare_tools(model, tools, wanted, plan)
        if right:
            plan.body["model"] = without_nulls(model) | right
    else:
        plan.problems.append(_("It has no model. Choose one in Vapi's dashboard; then it can be given tools."))
    return plan


def plan_tool(tool: Resource, wanted: Wanted) -> Plan:
    """Return what a shared tool needs to be Pete's function of its name; nothing when there is no such function."""
    name = name_of(tool) or ""
    plan = Plan(Kind.TOOL, tool["id"], name, version=text_of(tool.get("latestVersion")))
    function = next((function for function in wanted.functions if function["name"] == name), None)
    if function is not None:
        whole = _compare_tool(tool, function, wanted, plan)
        changed = {change.path.split(".")[2] for change in plan.changes}
        plan.body = {field: whole[field] for field in ("async", "function", "server") if field in changed}
    if plan.body:
        plan.body["type"] = "function"
    return plan


def name_of(tool: Any) -> str | None:
    """Return the name of a function tool, None for any other kind."""
    tool = object_of(tool)
    return text_of(object_of(tool.get("function")).get("name")) or None if tool.get("type") == "function" else None


def shared_ids(assistant: Resource) -> list[str]:
    """Return the ids of the shared tools an assistant has, pinned to a version or not."""
    model = object_of(assistant.get("model"))
    refs = [object_of(ref).get("toolId") for ref in list_of(model.get("toolRefs"))]
    return [each for each in [*list_of(model.get("toolIds")), *refs] if isinstance(each, str)]


def _compare_tools(model: Resource, tools: Tools, wanted: Wanted, plan: Plan) -> Resource:
    """Note how the tools differ and return the assistant's own list put right, nothing when it is right."""
    own = without_nulls(list_of(model.get("tools")))
    before = len(plan.changes)
    _note_lost(model, tools, plan)
    shared = {name_of(tools[each]) for each in shared_ids({"model": model}) if each in tools}
    for function in wanted.functions:
        own = _with_function(own, function, function["name"] in shared, wanted, plan)
    return {"tools": own} if len(plan.changes) > before else {}


def _note_lost(model: Resource, tools: Tools, plan: Plan) -> None:
    """Tell of shared tools that are gone, and of those held at an older version."""
    for each in list_of(model.get("toolIds")):
        if each not in tools:
            plan.problems.append(_("It names a tool that is not at Vapi any more: %(id)s.") % {"id": each})
    for ref in map(object_of, list_of(model.get("toolRefs"))):
        tool = object_of(tools.get(text_of(ref.get("toolId"))))
        newest, pinned = text_of(tool.get("latestVersion")), text_of(ref.get("version"))
        if name_of(tool) and newest and pinned != newest:
            known = {"pinned": pinned, "tool": name_of(tool), "newest": newest}
            plan.problems.append(
                _("It is held at %(pinned)s of the tool %(tool)s, whose newest is %(newest)s.") % known
            )


def _with_function(own: list[Any], function: Resource, is_shared: bool, wanted: Wanted, plan: Plan) -> list[Any]:
    """Return the assistant's own tools with this function exactly once, or not at all if a shared tool has it."""
    name = function["name"]
    places = [place for place, tool in enumerate(own) if name_of(tool) == name]
    if not places and not is_shared:
        plan.changes.append(Change(f"tools.{name}", MISSING, written(function)))
        return [*own, {"type": "function", "async": False, "function": function}]
    kept = [] if is_shared else places[:1]
    if len(places) > len(kept):
        plan.changes.append(
            Change(f"tools.{name}.copies", _("%(n)s times") % {"n": len(places) + is_shared}, _("once"))
        )
    if kept:
        own = [*own]
        own[kept[0]] = _compare_tool(own[kept[0]], function, wanted, plan)
    return [tool for place, tool in enumerate(own) if place not in places or place in kept]


def _compare_tool(tool: Resource, function: Resource, wanted: Wanted, plan: Plan) -> Resource:
    """Note how a tool differs from one of Pete's functions and return it put right. What else it says stays."""
    tool = without_nulls(tool)
    given, path = object_of(tool.get("function")), f"tools.{function['name']}"
    if text_of(given.get("description")) != function["description"]:
        change = Change(f"{path}.function.description", text_of(given.get("description")), function["description"])
        plan.changes.append(change)
    if normal(given.get("parameters")) != normal(function["parameters"]):
        schemas = written(given.get("parameters")), written(function["parameters"])
        plan.changes.append(Change(f"{path}.function.parameters", *schemas))
    if tool.get("async"):
        plan.changes.append(Change(f"{path}.async", _("true: the assistant does not wait for the answer"), "false"))
    right = {**tool, "async": False, "function": {**given, **function}}
    if given.get("strict"):
        # It asks for every argument to be required, and most of Pete's may be left out.
        plan.changes.append(Change(f"{path}.function.strict", "true", "false"))
        right["function"]["strict"] = False
    if tool.get("server"):
        # A tool with a server of its own asks there, whatever the assistant's server is.
        server = compare_server(tool["server"], wanted, f"{path}.server", plan)
        right["server"] = server or tool["server"]
    return right


def normal(schema: Any) -> Any:
    """Return a JSON schema as it means: without nulls and empty lists, in a fixed order."""
    if isinstance(schema, list):
        return [normal(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: normal(value) for name, value in schema.items() if value is not None}
    if isinstance(found.get("required"), list):
        found["required"] = sorted(map(str, found["required"]))
    return {name: value for name, value in sorted(found.items()) if name != "required" or value}


def written(value: Any) -> str:
    """Return a schema as lines that can be compared."""
    return json.dumps(normal(value), indent=2, ensure_ascii=False) if value else ""
