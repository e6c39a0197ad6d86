"""Who may hear a live call, for how long, and what is kept of it.

Asked for with a reason, as everything in the tower is, and answered with a permission that is good for one socket of
the same person within a minute. Listening changes nothing in the call, so it takes no lease and several may do it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _

from calls.errors import ControlInvalid, ControlRefusal, ListenExpired, NotControllable
from calls.models import Call, ControlAction, ControlKind, ControlOutcome
from calls.shapes import with_related
from calls.tower import keyring
from calls.tower.actions import check, check_reason
from crm.models import Agent

logger = logging.getLogger(__name__)

PERMIT_SECONDS = 60
_SALT = "calls.tower.listening"


@dataclass(frozen=True)
class Grant:
    """A permission in use. Where the sound comes from is in no repr."""

    action_id: int
    call_id: UUID
    address: str

    def __repr__(self) -> str:
        return f"Grant({self.action_id})"


def ask(call: Call, person: Agent, key: UUID, reason: str) -> ControlAction:
    """Write down that this person is going to listen, once per key. Raises a ControlRefusal."""
    check(call, person)
    check_reason(reason)
    _address(call.pk)
    values = {"agent": person, "kind": ControlKind.LISTEN, "reason": reason.strip()}
    action, is_new = ControlAction.objects.get_or_create(call=call, key=key, defaults=values)
    if not is_new and (action.kind != ControlKind.LISTEN or action.agent_id != person.pk):
        raise ControlInvalid(_("This form was used for something else. Try again."))
    logger.info("Call %s: agent %s is going to listen", call.pk, person.pk)
    return action


def permit(action: ControlAction) -> str:
    """Return what opens the socket: signed, for the person who asked, not for long."""
    return signing.dumps([action.pk, action.agent_id], salt=_SALT)


def claim(token: str, person: Agent) -> Grant:
    """Use a permission up. Raises a ControlRefusal."""
    try:
        action_id, agent_id = signing.loads(token, salt=_SALT, max_age=PERMIT_SECONDS)
    except signing.BadSignature:
        raise expired() from None
    waiting = ControlAction.objects.filter(pk=action_id, agent=person, outcome=ControlOutcome.SENDING)
    if agent_id != person.pk or not waiting.update(outcome=ControlOutcome.UNKNOWN):
        raise expired()
    try:
        call = _call(ControlAction.objects.get(pk=action_id).call_id)
        check(call, person)
        return Grant(action_id, call.pk, _address(call.pk))
    except ControlRefusal as refusal:
        refuse(action_id, refusal.code)
        raise


def begin(grant: Grant) -> None:
    """The line is open: from now on the call is heard."""
    now = timezone.now()
    ControlAction.objects.filter(pk=grant.action_id).update(outcome=ControlOutcome.DONE, at=now, ended_at=now)


def check_again(grant: Grant, person_id: int) -> None:
    """Raise a ControlRefusal when the person may not listen any more; else count the time."""
    check(_call(grant.call_id), Agent.objects.get(pk=person_id))
    ControlAction.objects.filter(pk=grant.action_id).update(ended_at=timezone.now())


def end(grant: Grant) -> None:
    ControlAction.objects.filter(pk=grant.action_id, outcome=ControlOutcome.DONE).update(ended_at=timezone.now())


def refuse(action_id: int, code: str) -> None:
    """Keep why nobody heard anything; what was heard before stays as it is."""
    unheard = ControlAction.objects.filter(pk=action_id).exclude(outcome=ControlOutcome.DONE)
    unheard.update(outcome=ControlOutcome.REFUSED, code=code)


def expired() -> ListenExpired:
    return ListenExpired(_("This permission to listen has expired. Ask again."))


def _call(call_id: UUID) -> Call:
    return with_related(Call.objects.all()).get(pk=call_id)


def _address(call_id: UUID) -> str:
    found = keyring.find(call_id)
    if found is None or not found.listen:
        raise NotControllable(_("Vapi has not said where this call can be heard."))
    return found.listen
