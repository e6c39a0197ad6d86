"""Compare what is in the database after a story with what the scenario expects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from calls.models import Call, ToolCall
from calls.phrases import say_list
from calls.rehearsal.scenario import Expected, ExpectedViewing
from calls.rehearsal.scenery import Scenery
from crm.models import Appointment, AppointmentStatus, Lead, OutgoingMessage, Task, TaskKind


@dataclass(frozen=True)
class Found:
    """What the calls of one scenario left behind."""

    made: Scenery
    calls: list[Call]

    @property
    def leads(self) -> QuerySet[Lead]:
        mine = Q(calls__in=self.made.calls) | Q(appointments__call_id__in=self.made.calls)
        return Lead.objects.filter(mine).distinct().order_by("pk")

    @property
    def viewings(self) -> list[Appointment]:
        agents = [row.pk for row in self.made.agents.values()]
        strangers = [row.pk for row in self.made.strangers]
        rows = Appointment.objects.filter(Q(agent__in=agents) | Q(call_id__in=self.made.calls))
        return list(rows.exclude(lead__in=strangers).select_related("agent", "listing").order_by("starts_at", "pk"))

    def tasks(self, kind: TaskKind) -> int:
        return Task.objects.filter(call_id__in=self.made.calls, kind=kind, done_at=None).count()

    def lines(self, role: str) -> list[str]:
        return [line["text"] for call in self.calls for line in call.transcript if line.get("role") == role]


def grade(expected: Expected, made: Scenery) -> list[str]:
    """Return what is not as expected, a sentence each; nothing when all is well."""
    rows = {call.pk: call for call in Call.objects.filter(pk__in=made.calls)}
    found = Found(made, [rows[pk] for pk in made.calls if pk in rows])
    problems = [*_viewings(expected, found), *_counts(expected, found)]
    problems += _fields("lead", expected.lead, list(found.leads))
    problems += _fields("call", expected.call, found.calls)
    context = found.calls[-1].context if found.calls else {}
    problems += [
        _differs(f"context.{k}", v, context.get(k)) for k, v in expected.context.items() if context.get(k) != v
    ]
    for role, word, texts in (("user", "heard", expected.heard), ("assistant", "said", expected.said)):
        problems += _words(word, texts, found.lines(role))
    return problems


def _counts(expected: Expected, found: Found) -> Iterable[str]:
    counts: list[tuple[str, int | None, Any]] = [
        ("leads", expected.leads, lambda: found.leads.count()),
        ("callbacks", expected.callbacks, lambda: found.tasks(TaskKind.CALLBACK)),
        ("follow_ups", expected.follow_ups, lambda: found.tasks(TaskKind.FOLLOW_UP)),
        ("calls", expected.calls, lambda: len(found.calls)),
        ("tool_calls", expected.tool_calls, lambda: ToolCall.objects.filter(call__in=found.made.calls).count()),
    ]
    for name, wanted, count in counts:
        if wanted is not None and (has := count()) != wanted:
            yield _differs(name, wanted, has)
    if expected.emails is not None:
        sent = sorted(OutgoingMessage.objects.filter(lead__in=found.leads).values_list("to", flat=True))
        if sent != sorted(expected.emails):
            yield _differs("emails", sorted(expected.emails), sent)


def _viewings(expected: Expected, found: Found) -> Iterable[str]:
    """Match the expected viewings with the rows, each with one. Unexpected live ones are a problem too."""
    left = found.viewings
    for wanted in expected.viewings:
        match = next((row for row in left if _fits(wanted, row, found.made)), None)
        if match is None:
            others = say_list([_said(row) for row in found.viewings], comma="; ") or "none"
            yield f"viewings: expected {_wanted(wanted, found.made)} (line {wanted.line}); there are: {others}."
        else:
            left.remove(match)
    now = timezone.now()
    for row in left:
        is_live = row.status == AppointmentStatus.BOOKED or (
            row.status == AppointmentStatus.HELD and not row.is_lapsed(now)
        )
        if is_live:
            yield f"viewings: {_said(row)} was not expected."


def _fits(wanted: ExpectedViewing, row: Appointment, made: Scenery) -> bool:
    return (
        row.starts_at == wanted.when.instant(made.today, settings.OFFICE_TZ)
        and row.status == wanted.status
        and wanted.agent in ("", row.agent.full_name)
        and wanted.home in ("", row.listing.address)
    )


def _wanted(wanted: ExpectedViewing, made: Scenery) -> str:
    place = f" at {wanted.home}" if wanted.home else ""
    person = f" with {wanted.agent}" if wanted.agent else ""
    return f"one {wanted.status} on {_when(wanted.when.instant(made.today, settings.OFFICE_TZ))}{person}{place}"


def _said(row: Appointment) -> str:
    return f"one {row.status} on {_when(row.starts_at)} with {row.agent} at {row.listing}"


def _when(instant: datetime) -> str:
    return f"{instant.astimezone(settings.OFFICE_TZ):%A %Y-%m-%d %H:%M}"


def _fields(name: str, wanted: dict[str, Any], rows: list[Any]) -> list[str]:
    """Compare fields of the last row of its kind."""
    if not wanted:
        return []
    if not rows:
        return [f"{name}: there is none."]
    row = rows[-1]
    return [
        _differs(f"{name}.{field}", value, getattr(row, field))
        for field, value in wanted.items()
        if not _same(value, getattr(row, field))
    ]


def _same(wanted: Any, has: Any) -> bool:
    if isinstance(has, Decimal):
        return isinstance(wanted, int | float) and has == Decimal(str(wanted))
    return bool(wanted == has)


def _words(name: str, texts: Iterable[str], lines: list[str]) -> list[str]:
    everything = "\n".join(lines).casefold()
    return [f"{name}: nobody said “{text}”." for text in texts if text.casefold() not in everything]


def _differs(name: str, wanted: Any, has: Any) -> str:
    return f"{name}: expected {_shown(wanted)}, there is {_shown(has)}."


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "nothing"
    return f"“{value}”" if isinstance(value, str) else "nothing" if value is None else str(value)
