"""JSON bodies: strict, bounded, and text that PostgreSQL and UTF-8 can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.parsers import BaseParser

from crm.api.problems import Problem

MAX_BODY_BYTES = 2_621_440


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def decode(raw: bytes) -> Any:
    """Return the value in `raw`. Raises ValueError for anything but JSON in UTF-8, lone surrogates included."""
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
        if b"\\ud" in raw.lower():
            # A lone surrogate decodes, but can be neither stored nor sent back.
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    return value


class JSONParser(BaseParser):
    """Parses `application/json`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise Problem(413, "too_large", f"A body may have at most {MAX_BODY_BYTES} bytes.")
        try:
            return decode(raw)
        except ValueError as exc:
            raise Problem(400, "malformed", f"The body is not JSON: {str(exc)[:200]}") from exc
