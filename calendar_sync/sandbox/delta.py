"""calendarView/delta: a first round over a window, then only what changed."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calendar_sync.sandbox import calendars, paging, rendering
from calendar_sync.sandbox.mailbox import Event, Mailbox
from calendar_sync.sandbox.messages import GraphError, Request, Response

# Microsoft keeps as many states as fit into a cache of no known size.
KEPT_STATES = 5_000
_FORBIDDEN = ("$select", "$expand", "$filter", "$orderby", "$search")
_TERSE = {"@odata.type", "@odata.etag", "id", "seriesMasterId", "type", "start", "end"}


@dataclass(frozen=True)
class Round:
    """Where one reader stands: the window, what the reader has been told of, what is still to be told."""

    address: str
    calendar_id: str
    start: datetime
    end: datetime
    # The line of the mailbox's log up to which the round tells.
    number: int
    known: frozenset[str]
    to_tell: tuple[str, ...] = ()


class DeltaStates:
    """The tokens handed out. Each can be used again: the same changes are told again."""

    def __init__(self, *, terse_occurrences: bool = True) -> None:
        # Occurrences in a delta round carry their times and little else; the rest stands on the series' master.
        self.terse_occurrences = terse_occurrences
        self._states: OrderedDict[str, Round] = OrderedDict()

    def forget(self, address: str = "") -> None:
        """Break all tokens, or those of one mailbox: the next use is answered 410."""
        for token in [token for token, state in self._states.items() if address in ("", state.address)]:
            del self._states[token]

    def answer(self, mailbox: Mailbox, request: Request, calendar_id: str, *, replay: bool = False) -> Response:
        """Answer one request of a round. `replay` tells every item twice."""
        for name in _FORBIDDEN:
            if name in request.query:
                raise GraphError(400, "ErrorInvalidUrlQuery", f"The query parameter '{name}' is not supported.")
        state = self._state(mailbox, request, calendar_id)
        size = _page_size(request)
        told = state.to_tell[:size] * (2 if replay else 1)
        payload: dict[str, Any] = {
            "@odata.context": f"{request.origin}/v1.0/$metadata#Collection(event)",
            "value": [self._item(mailbox, request, item, state) for item in told],
        }
        rest = state.to_tell[size:]
        name, token = ("$skiptoken", "nextLink") if rest else ("$deltatoken", "deltaLink")
        following = Round(**{**vars(state), "to_tell": rest})
        payload[f"@odata.{token}"] = paging.link(request, {name: self._keep(following)})
        return Response(200, payload)

    def _state(self, mailbox: Mailbox, request: Request, calendar_id: str) -> Round:
        """Return the state a request goes on from: a new round, a page of one, or the changes since one."""
        token = request.query.get("$skiptoken") or request.query.get("$deltatoken")
        if token is None:
            return self._first(mailbox, calendar_id, *calendars.window(request))
        state = self._states.get(token)
        if state is None or (state.address, state.calendar_id) != (mailbox.address, calendar_id):
            headers = {"Location": f"{request.origin}{request.path}"}
            raise GraphError(410, "syncStateNotFound", "The sync state generation is not found.", headers)
        return state if "$skiptoken" in request.query else self._since(mailbox, state)

    def _first(self, mailbox: Mailbox, calendar_id: str, start: datetime, end: datetime) -> Round:
        mailbox.calendar(calendar_id)
        items = [i for event in mailbox.calendar_events(calendar_id) for i in _shown(event, start, end)]
        known = frozenset(items)
        return Round(mailbox.address, calendar_id, start, end, len(mailbox.log), known, tuple(items))

    def _since(self, mailbox: Mailbox, state: Round) -> Round:
        """Return the round over what changed since `state`. It tells of the removed ones too."""
        lines = [line for line in mailbox.log[state.number :] if line.calendar_id == state.calendar_id]
        if not lines:
            return Round(**{**vars(state), "number": len(mailbox.log)})
        ids = dict.fromkeys(line.event_id for line in lines)
        shown = dict.fromkeys(i for e in ids for i in _shown(mailbox.events.get(e), state.start, state.end))
        # Events that changed outside the window are told as removed too, whether they were told of or not.
        stems = {event_id[:-4] for event_id in ids}
        gone = [item for item in state.known if item[:-4].rpartition(".")[0] in stems and item not in shown]
        gone += [event_id for event_id in ids if event_id not in shown]
        known = (state.known - set(gone)) | set(shown)
        told = tuple(dict.fromkeys([*gone, *shown]))
        return Round(**{**vars(state), "number": len(mailbox.log), "known": known, "to_tell": told})

    def _keep(self, state: Round) -> str:
        token = uuid.uuid4().hex
        self._states[token] = state
        if len(self._states) > KEPT_STATES:
            self._states.popitem(last=False)
        return token

    def _item(self, mailbox: Mailbox, request: Request, item_id: str, state: Round) -> dict[str, Any]:
        """Write one item as it stands now; what has left the window meanwhile is removed."""
        try:
            event = mailbox.event(item_id)
        except GraphError:
            event = None
        if event is None or not (event.recurrence or event.meets(state.start, state.end)):
            return {"@odata.type": "#microsoft.graph.event", "id": item_id, "@removed": {"reason": "deleted"}}
        written = {"@odata.type": "#microsoft.graph.event", **rendering.event_json(event, mailbox, request)}
        if self.terse_occurrences and event.kind == "occurrence":
            return {name: value for name, value in written.items() if name in _TERSE}
        return written


def _shown(event: Event | None, start: datetime, end: datetime) -> list[str]:
    """Return the ids a round tells for an event: a series' master goes in front of its occurrences."""
    if event is None:
        return []
    instances = [instance.id for instance in event.instances(start, end)]
    return [event.id, *instances] if event.recurrence and instances else instances


def _page_size(request: Request) -> int:
    asked = request.prefers.get("odata.maxpagesize") or request.query.get("$top") or ""
    return max(1, min(int(asked), paging.LARGEST_PAGE)) if asked.isdecimal() else paging.DEFAULT_PAGE
