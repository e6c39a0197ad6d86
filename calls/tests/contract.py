"""Requests and answers held against Vapi's published description of its REST API.

The description is `contracts/vapi-rest.openapi.json` (MIT, licence beside it). A schema does not refuse property names
it has never heard of, the service does: names are checked here by key sets.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from calls.vapi_sandbox import Answer, Exchange, Request

DESCRIPTION = Path(__file__).parent / "contracts" / "vapi-rest.openapi.json"
JSON = "application/json"
_ERROR = {
    "type": "object",
    "required": ["message", "statusCode"],
    "properties": {"message": {}, "error": {"type": "string"}, "statusCode": {"type": "integer"}},
}


@cache
def description() -> dict[str, Any]:
    """Return the description in JSON Schema's terms."""
    return _repaired(json.loads(DESCRIPTION.read_text(encoding="utf-8")))


def _repaired(node: Any) -> Any:
    """Turn `nullable` into a type, and drop the enum of an array, which belongs to its items and is there too."""
    if isinstance(node, list):
        return [_repaired(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: _repaired(value) for name, value in node.items()}
    if node.get("type") == "array":
        node.pop("enum", None)
    if node.pop("nullable", False) is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
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
    validator = Draft7Validator({"allOf": [schema], "components": description()["components"]})
    wrong = [f"{'/'.join(map(str, error.absolute_path))}: {_short(error)}" for error in validator.iter_errors(value)]
    return wrong + _unknown_names(value, schema, "")


def _short(error: Any) -> str:
    inner = [f"{'/'.join(map(str, e.absolute_path))} {e.message[:120]}" for e in error.context or ()]
    return "; ".join([error.message[:200], *inner])[:800]


def _properties(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the properties an object may have by all the roads a schema can take, None for any."""
    schema = _resolve(schema)
    parts = [part for name in ("allOf", "oneOf", "anyOf") for part in schema.get(name, [])]
    if not parts and "properties" not in schema:
        return None
    found = dict(schema.get("properties", {}))
    for part in parts:
        more = _properties(part)
        if more is None:
            return None
        for name, inner in more.items():
            # Of one name on several roads any will do: the schema itself decides.
            found[name] = {"anyOf": [found[name], inner]} if name in found and found[name] != inner else inner
    return found


def _items(schema: dict[str, Any]) -> dict[str, Any]:
    schema = _resolve(schema)
    parts = [part for name in ("allOf", "oneOf", "anyOf") for part in schema.get(name, [])]
    return schema.get("items") or next((found for part in parts if (found := _items(part))), {})


def _unknown_names(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    if isinstance(value, list):
        items = _items(schema)
        return [wrong for n, item in enumerate(value) for wrong in _unknown_names(item, items, f"{path}/{n}")]
    known = _properties(schema) if isinstance(value, dict) else None
    if known is None:
        return []
    wrong = [f"{path}/{name}: no such property" for name in value if name not in known]
    return wrong + [
        w for name in value if name in known for w in _unknown_names(value[name], known[name], f"{path}/{name}")
    ]


def operation_of(request: Request) -> dict[str, Any] | None:
    """Return the described operation of a request."""
    for template, operations in description()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), request.path):
            return operations.get(request.method.lower())
    return None


def check_request(request: Request) -> list[str]:
    """Return what is wrong with a request: path, query, body, key."""
    operation = operation_of(request)
    if operation is None:
        return ["not described"]
    wrong = [] if request.headers.get("authorization", "").startswith("Bearer ") else ["no bearer key"]
    described = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
    wrong += [f"?{name}: not described" for name in request.query if name not in described]
    body = operation.get("requestBody")
    if body is None:
        return [*wrong, "a body where none is described"] if request.body else wrong
    if not request.headers.get("content-type", "").startswith(JSON):
        wrong.append("Content-Type is not application/json")
    return wrong + check_schema(json.loads(request.body or b"null"), body["content"][JSON]["schema"])


def check_answer(request: Request, answer: Answer) -> list[str]:
    """Return what is wrong with an answer. Refusals are not described; they have the shape all of Vapi's have."""
    operation = operation_of(request)
    if operation is None or answer.text is not None:
        return []
    if answer.status >= 400:
        return check_schema(answer.payload, _ERROR)
    described = operation["responses"].get(str(answer.status))
    if described is None:
        return [f"status {answer.status} is not described"]
    return check_schema(answer.payload, described["content"][JSON]["schema"])


class Recorder:
    """Watches a stand-in and keeps what broke the contract."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.checked = 0

    def __call__(self, exchange: Exchange) -> None:
        self.checked += 1
        request, answer = exchange.request, exchange.answer
        wrong = check_request(request)
        if answer is not None:
            wrong += [f"answer {answer.status}: {each}" for each in check_answer(request, answer)]
        self.violations += [f"{request.method} {request.path}: {each}" for each in wrong]

    def forgive(self) -> list[str]:
        """Return the violations so far and forget them: for tests that break the contract on purpose."""
        found, self.violations = self.violations, []
        return found
