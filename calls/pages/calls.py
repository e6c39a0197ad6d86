"""/calls: every call a person may see, narrowed by tab, filter and words, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from calls.filters import DIRECTIONS, CallFilter
from calls.models import Call, Phase
from calls.rights import calls_in_scope, visible_calls
from calls.search import Hit, hits, search
from calls.shapes import duration_seconds, is_practice, viewings_of
from calls.tiles import board_words
from crm import wording
from crm.models import Agent, Appointment
from crm.pages import lists
from crm.rights import Scope

# Nobody counts further, and the database need not either.
MOST_COUNTED = 1_000
_HEAVY = ("transcript", "context", "structured_data", "phase_seconds")


@dataclass(frozen=True)
class CallRow:
    """One line of the list: who, what came of it, when, how long."""

    call: Call
    name: str
    number: str
    outcome: str
    tone: str
    ending: str
    alerts: list[str]
    length: str
    direction: str
    is_practice: bool
    hit: Hit | None


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def calls(request: HttpRequest) -> HttpResponse:
    """The list; htmx asks for everything below the heading."""
    person, now = cast(Agent, request.user), timezone.now()
    form = CallFilter(request.GET)
    query = form.wanted.get("q", "")
    scope = scope_of(request)
    page = lists.page_of(request, found_calls(person, scope, form).defer(*_HEAVY), ["-created_at"])
    context = {
        "place": "calls",
        "scope": scope.value,
        "form": form,
        "selects": [form[name] for name in ("assistant", "listing", "ended", "stage", "direction")],
        "query": query,
        "is_narrowed": bool(form.wanted),
        "set_filters": len(form.wanted.keys() - {"q", *(field.html_name for field in form.carried)}),
        "tabs": _tabs(request, person, scope, form, query),
        "page": page,
        "rows": call_rows(page.rows, query, now),
        "hidden": _hidden(person, scope, page.rows, form),
    }
    is_part = getattr(request, "htmx", False) and not request.htmx.boosted  # type: ignore[attr-defined]
    return render(request, "calls/parts/calls.html" if is_part else "calls/calls.html", context)


def found_calls(person: Agent, scope: Scope, form: CallFilter) -> QuerySet[Call]:
    """Return the calls that the list shows, page after page."""
    found = form.narrow(_searched(person, calls_in_scope(person, scope), form.wanted.get("q", "")))
    return found.select_related("lead", "lead__owner", "listing", "assistant")


def scope_of(request: HttpRequest) -> Scope:
    """Return the tab that was asked for, by default all: a call of nobody's is what most people look for."""
    return lists.scope_of(request, Scope.ALL)


def call_rows(found: Sequence[Call], query: str, now: datetime) -> list[CallRow]:
    """Return the lines of these calls, in at most two statements whatever their number."""
    ids = [call.pk for call in found]
    viewings, said = viewings_of(ids, now), hits(ids, query) if query else {}
    words = board_words()
    return [_row(call, viewings.get(call.pk), said.get(call.pk), words, now) for call in found]


def outcome(
    call: Call, viewing: Appointment | None, words: dict[str, dict[str, str]], now: datetime
) -> tuple[str, str]:
    """Return what came of a call so far, in words, with the tone it is shown in."""
    if viewing is not None and viewing.status != "held":
        return f"{words['steps']['booked']}: {wording.when(viewing.starts_at, now)}", "ok"
    if call.phase != Phase.ENDED:
        return _("On the line: {phase}").format(phase=words["phases"][call.phase]), "live"
    family = call.ended_class or "other"
    return words["outcomes"].get(family, words["outcomes"]["other"]), "bad" if family == "error" else ""


def _row(
    call: Call, viewing: Appointment | None, hit: Hit | None, words: dict[str, dict[str, str]], now: datetime
) -> CallRow:
    seconds, number = duration_seconds(call, now), wording.phone(call.customer_number)
    name = wording.person(call.lead) if call.lead else number or words["say"]["unknown"]
    said, tone = outcome(call, viewing, words, now)
    return CallRow(
        call=call,
        name=name,
        number="" if number == name else number,
        outcome=said,
        tone=tone,
        ending=words["outcomes"].get(call.ended_class or "other", ""),
        alerts=[words["alerts"].get(code, code) for code in dict.fromkeys(item["code"] for item in call.alerts)],
        length="" if seconds is None else wording.duration(seconds),
        direction=str(DIRECTIONS.get(call.direction, call.direction)),
        is_practice=is_practice(call),
        hit=hit,
    )


def _searched(person: Agent, found: QuerySet[Call], query: str) -> QuerySet[Call]:
    return found.filter(pk__in=search(person, visible_calls(person), query).values("pk")) if query else found


def _tabs(request: HttpRequest, person: Agent, present: Scope, form: CallFilter, query: str) -> list[lists.Tab]:
    """Return the tabs with how many calls each one holds under the present filter."""
    tabs = []
    for scope in Scope:
        found = form.narrow(_searched(person, calls_in_scope(person, scope), query))
        count = found.order_by()[:MOST_COUNTED].count()
        href = lists.link(request, scope=scope.value)
        tabs.append(lists.Tab(scope.value, str(scope.label), count, href, is_current=scope == present))
    return tabs


def _hidden(person: Agent, scope: Scope, shown: Sequence[Call], form: CallFilter) -> int:
    """Return how many calls the filter hides when it leaves none."""
    if shown or not form.wanted:
        return 0
    return calls_in_scope(person, scope).order_by()[:MOST_COUNTED].count()
