"""The statements of the door: what a batch of deliveries is written with."""

from __future__ import annotations

import msgspec
from django.db import models
from psycopg import sql

from calls.models import Call, ToolCall, WebhookEvent


def _with_defaults(model: type[models.Model], given: str) -> tuple[str, str]:
    """Return the columns of an INSERT and what to SELECT for them: the given ones, then the model's own defaults.

    So that a new field of the model needs nothing here.
    """
    names = given.split()
    columns, values = list(names), list(names)
    for field in model._meta.concrete_fields:
        needs_value = not field.null and not field.has_db_default() and not field.primary_key
        if needs_value and field.column not in names:
            columns.append(field.column or field.name)
            is_stamped = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
            values.append("now()" if is_stamped else _literal(field))
    return ", ".join(columns), ", ".join(values)


def _literal(field: models.Field) -> str:
    default = field.get_default()
    if isinstance(field, models.JSONField):
        default = msgspec.json.encode(default).decode()
    return sql.Literal(default).as_string(None) if not isinstance(default, bool) else str(default).lower()


_CALL = _with_defaults(Call, "id vapi_id direction customer_number assistant_vapi_id")
_EVENT = _with_defaults(WebhookEvent, "call_id fingerprint type at body")
_CHANGE = _with_defaults(WebhookEvent, "call_id fingerprint type at body tool_answer")
_TOOL = _with_defaults(
    ToolCall,
    "call_id tool_call_id fingerprint name arguments answer prompt code stage facts duration_ms at stage_prompt_id",
)
# Only names of our own columns and their defaults are filled in.
_NEW_CALLS = f"""
calls AS (
    INSERT INTO calls_call ({_CALL[0]})
    SELECT {_CALL[1]} FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
        AS new (id, vapi_id, direction, customer_number, assistant_vapi_id)
    ON CONFLICT DO NOTHING
),
events AS (
    INSERT INTO calls_webhookevent ({_EVENT[0]})
    SELECT {_EVENT[1]} FROM unnest($6::uuid[], $7::uuid[], $8::text[], $9::timestamptz[], $10::bytea[])
        AS new (call_id, fingerprint, type, at, body)
    ON CONFLICT DO NOTHING
)"""  # noqa: S608
EVENTS = f"WITH {_NEW_CALLS} SELECT 1"
# A stage change is one row: its event, with the answer. Not written is one whose tool call is known, and one whose
# stage state has not seen all that is known here.
CHANGES = f"""
WITH {_NEW_CALLS},
changes AS (
    INSERT INTO calls_webhookevent ({_CHANGE[0]})
    SELECT {_CHANGE[1]} FROM unnest(
        $11::uuid[], $12::uuid[], $13::text[], $14::timestamptz[], $15::bytea[], $16::bytea[],
        $17::text[], $18::uuid[], $19::int4[]
    ) AS new (call_id, fingerprint, type, at, body, tool_answer, tool_call_id, tool_fingerprint, count)
    CROSS JOIN LATERAL (
        SELECT count(*) AS rows,
            count(*) FILTER (WHERE known.tool_call_id = new.tool_call_id
                               AND known.fingerprint = new.tool_fingerprint) AS same
        FROM calls_toolcall known WHERE known.call_id = new.call_id
    ) AS told
    WHERE told.same = 0 AND told.rows < new.count AND new.count > (
        SELECT count(*) FROM calls_webhookevent earlier
        WHERE earlier.call_id = new.call_id AND earlier.tool_answer IS NOT NULL
    )
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM changes
"""  # noqa: S608
KNOWN = """
SELECT event.tool_answer FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (call_id, fingerprint, position)
LEFT JOIN calls_webhookevent event USING (call_id, fingerprint) ORDER BY position
"""
TOOLS = f"""
WITH {_NEW_CALLS},
asked AS MATERIALIZED (
    SELECT new.*, NULLIF(given_prompt_id, 0) AS stage_prompt_id,
        (SELECT known.id FROM calls_toolcall known
         WHERE known.call_id = new.call_id AND known.tool_call_id = new.tool_call_id
           AND known.fingerprint = new.fingerprint) AS known_id,
        (SELECT count(*) FROM calls_toolcall earlier WHERE earlier.call_id = new.call_id) AS earlier
    FROM unnest(
        $11::uuid[], $12::text[], $13::uuid[], $14::text[], $15::jsonb[], $16::text[], $17::text[], $18::text[],
        $19::text[], $20::jsonb[], $21::float8[], $22::timestamptz[], $23::int4[], $24::int8[]
    ) WITH ORDINALITY AS new (
        call_id, tool_call_id, fingerprint, name, arguments, answer, prompt, code, stage, facts, duration_ms, at,
        count, given_prompt_id, position
    )
),
written AS (
    INSERT INTO calls_toolcall ({_TOOL[0]})
    SELECT {_TOOL[1]} FROM asked WHERE known_id IS NULL AND earlier < count
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT 0, (SELECT count(*) FROM written)::text, NULL, NULL, NULL
UNION ALL
SELECT asked.position::int4, known.answer, known.prompt, known.stage, known.code
FROM asked LEFT JOIN calls_toolcall known ON known.id = asked.known_id
WHERE asked.known_id IS NOT NULL OR asked.earlier >= asked.count
"""  # noqa: S608
