"""How one thing at Vapi differs from what Pete needs. Pure: plain values in, a plan out.

Vapi's PATCH replaces a nested object as a whole, so a plan's body holds complete ones: what is there, with what Pete
needs put in. What Pete does not know of stays as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.sync.wanted import DEFAULT_MESSAGES, SECRET_HEADER, Wanted

Resource = dict[str, Any]
_SERVER_FIELDS = (
    "url",
    "timeoutSeconds",
    "credentialId",
    "staticIpAddressesEnabled",
    "encryptedPaths",
    "headers",
    "backoffPlan",
)
_OUR_PATHS = ("/vapi/webhook", "/vapi/state-webhook")
# A mark, not words: what is missing is shown in another way.
MISSING = "missing"
_HIDDEN = gettext_lazy("Pete's secret")


class Kind(StrEnum):
    TOOL = "tool"
    ASSISTANT = "assistant"
    NUMBER = "number"


@dataclass(frozen=True)
class Change:
    """One difference, as people read it. Secrets are described, never shown."""

    path: str
    before: str
    after: str

    @property
    def is_long(self) -> bool:
        return "\n" in self.before or "\n" in self.after

    @property
    def is_missing(self) -> bool:
        return self.before == MISSING


@dataclass
class Plan:
    """What has to become of one thing: the differences, the PATCH's body, and what only a person can put right."""

    kind: Kind
    vapi_id: str
    name: str
    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    body: Resource = field(default_factory=dict)
    # The version label that Vapi published last, such as "v3".
    version: str = ""

    @property
    def fingerprint(self) -> str:
        """Name exactly these differences, so that what was looked at is what is applied."""
        text = json.dumps([[change.path, change.before, change.after] for change in self.changes])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def text_of(value: Any, default: str = "") -> str:
    """Return a string of Vapi's, `default` for anything else."""
    return value if isinstance(value, str) and value else default


def object_of(value: Any) -> Resource:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def without_nulls(value: Any) -> Any:
    """Return a value as it can be sent back: Vapi answers with nulls that it does not take."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value


def compare_server(now: Any, wanted: Wanted, path: str, plan: Plan) -> Resource | None:
    """Note in `plan` how a server differs; return the whole server to send, None when it is right."""
    server = {name: value for name, value in without_nulls(object_of(now)).items() if name in _SERVER_FIELDS}
    fits = len(plan.changes)
    if text_of(server.get("url")) != wanted.url:
        plan.changes.append(Change(f"{path}.url", text_of(server.get("url"), _("not set")), wanted.url))
        server.setdefault("timeoutSeconds", wanted.timeout_seconds)
    server["url"] = wanted.url
    _compare_credential(server, wanted, path, plan)
    return server if len(plan.changes) > fits else None


def _compare_credential(server: Resource, wanted: Wanted, path: str, plan: Plan) -> None:
    given = text_of(server.get("credentialId"))
    if wanted.credential_id:
        if given != wanted.credential_id:
            change = Change(f"{path}.credentialId", given or _("not set"), wanted.credential_id)
            plan.changes.append(change)
            server["credentialId"] = wanted.credential_id
        return
    if wanted.secret:
        headers = object_of(server.get("headers"))
        if not _proves(headers, wanted.secret):
            kept = {name: value for name, value in headers.items() if name.lower() != SECRET_HEADER.lower()}
            before = _("not set") if len(kept) == len(headers) else _("another secret")
            plan.changes.append(Change(f"{path}.headers.{SECRET_HEADER}", before, str(_HIDDEN)))
            server["headers"] = kept | {SECRET_HEADER: wanted.secret}
    elif wanted.needs_credential and not given:
        plan.problems.append(
            _("Nothing proves its messages to be Vapi's: set VAPI_CREDENTIAL_ID to the HMAC credential.")
        )


def _proves(headers: Resource, secret: str) -> bool:
    """Say whether these headers let a message in at our door."""
    for name, value in headers.items():
        if not isinstance(value, str):
            continue
        given = value.removeprefix("Bearer ") if name.lower() == "authorization" else value
        if name.lower() in (SECRET_HEADER.lower(), "authorization") and hmac.compare_digest(
            given.encode(), secret.encode()
        ):
            return True
    return False


def compare_messages(now: Any, wanted: Wanted, plan: Plan) -> None:
    """Add the server messages that are missing; those that somebody added stay."""
    given = [name for name in list_of(now) if isinstance(name, str)]
    has_list = isinstance(now, list)
    kept = given if has_list else DEFAULT_MESSAGES
    missing = [name for name in wanted.messages if name not in kept]
    if missing:
        before = _("without %(names)s") % {"names": ", ".join(missing)}
        after = _("with them, beside the %(n)s there") % {"n": len(given)}
        plan.changes.append(
            Change("serverMessages", before, after if has_list else _("with them, beside Vapi's defaults"))
        )
        plan.body["serverMessages"] = [*kept, *missing]


def plan_number(number: Resource, wanted: Wanted) -> Plan:
    """Return what a phone number needs: calls without an assistant of their own are asked about at its server."""
    name = text_of(number.get("number")) or text_of(number.get("sipUri")) or text_of(number.get("name"), _("no number"))
    plan = Plan(Kind.NUMBER, number["id"], name)
    server = object_of(number.get("server"))
    if text_of(server.get("url")) or not text_of(number.get("assistantId")):
        whole = compare_server(server, wanted, "server", plan)
        if whole is not None:
            plan.body = {"provider": number.get("provider"), "server": whole}
    if text_of(number.get("status"), "active") != "active":
        said = _("Vapi says it is %(status)s: calls do not arrive.")
        plan.problems.append(said % {"status": number["status"]})
    return plan


def is_ours(number: Resource, assistants: Mapping[str, Any], mapped: set[str]) -> bool:
    """Say whether a number is Pete's to answer: its assistant is, or it is mapped, or it asks at an address like ours.

    Any other number may belong to something else that speaks through the same account.
    """
    answered_by = text_of(number.get("assistantId"))
    if answered_by:
        return answered_by in assistants
    if text_of(number.get("squadId")) or text_of(number.get("workflowId")):
        return False
    url = text_of(object_of(number.get("server")).get("url"))
    return text_of(number.get("number")) in mapped or urlsplit(url).path.rstrip("/") in _OUR_PATHS
