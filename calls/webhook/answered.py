"""A stage change as its event keeps it until its rows are made: the tool call and its answer, without the arguments.

Those are in the event's body.
"""

from __future__ import annotations

import msgspec


class AnsweredTool(msgspec.Struct, array_like=True, gc=False):
    """`fingerprint` is in hexadecimal, `facts` a JSON object; `stage_prompt_id` is 0 for none."""

    tool_call_id: str
    fingerprint: str
    name: str
    answer: str
    prompt: str
    code: str
    stage: str
    facts: msgspec.Raw
    stage_prompt_id: int


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(AnsweredTool).decode
