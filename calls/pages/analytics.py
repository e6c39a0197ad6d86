"""/analytics: figures with their definitions, comparison, tables beside the charts, and CSV."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from calls.analytics.asked import PRESETS, Asked
from calls.analytics.figures import DIMENSIONS, TABLES, breakdown
from calls.analytics.headline import headline
from crm.exports.formats import FORMATS
from crm.exports.sending import streamed
from crm.models import Agent
from crm.rights import visible_leads

_SHOWN = ["hours", "days", "funnel", "endings", "lengths", "tools", "stages"]


@login_required
@never_cache
@require_safe
def analytics(request: HttpRequest) -> HttpResponse:
    asked = Asked(cast(Agent, request.user), request.GET)
    leads = visible_leads(cast(Agent, request.user))
    by = request.GET.get("by", "")
    by = by if by in DIMENSIONS else "listing"
    tables = {name: TABLES[name](asked) for name in _SHOWN}
    context = {
        "place": "analytics",
        "asked": asked,
        "form": asked.form,
        "set_filters": len(asked.narrowing) + asked.is_custom,
        "selects": [asked.form[name] for name in ("assistant", "listing", "owner", "team")],
        "sources": list(leads.order_by("source").values_list("source", flat=True).distinct()[:50]),
        "presets": [(days, asked.address(days=days, since=None, until=None)) for days in PRESETS],
        "figures": headline(asked),
        "tables": tables,
        "breakdown": breakdown(asked, by),
        "dimensions": [(name, words(), asked.address(by=name), name == by) for name, (words, *_) in DIMENSIONS.items()],
        "drawn": {name: table.drawn() for name, table in tables.items() if table.chart},
        "address": asked.address(),
    }
    return render(request, "calls/analytics.html", context)


@login_required
@never_cache
@require_safe
def analytics_file(request: HttpRequest, name: str, extension: str) -> StreamingHttpResponse:
    """One table as a file, under the filter of the address."""
    if name not in TABLES or extension not in FORMATS:
        raise Http404
    asked = Asked(cast(Agent, request.user), request.GET)
    table, (content_type, written) = TABLES[name](asked), FORMATS[extension]
    chunks = written([str(column) for column in table.columns], [row.cells for row in table.rows])
    days = f"{asked.period.first.isoformat()}-{asked.period.last.isoformat()}"
    return streamed(request, chunks, content_type, f"{name}-{days}.{extension}")
