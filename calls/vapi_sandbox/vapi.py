"""Vapi's assistants, phone numbers, tools and calls, as its REST API answers.

What matters is kept true: the key, lists newest first in pages, PATCH that replaces each field given as a whole and
refuses those it does not know, version labels that grow with each change, and changes that stay in a draft.
"""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from threading import RLock
from typing import Any

from calls.vapi_sandbox.faults import Fault, FaultScript, Kind
from calls.vapi_sandbox.messages import Answer, Exchange, Refusal, Request

Resource = dict[str, Any]
ORG = "5f0c2a64-27a4-4d2b-9a4c-0d4b8f6d1a10"
_NAMES = {
    "assistant": (
        "transcriber model voice firstMessage firstMessageInterruptionsEnabled firstMessageMode voicemailDetection "
        "clientMessages serverMessages maxDurationSeconds backgroundSound modelOutputInMessagesEnabled "
        "transportConfigurations observabilityPlan credentials hooks name voicemailMessage endCallMessage "
        "endCallPhrases compliancePlan metadata backgroundSpeechDenoisingPlan analysisPlan artifactPlan "
        "startSpeakingPlan stopSpeakingPlan monitorPlan credentialIds server keypadInputPlan"
    ),
    "phone-number": (
        "fallbackDestination hooks provider numberE164CheckEnabled smsEnabled name assistantId workflowId squadId "
        "server number credentialId sipUri authentication twilioAccountSid twilioAuthToken"
    ),
    "tool": "messages type async server variableExtractionPlan parameters function rejectionPlan",
    "call": "name",
}
# What PATCH takes.
_FIELDS = {kind: set(names.split()) for kind, names in _NAMES.items()}
_VERSIONED = ("assistant", "tool")
_DEFAULT_LIMIT, _MOST = 100, 1000


class Vapi:
    """One organisation at Vapi. `key` opens it."""

    def __init__(self, key: str = "sandbox-private-key") -> None:
        self.key = key
        self.faults = FaultScript()
        self.log: list[Exchange] = []
        self.watchers: list[Callable[[Exchange], None]] = []
        # Changes to assistants stay in a draft, which the API does not show.
        self.drafts = False
        self.rows: dict[str, dict[str, Resource]] = {kind: {} for kind in _FIELDS}
        self._lock = RLock()
        self._now = datetime(2027, 3, 1, 9, tzinfo=UTC)

    def add(self, kind: str, **fields: Any) -> Resource:
        """Create an assistant, a phone-number, a tool or a call, as somebody does in the dashboard."""
        with self._lock:
            at = self._tick()
            row = {"id": str(uuid.uuid4()), "orgId": ORG, "createdAt": at, "updatedAt": at}
            if kind in _VERSIONED:
                row["latestVersion"] = "v1"
            row |= copy.deepcopy(fields)
            self.rows[kind][row["id"]] = row
            return row

    def edit(self, kind: str, vapi_id: str, **fields: Any) -> None:
        """Change something in the dashboard and publish it."""
        with self._lock:
            self._change(kind, self.rows[kind][vapi_id], fields)

    def answer(self, request: Request) -> Answer:
        """Answer one request. Raises ConnectionLost when the connection breaks instead."""
        fault = self.faults.take(request)
        answer: Answer | None = None
        try:
            answer = self._answer(request, fault)
        except Refusal as exc:
            phrase = HTTPStatus(exc.status).phrase
            payload = {"message": exc.message, "error": phrase, "statusCode": exc.status}
            answer = Answer(exc.status, payload, exc.headers)
        finally:
            exchange = Exchange(request, answer)
            self.log.append(exchange)
            for watch in self.watchers:
                watch(exchange)
        return answer

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        if fault is not None:
            fault.before()
            if fault.kind is Kind.SLOW:
                time.sleep(fault.seconds)
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(401, "Invalid Key. Hot tip, you may be using the public key instead of the private key.")
        with self._lock:
            answer = self._serve(request)
        return answer if fault is None else fault.after(answer)

    def _serve(self, request: Request) -> Answer:
        kind, *rest = request.segments or [""]
        if kind not in self.rows or len(rest) > 1:
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        rows = self.rows[kind]
        if not rest and request.method == "GET":
            return Answer(200, copy.deepcopy(self._page(rows, request.query)))
        if rest and rest[0] not in rows:
            raise Refusal(404, f"{kind.capitalize()} {rest[0]} does not exist.")
        if rest and request.method == "PATCH":
            self._patch(kind, rows[rest[0]], request.json())
        elif not rest or request.method != "GET":
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        return Answer(200, copy.deepcopy(rows[rest[0]]))

    def _page(self, rows: dict[str, Resource], query: dict[str, str]) -> list[Resource]:
        unknown = set(query) - {"limit", "createdAtLe", "createdAtLt", "createdAtGe", "createdAtGt"}
        if unknown:
            raise Refusal(400, [f"property {name} should not exist" for name in sorted(unknown)])
        limit = int(query.get("limit", _DEFAULT_LIMIT))
        if not 0 <= limit <= _MOST:
            raise Refusal(400, ["limit must not be greater than 1000"])
        newest = sorted(rows.values(), key=lambda row: row["createdAt"], reverse=True)
        until, before = query.get("createdAtLe", "9999"), query.get("createdAtLt", "9999")
        return [row for row in newest if row["createdAt"] <= until and row["createdAt"] < before][:limit]

    def _patch(self, kind: str, row: Resource, fields: Resource) -> None:
        unknown = sorted(set(fields) - _FIELDS[kind])
        wrong = [f"property {name} should not exist" for name in unknown]
        if kind == "phone-number" and fields.get("provider", row.get("provider")) != row.get("provider"):
            wrong.append("provider cannot be changed")
        for name in ("server", "model", "function"):
            if name in fields and not isinstance(fields[name], dict):
                wrong.append(f"{name} must be an object")
        if wrong:
            raise Refusal(400, wrong)
        if not (self.drafts and kind == "assistant"):
            self._change(kind, row, fields)

    def _change(self, kind: str, row: Resource, fields: Resource) -> None:
        row |= copy.deepcopy(fields) | {"updatedAt": self._tick()}
        if kind in _VERSIONED and row.get("latestVersion"):
            row["latestVersion"] = f"v{int(row['latestVersion'][1:]) + 1}"

    def _tick(self) -> str:
        self._now += timedelta(seconds=1)
        return self._now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
