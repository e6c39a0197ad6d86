"""The tables of /analytics: when calls come, how they end, how far leads get, how quick Pete is, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Count, Exists, F, FloatField, Min, OuterRef, Q, Sum
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay, TruncDate
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from calls.analytics.asked import Asked
from calls.analytics.tables import Row, Table
from calls.filters import KEPT, WEEKDAYS, booked_in
from calls.models import Stage
from calls.reports import ended_classes
from calls.tiles import board_words
from crm.models import Appointment, LeadStage, TimelineEntry

_WAY = [LeadStage.QUALIFIED, LeadStage.VIEWING_BOOKED, LeadStage.VIEWED, LeadStage.APPLIED, LeadStage.LEASED]
# (up to seconds, words): how long calls last.
_LENGTHS = [(30, "0:00–0:30"), (60, "0:30–1:00"), (120, "1:00–2:00"), (300, "2:00–5:00"), (None, "5:00+")]
MOST_ROWS = 50


class Percentile(Aggregate):
    """The value below which this share of the values lies."""

    function = "percentile_cont"
    template = "percentile_cont(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: Any, share: float, **extra: Any) -> None:
        super().__init__(expression, share=share, **extra)


def by_hour(asked: Asked) -> Table:
    counted = (
        asked.calls()
        .values(day=ExtractIsoWeekDay("created_at"), hour=ExtractHour("created_at"))
        .annotate(n=Count("pk"))
    )
    found = {(row["day"], row["hour"]): row["n"] for row in counted}
    rows = [
        Row([str(name), f"{hour:02}:00", found.get((day, hour), 0)], asked.href(weekday=day, hour=hour))
        for day, name in WEEKDAYS.items()
        for hour in range(24)
    ]
    return Table(
        "hours",
        _("When calls come"),
        _("Calls by the weekday and hour in which they began, on the office's clock."),
        [_("Day"), _("Hour"), _("Calls")],
        rows,
        "heat",
    )


def by_day(asked: Asked) -> Table:
    counted = asked.calls().annotate(day=TruncDate("created_at"), is_booked=booked_in()).values("day")
    found = {
        row["day"]: row
        for row in counted.annotate(n=Count("pk"), b=Count("pk", filter=Q(is_booked=True)), c=Sum("cost"))
    }
    rows = []
    for number in range(asked.period.days):
        day = asked.period.first + timedelta(days=number)
        row = found.get(day, {"n": 0, "b": 0, "c": None})
        link = asked.href(since=day.isoformat(), until=day.isoformat())
        rows.append(Row([day.isoformat(), row["n"], row["b"], f"{row['c'] or 0:.2f}"], link))
    return Table(
        "days",
        _("Calls day by day"),
        _("Calls that began on each day of the office, and those with a booked viewing."),
        [_("Day"), _("Calls"), _("Viewing booked"), _("Cost in $")],
        rows,
        "line",
    )


def reached(stage: LeadStage) -> Q:
    """Whether a lead has come to a stage: it stands there or further, or once did."""
    order = list(LeadStage.values)
    further = [name for name in order[order.index(stage) :] if name != LeadStage.LOST]
    changes = TimelineEntry.objects.filter(lead=OuterRef("pk"), kind="change")
    was = Exists(changes.filter(Q(data__stage__0__in=further) | Q(data__stage__1__in=further)))
    return Q(stage__in=further) | Q(was)


def funnel(asked: Asked) -> Table:
    steps = {stage.value: Count("pk", filter=reached(stage)) for stage in _WAY}
    counts = asked.leads().aggregate(all=Count("pk"), **steps)
    way: list[tuple[str, str, list[str]]] = [("all", _("Enquiry"), [])]
    way += [(stage.value, str(stage.label), list(_WAY[number:])) for number, stage in enumerate(_WAY)]
    rows = []
    for name, label, stages in way:
        share = round(counts[name] / counts["all"] * 100) if counts["all"] else 0
        rows.append(Row([label, counts[name], share], asked.leads_href([str(stage) for stage in stages])))
    return Table(
        "funnel",
        _("From enquiry to lease"),
        _(
            "Leads that came in these days, and how many of them have reached each stage by now; who was lost later "
            "still counts. Viewed: the prospect came; booked alone does not count. A link shows who stands there now."
        ),
        [_("Stage"), _("Leads"), _("Share of enquiries")],
        rows,
        "funnel",
    )


def endings(asked: Asked) -> Table:
    counted = asked.calls().filter(phase="ENDED").values("ended_class").annotate(n=Count("pk"))
    found: dict[str, int] = {}
    for row in counted:
        name = row["ended_class"] or "other"
        found[name] = found.get(name, 0) + row["n"]
    words = board_words()["outcomes"]
    rows = [Row([words[name], found[name]], asked.href(ended=name)) for name in ended_classes() if name in found]
    rows.sort(key=lambda row: -row.cells[1])
    return Table(
        "endings",
        _("How calls end"),
        _("Ended calls by the reason that Vapi gave, in families."),
        [_("Ending"), _("Calls")],
        rows,
        "bars",
    )


def lengths(asked: Asked) -> Table:
    timed = asked.calls().filter(phase="ENDED", started_at__isnull=False, ended_at__isnull=False)
    timed = timed.annotate(lasted=F("ended_at") - F("started_at"))
    counts, low = {}, timedelta()
    for seconds, label in _LENGTHS:
        high = timedelta(seconds=seconds) if seconds else timedelta(days=365)
        counts[label] = Count("pk", filter=Q(lasted__gte=low, lasted__lt=high))
        low = high
    found = timed.aggregate(**{f"n{number}": count for number, count in enumerate(counts.values())})
    rows = [Row([label, found[f"n{number}"]]) for number, label in enumerate(counts)]
    return Table(
        "lengths",
        _("How long calls last"),
        _("Ended calls by the time from being connected to the end."),
        [_("Length"), _("Calls")],
        rows,
        "columns",
    )


def tools(asked: Asked) -> Table:
    counted = (
        asked.tools()
        .values("name")
        .annotate(
            n=Count("pk"),
            half=Percentile("duration_ms", 0.5),
            most=Percentile("duration_ms", 0.95),
            refused=Count("pk", filter=~Q(code="")),
        )
    )
    rows = [
        Row([row["name"], row["n"], round(row["half"], 1), round(row["most"], 1), row["refused"]])
        for row in counted.order_by("-n", "name")[:MOST_ROWS]
    ]
    return Table(
        "tools",
        _("How quick tool calls are"),
        _(
            "Milliseconds from the arrival of a tool call to its answer: half are quicker than the median, 19 of 20 "
            "than the 95th percentile. Refused: answered with a reason why not."
        ),
        [_("Tool"), _("Calls"), _("Median ms"), _("95 % ms"), _("Refused")],
        rows,
    )


def stages(asked: Asked) -> Table:
    """How long until each stage is reached: the first tool call after which the call stood there."""
    rows = []
    for stage in (Stage.BOOKING, Stage.CONFIRMATION):
        first = asked.tools().filter(stage=stage, call__started_at__isnull=False).values("call")
        timed = first.annotate(after=Min("at") - F("call__started_at")).values_list("after", flat=True)
        seconds = sorted(after.total_seconds() for after in timed if after >= timedelta())
        rows.append(Row([str(stage.label), len(seconds), _middle(seconds, 0.5), _middle(seconds, 0.95)]))
    return Table(
        "stages",
        _("How soon stages are reached"),
        _("Seconds from being connected to the tool call that brought the call to the stage."),
        [_("Stage"), _("Calls"), _("Median s"), _("95 % s")],
        rows,
    )


def _middle(values: list[float], share: float) -> float | None:
    """Return the value at this share, between two where it falls between, as PostgreSQL's percentile_cont does."""
    if not values:
        return None
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return round(values[low] + (values[high] - values[low]) * (place - low), 1)


# Name, words, the column that holds the key, the column that names it, the filter of /calls that finds it.
DIMENSIONS: dict[str, tuple[Callable[[], str], str, str, str]] = {
    "source": (lambda: _("Source"), "lead__source", "lead__source", "source"),
    "listing": (lambda: _("Listing"), "listing", "listing__address", "listing"),
    "assistant": (lambda: _("Assistant"), "assistant", "assistant__name", "assistant"),
    "agent": (lambda: _("Agent"), "lead__owner", "lead__owner__full_name", "owner"),
    "team": (lambda: _("Team"), "lead__owner__team", "lead__owner__team__name", "team"),
}


def breakdown(asked: Asked, by: str) -> Table:
    """Return the calls by one dimension; those that belong nowhere are a row of their own."""
    words, key, name, field = DIMENSIONS[by]
    booked = Exists(Appointment.objects.filter(call_id=OuterRef("pk"), status__in=KEPT))
    names = [name, "listing__unit"] if by == "listing" else [name]
    counted = (
        asked.calls()
        .annotate(is_booked=booked)
        .values(key, *(column for column in names if column != key))
        .annotate(n=Count("pk"), b=Count("pk", filter=Q(is_booked=True)), c=Sum("cost"))
        .order_by("-n", name)[:MOST_ROWS]
    )
    rows = [_row(asked, row, key, names, field) for row in counted]
    columns: list[str | Promise] = [words(), _("Calls"), _("Viewing booked"), _("% booked"), _("Cost in $")]
    return Table(
        f"by-{by}",
        _("Calls by {what}").format(what=words().lower()),
        _("Calls that began in these days; booked: a viewing was booked in the call and not cancelled since."),
        columns,
        rows,
    )


def _row(asked: Asked, row: dict[str, Any], key: str, names: list[str], field: str) -> Row:
    label = ", ".join(str(row[name]) for name in names if row[name]) or _("None")
    share = round(row["b"] / row["n"] * 100)
    href = asked.href(**{field: row[key]}) if row[key] else ""
    return Row([label, row["n"], row["b"], share, f"{row['c'] or 0:.2f}"], href)


TABLES: dict[str, Callable[[Asked], Table]] = {
    "hours": by_hour,
    "days": by_day,
    "funnel": funnel,
    "endings": endings,
    "lengths": lengths,
    "tools": tools,
    "stages": stages,
} | {f"by-{by}": (lambda asked, by=by: breakdown(asked, by)) for by in DIMENSIONS}  # type: ignore[misc]
