"""The API's own description, OpenAPI 3.1, made by drf-spectacular from the views.

What every operation has in common (repeating a POST, conditional changes, limits, problems) is added here once, so
that no view can forget it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.contrib.django_filters import DjangoFilterExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_parameter_type
from drf_spectacular.utils import OpenApiParameter

from crm.api import examples
from crm.api.idempotency import LONGEST_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROGRAM_PREFIXES = ("/api/v1/", "/calendar/", "/vapi/", "/search/", "/database/")
WRITES = ("post", "put", "patch", "delete")
Schema = dict[str, Any]
INSTANT: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ID: Schema = {"type": "integer", "minimum": 1}


def record(**properties: Schema) -> Schema:
    """Return the schema of an object that has all these properties, and may have more."""
    return {"type": "object", "required": list(properties), "properties": properties}


def maybe(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def several(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def choice(values: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def parameter(name: str, schema: Schema, description: str = "", *, many: bool = False) -> OpenApiParameter:
    """Return a query parameter; `many` may be repeated or written with commas."""
    schema = several(schema) if many else schema
    style: dict[str, Any] = {"explode": False, "style": "form"} if many else {}
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, **style)


def _header(name: str, description: str, **schema: Any) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "string"} | schema, OpenApiParameter.HEADER, description=description)


IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "The same key, path and body from the same person act once; a repeated request gets the first answer again.",
    maxLength=LONGEST_KEY,
    pattern=r"^[\x21-\x7e]+( [\x21-\x7e]+)*$",
)
IF_MATCH = _header("If-Match", "The ETag of the version that was read; 412 when it is not the present one.")
IF_NONE_MATCH = _header("If-None-Match", "The ETag of a version that is known; 304 when it is still the present one.")


_VERBS = {
    "list": "List",
    "create": "Add to",
    "retrieve": "Read one of",
    "update": "Replace one of",
    "partial_update": "Change one of",
    "destroy": "Delete one of",
}


class PeteSchema(AutoSchema):
    """One operation's description."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{"token": []}, {"session": []}]

    def get_tags(self) -> list[str]:
        parts = self.path.strip("/").split("/")
        return [parts[2] if parts[0] == "api" and len(parts) > 2 else parts[0]]

    view: Any

    def get_summary(self) -> str | None:
        verb = _VERBS.get(getattr(self.view, "action", ""))
        if verb and type(self.view).__name__.endswith("ViewSet"):
            return f"{verb} {self.get_tags()[0].replace('-', ' ')}"
        return (self.get_description() or "").partition(".")[0].partition("\n")[0].removeprefix("GET ") or None

    def get_override_parameters(self) -> list[Any]:
        added: list[OpenApiParameter] = []
        if self.method == "POST" and self.view.takes_keys:
            added.append(IDEMPOTENCY_KEY)
        if hasattr(self.view, "get_seen_object"):
            added += self._of_records()
        return added

    def _of_records(self) -> list[OpenApiParameter]:
        is_detail = "{" in self.path
        if self.method != "GET":
            return [IF_MATCH] if is_detail else []
        fields = parameter("fields", choice(self.view.field_names()), "Only these.", many=True)
        if is_detail:
            return [fields, IF_NONE_MATCH]
        names = self.view.ordering_fields
        order = choice([*names, *(f"-{name}" for name in names)])
        return [fields, parameter("ordering", order, "By these, - for descending.", many=True)]


class ReadFilters(DjangoFilterExtension):
    """Takes each filter's own word for what it reads."""

    target_class = "crm.api.filters.Narrowing"
    priority = 1

    def resolve_filter_field(
        self, auto_schema: Any, model: Any, filterset_class: Any, field_name: str, filter_field: Any
    ) -> list[dict[str, Any]]:
        many = filter_field.many
        return [
            build_parameter_type(
                name=field_name,
                location=OpenApiParameter.QUERY,
                schema=dict(filter_field.schema),
                description=(type(filter_field).__doc__ or "").strip(),
                **({"explode": False, "style": "form"} if many else {}),
            )
        ]


def program_paths(endpoints: list[tuple[str, str, str, Callable[..., Any]]]) -> list[Any]:
    """Keep what programs use, written without the final slash that may be left out."""
    kept = []
    for path, regex, method, callback in endpoints:
        if path.startswith(PROGRAM_PREFIXES) and method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            kept.append((path.rstrip("/"), regex, method, callback))
    return kept


PROBLEM: Schema = record(
    type={"type": "string"},
    title={"type": "string"},
    status={"type": "integer"},
    code={"type": "string", "description": "Stable; see the list in the API's README."},
    detail={"type": "string"},
) | {
    "description": "RFC 9457. A refused body adds `errors`, a refused time `alternatives`.",
    "example": {
        "type": "urn:pete:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "There is nothing here.",
    },
}
PROBLEM["properties"]["errors"] = {
    "type": "object",
    "additionalProperties": several(record(code={"type": "string"}, message={"type": "string"})),
}
PROBLEM["properties"]["alternatives"] = several({"$ref": "#/components/schemas/Slot"})
SLOT: Schema = record(slot_id={"type": "string"}, starts_at=INSTANT, ends_at=INSTANT, agent=ID, listing=maybe(ID))

_ALWAYS = {
    "400": "The request cannot be understood.",
    "401": "No token, or one that is not good any more.",
    "403": "The token's scope or the person's role does not allow this.",
    "429": "Over the limit; Retry-After says when to come back.",
    "503": "A store does not answer just now; Retry-After says when to come back.",
}
_OF_RECORDS = {"404": "There is nothing here for the one who asks."}
_OF_WRITES = {
    "409": "This contradicts what is stored; `code` says how.",
    "412": "Somebody changed it since it was read.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "Understood, and not possible; `code` says why.",
}


def finish(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add what all operations share."""
    schemas = result["components"].setdefault("schemas", {})
    for name, schema in schemas.items():
        if not name.endswith("Request") and "properties" in schema:
            # A record always comes whole; ?fields= is added below.
            schema["required"] = sorted(schema["properties"])
    schemas |= {"Problem": PROBLEM, "Slot": dict(SLOT)}
    for name, example in (examples.BODIES | examples.RECORDS).items():
        schemas[name]["examples"] = [example]
    for operations in result["paths"].values():
        for method, operation in operations.items():
            _finish_one(method, operation, schemas)
    return result


def _finish_one(method: str, operation: Schema, schemas: Schema) -> None:
    refusals = _ALWAYS | _OF_RECORDS | (_OF_WRITES if method in WRITES else {})
    for status, description in refusals.items():
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"].setdefault(status, {"description": description, "content": content})
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "If-None-Match" in names:
        operation["responses"]["304"] = {"description": "The version that is known is still the present one."}
    if "fields" in names:
        _allow_parts(operation, schemas)
    _limits(operation)


def _limits(operation: Schema) -> None:
    for status, response in operation["responses"].items():
        if status[0] == "2":
            for name in ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"):
                response.setdefault("headers", {})[name] = {"schema": {"type": "integer"}}


def _allow_parts(operation: Schema, schemas: Schema) -> None:
    """Say that with ?fields= a record comes in part."""
    media = operation["responses"]["200"]["content"]["application/json"]
    whole = media["schema"].get("$ref", "").rpartition("/")[2]
    if whole.startswith("Paginated"):
        rows = schemas[whole]["properties"]["results"]
        rows["items"] = _whole_or_part(rows["items"], schemas)
    else:
        media["schema"] = _whole_or_part(media["schema"], schemas)


def _whole_or_part(schema: Schema, schemas: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    if not name:
        return schema
    part = {key: value for key, value in schemas[name].items() if key != "required"}
    schemas[f"{name}Part"] = part | {"description": f"The fields of {name} that ?fields= asks for."}
    return {"anyOf": [schema, {"$ref": f"#/components/schemas/{name}Part"}]}
