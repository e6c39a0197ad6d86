"""How calls and assistants look to programs, for the API's description. calls.shapes makes them."""

from __future__ import annotations

from calls.models import Phase, Stage
from crm.api.schema import COUNT, ID, INSTANT, Schema, choice, maybe, record, several

TEXT: Schema = {"type": "string"}
SECONDS: Schema = {"type": "number", "minimum": 0}
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}

LINE = {
    "type": "object",
    "properties": {"role": TEXT, "text": TEXT, "at": maybe(INSTANT), "interrupted": {"type": "boolean"}},
}
_CALL: dict[str, Schema] = {
    "id": {"type": "string", "format": "uuid"},
    "vapi_id": TEXT,
    "status": TEXT,
    "stage": choice(Stage.values),
    "phase": choice(Phase.values),
    "phase_since": maybe(INSTANT),
    "phase_seconds": {"type": "object", "additionalProperties": SECONDS},
    "direction": choice(["inbound", "outbound", "web"]),
    "is_practice": {"type": "boolean"},
    "assistant": maybe(ID),
    "assistant_vapi_id": TEXT,
    "lead": maybe(ID),
    "listing": maybe(ID),
    "customer_number": maybe(TEXT),
    "created_at": INSTANT,
    "started_at": maybe(INSTANT),
    "ended_at": maybe(INSTANT),
    "ended_reason": TEXT,
    "ended_class": TEXT,
    "duration_seconds": maybe(SECONDS),
    "summary": TEXT,
    "recording_url": maybe(TEXT),
    "cost": maybe(TEXT),
    "currency": TEXT,
    "context": ANY_OBJECT,
    "structured_data": {},
    "transcript": several(LINE),
    "alerts": several(ANY_OBJECT),
    "invalid_transitions": COUNT,
}
CALL = record(**_CALL)
# ?fields= leaves some out.
ROW: Schema = {"anyOf": [CALL, {"type": "object", "properties": _CALL}]}
_DETAIL: dict[str, Schema] = {"prompts": several(ANY_OBJECT), "control_actions": several(ANY_OBJECT)}
ONE_CALL: Schema = {"anyOf": [record(**_CALL, **_DETAIL), {"type": "object", "properties": _CALL | _DETAIL}]}
CONTROL = record(supervisor=maybe(ANY_OBJECT), action=maybe(ANY_OBJECT))
LIVE = record(seq=COUNT, calls=several(CALL))
LINE_AT_VAPI = record(
    id=TEXT,
    vapi_id=TEXT,
    name=TEXT,
    assistant=maybe(ID),
    listing=maybe(ID),
    agent=maybe(ID),
    team=maybe(ID),
    phone_number=maybe(TEXT),
    phone_numbers_at_vapi=several(TEXT),
    first_message=TEXT,
    is_active={"type": "boolean"},
    model=maybe(TEXT),
    version=maybe(TEXT),
    state=TEXT,
    differences=several(TEXT),
    problems=several(TEXT),
)
ASSISTANTS = record(assistants=several(LINE_AT_VAPI), count=COUNT, source=choice(["vapi", "pete"]), problem=maybe(TEXT))
_THING: dict[str, Schema] = {"kind": choice(["tool", "assistant", "number"]), "vapi_id": TEXT, "name": TEXT}
PLAN = record(
    **_THING, fingerprint=TEXT, changes=several(record(path=TEXT, before=TEXT, after=TEXT)), problems=several(TEXT)
)
DIFFERENCES = record(plans=several(PLAN), problem=maybe(TEXT))
RESULT = record(**_THING, outcome=TEXT, is_good={"type": "boolean"}, detail=TEXT)
