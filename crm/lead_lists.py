"""Lists of leads: what they are narrowed by, in which order they come, and what each row says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.desk import day_bounds
from crm.models import Agent, Appointment, AppointmentStatus, Lead, LeadStage, Task, TimelineEntry
from crm.models.appointments import LIVE
from crm.phones import to_e164
from crm.rights import Scope, colleagues, visible_leads

if TYPE_CHECKING:
    from django.http import QueryDict
    from django.utils.functional import Promise

# Fewer digits would find nearly everybody.
FEWEST_DIGITS = 3
LONGEST_SEARCH = 200
LARGEST_ID = 2**63 - 1

SORTS: dict[str, tuple[str | Promise, list[str]]] = {
    "newest": (_("Newest first"), ["-created_at", "-id"]),
    "oldest": (_("Oldest first"), ["created_at", "id"]),
    "next": (_("Next task first"), ["next_due", "id"]),
    "waiting": (_("Longest in the stage"), ["stage_changed_at", "id"]),
    "name": (_("Name"), ["sort_name", "id"]),
    "budget": (_("Highest budget"), ["-budget", "-id"]),
}
DUE: dict[str, str | Promise] = {
    "overdue": _("Task overdue"),
    "today": _("Task due today"),
    "week": _("Task due in 7 days"),
    "none": _("Nothing planned"),
}
CREATED_DAYS = [1, 7, 30, 90]
# "open" among the stages: everything that may still come to a lease.
OPEN_STAGES = [stage.value for stage in LeadStage if stage not in (LeadStage.LEASED, LeadStage.LOST)]


@dataclass(frozen=True)
class Filters:
    """What the address of a list of leads asks for. What makes no sense is not there."""

    words: str = ""
    stages: list[str] = field(default_factory=list)
    source: str = ""
    listing: int | None = None
    owner: int | None = None
    due: str = ""
    created: int | None = None
    sort: str = "newest"

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        created = _number(query.get("created"))
        return cls(
            words=" ".join(query.get("q", "").replace("\0", "").split())[:LONGEST_SEARCH],
            stages=_stages(query.getlist("stage")),
            source=query.get("source", "").replace("\0", "")[:50],
            listing=_number(query.get("listing")),
            owner=_number(query.get("owner")),
            due=query.get("due", "") if query.get("due") in DUE else "",
            created=created if created in CREATED_DAYS else None,
            sort=query.get("sort", "") if query.get("sort") in SORTS else "newest",
        )

    @property
    def are_any(self) -> bool:
        """Say whether anything is hidden by them."""
        return bool(self.words or self.stages or self.source or self.due or self.listing or self.owner or self.created)

    @property
    def stage(self) -> str:
        """The one choice that says the same as `stages`, "several" if none does."""
        if self.stages == OPEN_STAGES:
            return "open"
        return self.stages[0] if len(self.stages) == 1 else "several" if self.stages else ""

    def narrow(self, leads: QuerySet[Lead], now: datetime | None = None) -> QuerySet[Lead]:
        """Return those of `leads` that fit."""
        now = now or timezone.now()
        if self.words:
            leads = leads.filter(matching(self.words))
        if self.stages:
            leads = leads.filter(stage__in=self.stages)
        if self.source:
            leads = leads.filter(source=self.source)
        if self.owner is not None:
            leads = leads.filter(owner=self.owner)
        if self.listing is not None:
            shown = Appointment.objects.filter(lead=OuterRef("pk"), listing=self.listing)
            leads = leads.filter(Exists(shown.exclude(status=AppointmentStatus.CANCELLED)))
        if self.created is not None:
            leads = leads.filter(created_at__gte=now - timedelta(days=self.created))
        return leads.filter(_due(self.due, now)) if self.due else leads

    def ordered(self, leads: QuerySet[Lead]) -> QuerySet[Lead]:
        """Add what the order needs; `ordering` names the fields."""
        if self.sort == "next":
            return leads.annotate(next_due=Subquery(_open_tasks().values("due_at")[:1]))
        return leads.annotate(sort_name=Lower("full_name")) if self.sort == "name" else leads

    @property
    def ordering(self) -> list[str]:
        return SORTS[self.sort][1]


def matching(words: str) -> Q:
    """Find by any part of name, email or place, or by the digits of a phone number as somebody types it."""
    found = Q(full_name__icontains=words) | Q(email__icontains=words) | Q(location__icontains=words)
    digits = re.sub(r"[\s()+./-]", "", words)
    if digits.isascii() and digits.isdigit() and len(digits) >= FEWEST_DIGITS:
        found |= Q(phone__contains=digits)
    number = to_e164(words)
    return found | Q(phone=number) if number else found


def _stages(names: list[str]) -> list[str]:
    return OPEN_STAGES if "open" in names else [stage for stage in LeadStage.values if stage in names]


def _number(text: str | None) -> int | None:
    if not text or not re.fullmatch(r"[0-9]{1,19}", text, re.ASCII):
        return None
    return min(int(text), LARGEST_ID)


def _open_tasks() -> QuerySet[Task]:
    return Task.objects.filter(lead=OuterRef("pk"), done_at=None).order_by("due_at")


def _due(name: str, now: datetime) -> Q:
    tasks = _open_tasks().order_by()
    start, end = day_bounds(now)
    coming = Appointment.objects.filter(lead=OuterRef("pk"), status__in=LIVE, starts_at__gte=now)
    conditions = {
        "overdue": Q(Exists(tasks.filter(due_at__lt=now))),
        "today": Q(Exists(tasks.filter(due_at__gte=start, due_at__lt=end))),
        "week": Q(Exists(tasks.filter(due_at__gte=start, due_at__lt=end + timedelta(days=6)))),
        "none": ~Q(Exists(tasks)) & ~Q(Exists(coming)),
    }
    return conditions[name]


def scope_counts(person: Agent, filters: Filters) -> dict[str, int]:
    """Return how many leads each tab shows under these filters, in one query."""
    mates = list(colleagues(person).values_list("pk", flat=True))
    counted = filters.narrow(visible_leads(person)).aggregate(
        mine=Count("pk", filter=Q(owner=person)),
        unclaimed=Count("pk", filter=Q(owner=None)),
        team=Count("pk", filter=Q(owner__in=mates)),
        all=Count("pk"),
    )
    return {scope.value: counted[scope.value] for scope in Scope}


@dataclass(frozen=True)
class Step:
    """What comes next with a lead: an open task or a viewing."""

    text: str
    at: datetime
    is_late: bool
    is_viewing: bool


@dataclass(frozen=True)
class Age:
    """How long a lead has been in its stage: "" while that is usual, else "warn" or "bad"."""

    days: int
    tone: str


@dataclass(frozen=True)
class LeadRow:
    """One lead as a list shows it."""

    lead: Lead
    step: Step | None
    last: TimelineEntry | None
    age: Age


# Days in a stage after which somebody should look, and after which somebody should have looked.
PATIENCE: Mapping[str, tuple[int, int]] = {
    LeadStage.NEW: (1, 3),
    LeadStage.QUALIFIED: (3, 7),
    LeadStage.VIEWING_BOOKED: (7, 14),
    LeadStage.VIEWED: (2, 5),
    LeadStage.APPLIED: (4, 8),
}


def age_in_stage(lead: Lead, now: datetime) -> Age:
    """Return how long the lead has been in its stage. Leased and lost ones wait for nothing."""
    days = max((now - lead.stage_changed_at).days, 0)
    amber, red = PATIENCE.get(lead.stage, (None, None))
    if amber is None or red is None or days < amber:
        return Age(days, "")
    return Age(days, "bad" if days >= red else "warn")


def lead_rows(leads: Iterable[Lead], now: datetime | None = None) -> list[LeadRow]:
    """Return the rows of these leads, in three queries however many there are."""
    now = now or timezone.now()
    leads = list(leads)
    ids = [lead.pk for lead in leads]
    steps = next_steps(ids, now)
    entries = TimelineEntry.objects.filter(lead__in=ids).order_by("lead_id", "-at", "-pk").distinct("lead_id")
    last = {entry.lead_id: entry for entry in entries.only("lead_id", "kind", "at", "text")}
    return [LeadRow(lead, steps.get(lead.pk), last.get(lead.pk), age_in_stage(lead, now)) for lead in leads]


def next_steps(ids: list[int], now: datetime) -> dict[int, Step]:
    """Return by lead what is due first: the earliest open task or the next viewing."""
    tasks = Task.objects.filter(lead__in=ids, done_at=None).order_by("lead_id", "due_at", "pk").distinct("lead_id")
    viewings = Appointment.objects.filter(lead__in=ids, status__in=LIVE, starts_at__gte=now)
    viewings = viewings.select_related("listing").order_by("lead_id", "starts_at", "pk").distinct("lead_id")
    steps = {row.lead_id: Step(str(row.listing), row.starts_at, is_late=False, is_viewing=True) for row in viewings}
    for task in tasks:
        viewing = steps.get(task.lead_id or 0)
        if task.lead_id and (viewing is None or task.due_at <= viewing.at):
            steps[task.lead_id] = Step(task.text, task.due_at, is_late=task.due_at < now, is_viewing=False)
    return steps
