"""Requests and answers held against Microsoft's published description of Graph.

The description is `contracts/graph-calendar.openapi.yaml` (MIT, notice inside). A schema does not refuse property names
it has never heard of, the service does: names are checked here by key sets.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, FormatChecker

from calendar_sync.sandbox.graph import Exchange
from calendar_sync.sandbox.messages import Request, Response

DESCRIPTION = Path(__file__).parent / "contracts" / "graph-calendar.openapi.yaml"
JSON = "application/json"
# Documented by Microsoft, and missing in the description.
_MORE_QUERY = {
    ("GET", "/me/events"): {"$expand"},
    ("GET", "/me/events/{event-id}"): {"$expand"},
    ("GET", "/me/calendars/{calendar-id}/events"): {"$expand"},
    ("GET", "/me/calendarView"): {"$expand"},
    ("GET", "/me/calendars/{calendar-id}/calendarView"): {"$expand"},
}
_UNDESCRIBED = {"/me/mailboxSettings"}
# The reference pages write both.
_ALIASES = {"innerError": "innererror", "date": "Date"}
_NEVER_SENT = {
    "id",
    "changeKey",
    "@odata.etag",
    "createdDateTime",
    "lastModifiedDateTime",
    "iCalUId",
    "type",
    "webLink",
}


@cache
def description() -> dict[str, Any]:
    """Return the description with every `nullable` turned into what JSON Schema knows."""
    with DESCRIPTION.open() as file:
        loaded = yaml.load(file, Loader=yaml.CSafeLoader)
    return _nullable(loaded)


def _nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: _nullable(value) for name, value in node.items()}
    if node.pop("nullable", False) is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
        if "enum" in node:
            node["enum"] = [*node["enum"], None]
    return node


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = description()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def check_schema(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return what is wrong with a value: against the schema, and names the schema does not have."""
    rooted = {**schema, "components": description()["components"]}
    if "$ref" in schema:
        # Beside a $ref nothing else counts, and the reference needs the components at the root.
        rooted = {"allOf": [schema], "components": description()["components"]}
    validator = Draft7Validator(rooted, format_checker=FormatChecker())
    wrong = [f"{'/'.join(map(str, error.absolute_path))}: {_short(error)}" for error in validator.iter_errors(value)]
    return wrong + _unknown_names(value, schema, "")


def _short(error: Any) -> str:
    inner = [f"{'/'.join(map(str, e.absolute_path))} {e.message}" for e in error.context or ()]
    return "; ".join([error.message[:200], *inner])[:600]


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the properties an object may have, by all the roads a schema can take."""
    schema = _resolve(schema)
    found = dict(schema.get("properties", {}))
    for part in [*schema.get("allOf", []), *schema.get("anyOf", [])]:
        found |= _properties(part)
    return found


def _items(schema: dict[str, Any]) -> dict[str, Any]:
    schema = _resolve(schema)
    parts = [*schema.get("allOf", []), *schema.get("anyOf", [])]
    return schema.get("items") or next((found for part in parts if (found := _items(part))), {})


def _unknown_names(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    if isinstance(value, list):
        items = _items(schema)
        return [wrong for n, item in enumerate(value) for wrong in _unknown_names(item, items, f"{path}/{n}")]
    if not isinstance(value, dict):
        return []
    known, wrong = _properties(schema), []
    for name, inner in value.items():
        known_as = name if name in known else _ALIASES.get(name, name)
        if known_as in known:
            wrong += _unknown_names(inner, known[known_as], f"{path}/{name}")
        elif "@odata." not in name and not path.endswith(("/innerError", "/resourceData")):
            wrong.append(f"{path}/{name}: no such property")
    return wrong


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(description()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path) for path in paths]


def template_of(path: str) -> str | None:
    """Return the described path that fits, such as /me/events/{event-id}."""
    path = path.removeprefix("/v1.0")
    return next((template for pattern, template in _templates() if pattern.match(path)), None)


def operation_of(request: Request) -> dict[str, Any] | None:
    """Return the described operation of a request."""
    template = template_of(request.path)
    return description()["paths"][template].get(request.method.lower()) if template else None


def check_request(request: Request) -> list[str]:
    """Return what is wrong with a request: path, query, body."""
    operation = operation_of(request)
    if operation is None:
        known = request.path.removeprefix("/v1.0") in _UNDESCRIBED
        return [] if known else [f"{request.method} {request.path}: not described"]
    wrong = _check_query(request, operation)
    body = operation.get("requestBody")
    if body is None:
        return [*wrong, "a body where none is described"] if request.body else wrong
    if not request.headers.get("content-type", "").startswith(JSON):
        wrong.append("Content-Type is not application/json")
    sent = json.loads(request.body or b"null")
    wrong += check_schema(sent, body["content"][JSON]["schema"])
    wrong += [f"{name}: the service sets it" for name in sent if name in _NEVER_SENT] if isinstance(sent, dict) else []
    return wrong


def _check_query(request: Request, operation: dict[str, Any]) -> list[str]:
    described = {p["name"]: p for p in map(_resolve, operation.get("parameters", [])) if p["in"] == "query"}
    more = _MORE_QUERY.get((request.method, template_of(request.path) or ""), set())
    # The addresses of following pages are the service's own: "follow as is".
    goes_on = {"$skip", "$skiptoken", "$deltatoken"} & set(request.query)
    wrong = [f"?{name}: not described" for name in request.query if name not in described and name not in more]
    for name, parameter in described.items():
        if parameter.get("required") and name not in request.query and not goes_on:
            wrong.append(f"?{name}: missing")
        schema = parameter["schema"]
        if name in request.query and schema.get("type") == "integer":
            text = request.query[name]
            wrong += [f"?{name}: '{text}' is not a number"] if not text.isdecimal() else []
    return wrong


def check_answer(request: Request, answer: Response) -> list[str]:
    """Return what is wrong with an answer: status, body."""
    operation = operation_of(request)
    if operation is None:
        return []
    responses = operation["responses"]
    described = responses.get(str(answer.status)) or responses.get(f"{answer.status // 100}XX")
    if described is None:
        return [f"status {answer.status} is not described"]
    content = _resolve(described).get("content")
    if content is None:
        return ["a body where none is described"] if answer.content else []
    payload = json.loads(answer.content)
    schema = content[JSON]["schema"]
    return check_schema(payload, schema)


def check_house_rules(request: Request) -> list[str]:
    """Return what is missing of what Pete sends with every call for a mailbox."""
    wrong = [] if request.headers.get("client-request-id") else ["no client-request-id"]
    if request.segments[:1] == ["me"] and len(request.segments) > 1:
        prefers = request.prefers
        wrong += [] if prefers.get("idtype") == "ImmutableId" else ['no Prefer: IdType="ImmutableId"']
        wrong += [] if prefers.get("outlook.timezone") == "UTC" else ['no Prefer: outlook.timezone="UTC"']
    return wrong


class Recorder:
    """Watches a sandbox and keeps what broke the contract. `house_rules` looks at our own habits too."""

    def __init__(self, *, house_rules: bool = True) -> None:
        self.house_rules = house_rules
        self.violations: list[str] = []
        self.checked = 0

    def __call__(self, exchange: Exchange) -> None:
        self.checked += 1
        request, answer = exchange.request, exchange.response
        wrong = check_request(request)
        if self.house_rules:
            wrong += check_house_rules(request)
        # A page of HTML is what no description has; it is sent on purpose.
        if answer is not None and answer.text is None:
            wrong += [f"answer {answer.status}: {w}" for w in check_answer(request, answer)]
        self.violations += [f"{request.method} {request.path}: {w}" for w in wrong]

    def forgive(self) -> list[str]:
        """Return the violations so far and forget them: for tests that break the contract on purpose."""
        found, self.violations = self.violations, []
        return found
