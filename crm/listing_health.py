"""How a home has fared of late: calls, questions, viewings, no-shows. Who knows of calls registers a source."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet

from crm.models import Appointment, AppointmentStatus, Listing, ListingStatus

PERIOD = timedelta(days=30)
# A home to let that nobody asked about, viewed or is to view for so long is quiet.
QUIET_AFTER = timedelta(days=14)


@dataclass(frozen=True)
class CallFigures:
    """Calls about one home, and what callers asked about it, by kind of question."""

    calls: int = 0
    questions: Mapping[str, int] = field(default_factory=dict)
    last_at: datetime | None = None


# Given homes and since when, returns the figures of those that were called about.
Source = Callable[[Collection[int], datetime], Mapping[int, CallFigures]]
_sources: list[Source] = []
# Given since when, returns the condition that a home was asked about; OuterRef("pk") is the home.
Asked = Callable[[datetime], Exists]
_asked: list[Asked] = []
_VIEWED = [AppointmentStatus.BOOKED, AppointmentStatus.COMPLETED, AppointmentStatus.NO_SHOW]


@dataclass(frozen=True)
class Health:
    """The figures of the last 30 days; `next_at` is the next viewing."""

    calls: int = 0
    questions: Mapping[str, int] = field(default_factory=dict)
    viewings: int = 0
    completed: int = 0
    no_shows: int = 0
    next_at: datetime | None = None
    is_quiet: bool = False

    @property
    def asked(self) -> int:
        return sum(self.questions.values())


def register(source: Source, asked: Asked) -> None:
    """Have `source` asked for the calls about homes, and `asked` whether there were any."""
    if source not in _sources:
        _sources.append(source)
        _asked.append(asked)


def quiet(homes: QuerySet[Listing], now: datetime) -> QuerySet[Listing]:
    """Return those of `homes` that are quiet, as `Health.is_quiet` has it for homes one knows already."""
    since = now - QUIET_AFTER
    viewed = Appointment.objects.filter(listing=OuterRef("pk"), starts_at__gte=since, status__in=_VIEWED)
    still = homes.filter(~Exists(viewed), status=ListingStatus.AVAILABLE, created_at__lt=since)
    return still.filter(*(~asked(since) for asked in _asked))


def health(listings: Iterable[Listing], now: datetime) -> dict[int, Health]:
    """Return each home's figures with one query, and one of each source."""
    homes = {listing.pk: listing for listing in listings}
    since = now - PERIOD
    calls: dict[int, CallFigures] = {}
    for source in _sources:
        calls.update(source(list(homes), since))
    viewings = _viewings(list(homes), since, now)
    none = CallFigures()
    return {pk: _health(listing, calls.get(pk, none), viewings.get(pk, {}), now) for pk, listing in homes.items()}


def _viewings(ids: Collection[int], since: datetime, now: datetime) -> dict[int, dict]:
    kept = Appointment.objects.filter(listing__in=ids).exclude(status=AppointmentStatus.CANCELLED)
    past = Q(starts_at__gte=since, starts_at__lt=now) & ~Q(status=AppointmentStatus.HELD)
    to_come = Q(starts_at__gte=now, status=AppointmentStatus.BOOKED)
    rows = (
        kept.filter(starts_at__gte=since)
        .order_by()
        .values("listing")
        .annotate(
            viewings=Count("pk", filter=past),
            completed=Count("pk", filter=past & Q(status=AppointmentStatus.COMPLETED)),
            no_shows=Count("pk", filter=past & Q(status=AppointmentStatus.NO_SHOW)),
            last_at=Max("starts_at", filter=past),
            next_at=Min("starts_at", filter=to_come),
        )
    )
    return {row["listing"]: dict(row) for row in rows}


def _health(listing: Listing, calls: CallFigures, viewings: dict, now: datetime) -> Health:
    seen = [at for at in (calls.last_at, viewings.get("last_at"), listing.created_at) if at]
    is_quiet = (
        listing.status == ListingStatus.AVAILABLE and viewings.get("next_at") is None and max(seen) < now - QUIET_AFTER
    )
    return Health(
        calls=calls.calls,
        questions=calls.questions,
        viewings=viewings.get("viewings", 0),
        completed=viewings.get("completed", 0),
        no_shows=viewings.get("no_shows", 0),
        next_at=viewings.get("next_at"),
        is_quiet=is_quiet,
    )
