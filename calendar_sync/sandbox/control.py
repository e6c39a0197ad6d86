"""The sandbox's own addresses, below /_sandbox: be the person in Outlook, break things, look inside.

| request | does |
| --- | --- |
| GET state | lists everything |
| GET requests | the requests Graph had, newest last |
| PATCH options | latency, echoes, duplicates, coalesce, terse_occurrences, access_seconds |
| POST faults {kind, mailbox?, times?, …} | queues a fault; DELETE forgets all; POST faults/chance {chance, seed} |
| POST people {address, name, timezone} | adds a mailbox |
| POST people/{address}/events {subject, start, end, …} | creates an event; PATCH and DELETE …/events/{id} |
| POST people/{address}/token | issues an access token |
| POST people/{address}/expire, revoke {number}, revoke-consent, forget-delta, lifecycle {event} | breaks something |
| PATCH people/{address}/account {consent, refuse_refresh, limited_to, closed_with} | how sign-in treats the person |
| POST entra/fail {status, text?, retry_after?, times?} | the token endpoint fails |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calendar_sync.sandbox import desk, zones
from calendar_sync.sandbox.faults import Fault
from calendar_sync.sandbox.messages import GraphError, Request, Response

if TYPE_CHECKING:
    from calendar_sync.sandbox.sandbox import Sandbox


def answer(sandbox: Sandbox, request: Request) -> Response:
    """Answer one request to the sandbox itself."""
    match request.method, [part for part in request.segments if part != "_sandbox"]:
        case "GET", []:
            return desk.front(sandbox)
        case "GET" | "POST", ["outlook", *rest]:
            return desk.answer(sandbox, request, rest)
        case "GET", ["state"]:
            return Response(200, sandbox.state())
        case "GET", ["requests"]:
            return Response(200, {"requests": _requests(sandbox)})
        case "PATCH", ["options"]:
            return _options(sandbox, request.json())
        case _, ["faults", *rest]:
            return _faults(sandbox, request, rest)
        case "POST", ["people"]:
            outlook = sandbox.add_person(**request.json())
            return Response(201, {"address": outlook.mailbox.address})
        case "POST", ["entra", "fail"]:
            sandbox.entra.fail_next(**request.json())
            return Response(204)
        case _, ["people", address, *rest] if address.lower() in sandbox.mailboxes:
            return _person(sandbox, request, address.lower(), rest)
    raise GraphError(404, "NotFound", "The sandbox has no such address.")


def _requests(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [
        {
            "at": exchange.at.isoformat(),
            "mailbox": exchange.mailbox,
            "method": exchange.request.method,
            "path": exchange.request.path,
            "query": exchange.request.query,
            "status": exchange.response.status if exchange.response else None,
            "fault": exchange.fault.kind if exchange.fault else None,
        }
        for exchange in list(sandbox.graph.log)
    ]


def _options(sandbox: Sandbox, values: dict[str, Any]) -> Response:
    """Change how the sandbox behaves; each option lives where it takes effect."""
    homes = {
        "latency": sandbox.graph,
        "echoes": sandbox.graph.subscriptions,
        "duplicates": sandbox.graph.subscriptions,
        "coalesce": sandbox.graph.subscriptions,
        "enabled": sandbox.graph.subscriptions,
        "terse_occurrences": sandbox.graph.delta,
        "access_seconds": sandbox.entra,
    }
    for name, value in values.items():
        setattr(homes[name], name, value)
    return Response(204)


def _faults(sandbox: Sandbox, request: Request, rest: list[str]) -> Response:
    if request.method == "DELETE":
        sandbox.faults.clear()
    elif rest == ["chance"]:
        sandbox.faults.by_chance(**request.json())
    else:
        values = request.json()
        mailbox, times = values.pop("mailbox", ""), values.pop("times", 1)
        sandbox.faults.add(Fault.read(values), mailbox=mailbox, times=times)
    return Response(204)


def _person(sandbox: Sandbox, request: Request, address: str, rest: list[str]) -> Response:
    values = request.json() if request.body else {}
    match request.method, rest:
        case "POST", ["events"]:
            return _create(sandbox, address, values)
        case "PATCH", ["events", event_id]:
            return _change(sandbox, address, event_id, values)
        case "DELETE", ["events", event_id]:
            sandbox.outlook(address).delete(event_id)
        case "POST", ["token"]:
            return Response(201, {"access_token": sandbox.entra.token_for(address, **values)})
        case "POST", ["expire"]:
            sandbox.entra.expire_access(address)
        case "POST", ["revoke"]:
            sandbox.entra.revoke(address, **values)
        case "POST", ["revoke-consent"]:
            sandbox.revoke_consent(address)
        case "POST", ["forget-delta"]:
            sandbox.graph.delta.forget(address)
        case "POST", ["lifecycle"]:
            return Response(200, {"told": sandbox.graph.subscriptions.lifecycle(values["event"], address)})
        case "PATCH", ["account"]:
            _account(sandbox, address, values)
        case _:
            raise GraphError(404, "NotFound", "The sandbox has no such address.")
    return Response(204)


def _create(sandbox: Sandbox, address: str, values: dict[str, Any]) -> Response:
    start, end = (zones.parse_instant(values.pop(name), name) for name in ("start", "end"))
    return Response(201, {"id": sandbox.outlook(address).create(values.pop("subject"), start, end, **values)})


def _change(sandbox: Sandbox, address: str, event_id: str, values: dict[str, Any]) -> Response:
    outlook = sandbox.outlook(address)
    start, end = (values.pop(name, None) for name in ("start", "end"))
    if start:
        ends = zones.parse_instant(end, "end") if end else None
        outlook.move(event_id, zones.parse_instant(start, "start"), ends)
    if values:
        outlook.edit(event_id, **values)
    return Response(204)


def _account(sandbox: Sandbox, address: str, values: dict[str, Any]) -> None:
    if "closed_with" in values:
        sandbox.close_mailbox(address, values.pop("closed_with"))
    account = sandbox.entra.account(address)
    for name, value in values.items():
        if name not in vars(account):
            raise GraphError(400, "BadRequest", f"An account has no '{name}'.")
        setattr(account, name, frozenset(value) if isinstance(value, list) else value)
