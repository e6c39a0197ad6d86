"""How a call looks outside: in the API, on the board, over the socket."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from calls.models import Call, Phase, StagePrompt
from calls.sight import audience
from calls.tower.rights import supervisors
from crm.models import Agent, Appointment, AppointmentStatus

# A tile shows the last two lines; a page of calls none.
LAST_LINES = 2
# What the ids of practice calls begin with: no call of Vapi's does.
PRACTICE = "practice-"


def with_related(calls: QuerySet[Call]) -> QuerySet[Call]:
    """Return the calls with everything `tile_shape` reads, in two queries."""
    return (
        calls.select_related(
            "lead",
            "listing",
            "assistant",
            "supervision",
            "supervision__agent",
            "person_request",
            "person_request__agent",
        )
        .annotate(
            shown_by=ArraySubquery(
                Appointment.objects.filter(lead=OuterRef("lead_id")).order_by().values("agent_id").distinct()
            )
        )
        .prefetch_related(Prefetch("listing__agents", Agent.objects.only("pk")))
    )


def call_shape(call: Call, now: datetime | None = None) -> dict[str, Any]:
    """Return the call as outside programs see it. Seconds of a live call are counted up to `now`."""
    now = now or timezone.now()
    return {
        "id": str(call.pk),
        "vapi_id": call.vapi_id,
        "status": call.status,
        "stage": call.stage,
        "phase": call.phase,
        "phase_since": _written(call.phase_since),
        "phase_seconds": phase_seconds(call, now),
        "direction": call.direction,
        "is_practice": is_practice(call),
        "assistant": call.assistant_id,
        "assistant_vapi_id": call.assistant_vapi_id,
        "lead": call.lead_id,
        "listing": call.listing_id,
        "customer_number": call.customer_number or None,
        "created_at": _written(call.created_at),
        "started_at": _written(call.started_at),
        "ended_at": _written(call.ended_at),
        "ended_reason": call.ended_reason,
        "ended_class": call.ended_class,
        "duration_seconds": duration_seconds(call, now),
        "summary": call.summary,
        "recording_url": call.recording_url or None,
        "cost": None if call.cost is None else str(call.cost),
        "currency": "USD",
        "context": call.context,
        "structured_data": call.structured_data,
        "transcript": call.transcript,
        "alerts": call.alerts,
        "invalid_transitions": call.invalid_transitions,
    }


def prompt_shape(version: StagePrompt) -> dict[str, Any]:
    """Return which version of a prompt it is; `assistant` is null for the office's own."""
    return {"stage": version.stage, "version": version.version, "assistant": version.assistant_id}


def tile_shape(call: Call, viewing: Appointment | None = None, now: datetime | None = None) -> dict[str, Any]:
    """Return the call's shape with what a tile on the board shows besides. `viewing` is held or booked in this call."""
    is_held = viewing is not None and viewing.status == AppointmentStatus.HELD
    return call_shape(call, now) | {
        "lead_name": str(call.lead) if call.lead else "",
        "listing_label": str(call.listing) if call.listing else "",
        "assistant_name": _assistant_name(call),
        "held_slot": viewing_shape(viewing) if viewing is not None and is_held else None,
        "booked_viewing": viewing_shape(viewing) if viewing is not None and not is_held else None,
        "last_lines": call.transcript[-LAST_LINES:],
        "supervisor": supervisor_shape(call),
        "supervisors": supervisors(call),
        "seen_by": audience(call, viewing.agent_id if viewing is not None else None),
        "assistant_muted": _is_muted(call),
        "waiting_for_person": waiting_shape(call),
    }


def supervisor_shape(call: Call) -> dict[str, Any] | None:
    """Return who steers the live call, and until when; the reader's clock says whether that is past."""
    lease = getattr(call, "supervision", None)
    if lease is None or lease.agent is None or lease.expires_at is None or call.phase == Phase.ENDED:
        return None
    return {"agent": lease.agent_id, "name": str(lease.agent), "expires_at": _written(lease.expires_at)}


def _is_muted(call: Call) -> bool:
    lease = getattr(call, "supervision", None)
    return lease is not None and lease.is_muted and call.phase != Phase.ENDED


def waiting_shape(call: Call) -> dict[str, Any] | None:
    """Return since when a live call waits for a person: one it is being put through to, or who is to call back."""
    asked = getattr(call, "person_request", None)
    if asked is None or call.phase == Phase.ENDED:
        return None
    if asked.agent is None and "error" not in asked.answer:
        # Another assistant took it.
        return None
    return {
        "since": _written(asked.asked_at),
        "state": "callback" if asked.agent is None else "transfer",
        "agent": asked.agent_id,
        "name": str(asked.agent) if asked.agent else "",
    }


def _assistant_name(call: Call) -> str:
    """Return who speaks; a practice call says that it is one, because it stands among real ones."""
    name = call.assistant.name if call.assistant else ""
    return " · ".join(part for part in (name, _("practice call")) if part) if is_practice(call) else name


def is_practice(call: Call) -> bool:
    return call.vapi_id.startswith(PRACTICE)


def viewing_shape(viewing: Appointment) -> dict[str, Any]:
    return {
        "appointment": viewing.pk,
        "starts_at": _written(viewing.starts_at),
        "expires_at": _written(viewing.expires_at),
        "label": str(viewing.listing),
    }


def viewings_of(call_ids: Iterable[UUID], now: datetime | None = None) -> dict[UUID, Appointment]:
    """Return the viewing each call holds or booked: the booked one before a hold, the newest first."""
    held = Q(status=AppointmentStatus.HELD, expires_at__gt=now or timezone.now())
    live = Appointment.objects.filter(held | Q(status=AppointmentStatus.BOOKED), call_id__in=list(call_ids))
    # What is wanted most comes last and stays.
    rows = sorted(live.select_related("listing"), key=lambda row: (row.status == AppointmentStatus.BOOKED, row.pk))
    return {row.call_id: row for row in rows if row.call_id}


def phase_seconds(call: Call, now: datetime) -> dict[str, float]:
    """Return the seconds spent in each phase; keys are upper-case."""
    seconds = {str(phase): float(value) for phase, value in call.phase_seconds.items()}
    if call.phase != Phase.ENDED and call.phase_since is not None:
        present = max((now - call.phase_since).total_seconds(), 0.0)
        seconds[call.phase] = round(seconds.get(call.phase, 0.0) + present, 3)
    return seconds


def duration_seconds(call: Call, now: datetime) -> float | None:
    """Return how long the call lasted, or has lasted so far; None before it was connected."""
    if call.started_at is None:
        return None
    end = call.ended_at or (call.started_at if call.phase == Phase.ENDED else now)
    return round(max((end - call.started_at).total_seconds(), 0.0), 3)


def _written(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
