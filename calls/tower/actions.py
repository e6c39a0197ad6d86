"""What a supervisor does to a live call: checked, written down, sent once, and its outcome kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import httpx
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from calls import tile_changes
from calls.errors import CallOver, ControlInvalid, ControlRefusal, ControlUnconfirmed, MayNotSupervise, NotControllable
from calls.models import Call, ControlAction, ControlKind, ControlOutcome, PersonRequest, Phase
from calls.tower import client, keyring, lease
from calls.tower.rights import may_supervise
from crm.models import Agent

logger = logging.getLogger(__name__)

LONGEST_TEXT = 1_000
LONGEST_REASON = 200


@dataclass(frozen=True)
class Wish:
    """What a person asks for. `key` was made with the form: the same one again is the same wish."""

    kind: ControlKind
    key: UUID
    reason: str
    text: str = ""
    # Say something at once (whisper), hang up afterwards (say).
    answers: bool = False
    hangs_up: bool = False
    to: Agent | None = None
    take_over_from: int | None = None


# Tests put a stand-in here; None is the network.
make_transport: Callable[[], httpx.BaseTransport | None] = lambda: None  # noqa: E731


def perform(call: Call, person: Agent, wish: Wish) -> ControlAction:
    """Do one thing to a live call, once per key, and return what is kept of it.

    Raises a ControlRefusal; what was refused after it was written down is kept with its code.
    """
    check(call, person)
    _validate(wish)
    action, is_new = _begin(call, person, wish)
    tile_changes.show(call.pk)
    if not is_new:
        return action
    try:
        client.post(_address(call), _body(wish), transport=make_transport())
    except ControlRefusal as refusal:
        unknown = isinstance(refusal, ControlUnconfirmed)
        _finish(action, ControlOutcome.UNKNOWN if unknown else ControlOutcome.REFUSED, refusal.code)
        raise
    _finish(action, ControlOutcome.DONE)
    _follow(call, action)
    tile_changes.show(call.pk)
    return action


def check(call: Call, person: Agent) -> None:
    """Raise MayNotSupervise, CallOver."""
    if not may_supervise(person, call):
        raise MayNotSupervise(_("Only a manager, or the team this call belongs to, may step in."))
    if call.phase == Phase.ENDED:
        raise CallOver(_("The call is over."))


def release(call: Call, person: Agent) -> None:
    """Give the call back to the assistant alone."""
    if lease.release(call.pk, person):
        tile_changes.show(call.pk)


def check_reason(reason: str) -> None:
    """Raise ControlInvalid."""
    if not reason.strip():
        raise ControlInvalid(_("Say why, in a few words: it is kept with the call."))
    if len(reason) > LONGEST_REASON:
        raise ControlInvalid(_("That is too long."))


def _validate(wish: Wish) -> None:
    check_reason(wish.reason)
    if len(wish.text) > LONGEST_TEXT:
        raise ControlInvalid(_("That is too long."))
    if wish.kind in (ControlKind.SAY, ControlKind.WHISPER) and not wish.text.strip():
        raise ControlInvalid(_("Write what is to be said."))
    if wish.kind == ControlKind.TRANSFER and (wish.to is None or not wish.to.phone):
        raise ControlInvalid(_("Choose somebody who has a telephone number."))


def _address(call: Call) -> str:
    found = keyring.find(call.pk)
    if found is None or not found.control:
        raise NotControllable(_("Vapi has not said how this call can be steered."))
    return found.control


@transaction.atomic
def _begin(call: Call, person: Agent, wish: Wish) -> tuple[ControlAction, bool]:
    """Take the lease and write the action down. Return it, and whether it is to be sent."""
    known = ControlAction.objects.filter(call=call, key=wish.key).first()
    if known is not None:
        return known, False
    taken_from = lease.acquire(call.pk, person, take_over_from=wish.take_over_from)
    values = {"agent": person, "kind": wish.kind, "text": wish.text, "reason": wish.reason.strip(), "other": wish.to}
    action, is_new = ControlAction.objects.get_or_create(call=call, key=wish.key, defaults=values)
    if is_new and taken_from is not None:
        ControlAction.objects.create(
            call=call,
            key=uuid5(wish.key, "take-over"),
            agent=person,
            kind=ControlKind.TAKE_OVER,
            reason=wish.reason.strip(),
            other=taken_from,
            outcome=ControlOutcome.DONE,
        )
    logger.info("Call %s: %s by agent %s", call.pk, wish.kind, person.pk)
    return action, is_new


def _finish(action: ControlAction, outcome: ControlOutcome, code: str = "") -> None:
    action.outcome, action.code = outcome, code
    action.save(update_fields=["outcome", "code"])


def _follow(call: Call, action: ControlAction) -> None:
    """Keep what the call is like now."""
    if action.kind in (ControlKind.MUTE, ControlKind.UNMUTE):
        lease.set_muted(call.pk, action.kind == ControlKind.MUTE)
    if action.kind == ControlKind.TRANSFER:
        now = timezone.now()
        values = {"agent": action.other, "answered_at": now}
        new = values | {"fingerprint": action.key, "asked_at": now}
        PersonRequest.objects.update_or_create(call=call, defaults=values, create_defaults=new)


def _body(wish: Wish) -> dict[str, Any]:
    """Return the control as Vapi takes it."""
    text = wish.text.strip()
    if wish.kind == ControlKind.SAY:
        return {"type": "say", "content": text, "endCallAfterSpoken": wish.hangs_up}
    if wish.kind == ControlKind.WHISPER:
        message = {"role": "system", "content": text}
        return {"type": "add-message", "message": message, "triggerResponseEnabled": wish.answers}
    if wish.kind == ControlKind.TRANSFER and wish.to is not None:
        said = text or _("I'm putting you through to %(name)s now.") % {"name": wish.to.get_short_name()}
        return {"type": "transfer", "destination": {"type": "number", "number": wish.to.phone}, "content": said}
    if wish.kind == ControlKind.END:
        return {"type": "end-call"}
    return {"type": "control", "control": f"{wish.kind}-assistant"}
