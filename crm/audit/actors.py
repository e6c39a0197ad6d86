"""Who is at work. Each writing statement carries it to PostgreSQL, for the length of its transaction alone.

Connections belong to a pool: what is set for a session would be the next one's.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from django.db.backends.signals import connection_created

from crm.models.audit import ActorKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm.models import ApiToken

_LONGEST = 200
_WRITE = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE)
# What begins otherwise writes nothing. In what begins with WITH the writing may stand anywhere.
_BEGINS = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|MERGE|(WITH))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Actor:
    """A person, a token, an assistant in a call, or the product itself; `via` is what with."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    via: str = ""

    def as_setting(self) -> str:
        """Return what the trigger reads."""
        values = {"kind": self.kind.value, "id": self.id, "name": self.name, "via": self.via}
        return json.dumps({key: value.replace("\0", "")[:_LONGEST] for key, value in values.items()})


class Source(Protocol):
    def actor(self) -> Actor: ...


@dataclass
class Fixed:
    """A source that is known beforehand."""

    who: Actor

    def actor(self) -> Actor:
        return self.who


class OfRequest:
    """The person or the token behind a request, known once the view has asked for them."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self.token: ApiToken | None = None

    def actor(self) -> Actor:
        via = f"{self._request.method} {self._request.path}"
        if self.token is not None:
            name = f"{self.token.name} ({self.token.prefix}…), {self.token.agent}"
            return Actor(ActorKind.TOKEN, str(self.token.pk), name, via)
        # Not `request.user`: finding out is a query, in the middle of another one's transaction.
        user = getattr(self._request, "_cached_user", None) or getattr(self._request, "_acached_user", None)
        if user is None or user.pk is None:
            return Actor(ActorKind.SYSTEM, name="Pete", via=via)
        return Actor(ActorKind.PERSON, str(user.pk), str(user), via)


def assistant_in(call_id: str) -> Actor:
    """Return the assistant that talks in the call which Vapi names so."""
    return Actor(ActorKind.ASSISTANT, call_id, "Assistant", f"call {call_id}")


def _process() -> Actor:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]) if sys.argv else "python"
    return Actor(ActorKind.SYSTEM, name="Pete", via=command)


_source: ContextVar[Source | None] = ContextVar("audit_source", default=None)


@contextmanager
def acting(source: Actor | Source) -> Iterator[None]:
    """Have what is written meanwhile, here, count as this one's."""
    mark = _source.set(Fixed(source) if isinstance(source, Actor) else source)
    try:
        yield
    finally:
        _source.reset(mark)


def current() -> Actor:
    """Return who is at work; without anybody else the product itself."""
    source = _source.get()
    return source.actor() if source is not None else _process()


def note_token(token: ApiToken) -> None:
    """Say that the request at hand comes from a program."""
    source = _source.get()
    if isinstance(source, OfRequest):
        source.token = token


def sign(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Have a statement that writes to a watched table say who is at work. A wrapper of Django's."""
    if not isinstance(sql, str) or not _is_watched(sql):
        return execute(sql, params, many, context)
    setting = current().as_setting().replace("'", "''")
    if many:
        # Statement after statement goes out by itself: within a transaction the setting holds for all.
        context["cursor"].cursor.execute(f"SELECT set_config('pete.actor', '{setting}', true)")
        return execute(sql, params, many, context)
    # In one message with the statement, so that it costs no round trip and ends with the statement's transaction.
    literal = setting.replace("%", "%%") if params is not None else setting
    answer = execute(f"SELECT set_config('pete.actor', '{literal}', true); {sql}", params, many, context)
    context["cursor"].cursor.nextset()
    return answer


def _is_watched(sql: str) -> bool:
    from crm.audit.tracking import tables

    begins = _BEGINS.match(sql)
    if begins is None:
        return False
    written = _WRITE.findall(sql) if begins[1] else _WRITE.findall(sql, 0, _LONGEST)
    return any(table in tables() for table in written)


def _attach(connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "postgresql" and sign not in connection.execute_wrappers:
        connection.execute_wrappers.append(sign)


def connect() -> None:
    """Sign what every connection writes."""
    connection_created.connect(_attach, dispatch_uid="crm.audit.sign")
