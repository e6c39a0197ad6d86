"""One supervisor at a time: a lease, seen on the tile, renewed by each action, taken over only knowingly."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from calls.errors import Supervised
from calls.models import Supervision
from crm.models import Agent

LEASE = timedelta(minutes=2)


def holder_of(supervision: Supervision | None, now: datetime | None = None) -> Agent | None:
    """Return who steers the call now."""
    if supervision is None or supervision.expires_at is None or supervision.expires_at <= (now or timezone.now()):
        return None
    return supervision.agent


@transaction.atomic
def acquire(call_id: UUID, agent: Agent, *, take_over_from: int | None = None) -> Agent | None:
    """Give `agent` the call, or renew that. Return from whom it was taken.

    `take_over_from` names whose lease the person has seen and means to end; a lease that is anybody else's refuses it.
    Raises Supervised.
    """
    now = timezone.now()
    Supervision.objects.get_or_create(call_id=call_id)
    row = Supervision.objects.select_for_update(of=("self",)).select_related("agent").get(call_id=call_id)
    holder = holder_of(row, now)
    is_other = holder is not None and holder.pk != agent.pk
    if holder is not None and is_other and holder.pk != take_over_from:
        raise Supervised(_("%(name)s is steering this call.") % {"name": holder}, holder.pk)
    if holder is None or is_other:
        row.taken_at = now
    row.agent, row.expires_at = agent, now + LEASE
    row.save(update_fields=["agent", "taken_at", "expires_at"])
    return holder if is_other else None


def release(call_id: UUID, agent: Agent) -> bool:
    """Give the call back, if it is this person's."""
    now = timezone.now()
    own = Supervision.objects.filter(call_id=call_id, agent=agent, expires_at__gt=now)
    return own.update(expires_at=now) > 0


def set_muted(call_id: UUID, is_muted: bool) -> None:
    Supervision.objects.filter(call_id=call_id).update(is_muted=is_muted)
