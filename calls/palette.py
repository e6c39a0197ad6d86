"""Calls in the search over everything, and so in the command palette."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import Call
from calls.rights import visible_calls
from calls.search import Hit, hits, search
from crm import palette, wording
from crm.models import Agent
from crm.search import anything


def find_calls(person: Agent, query: str, limit: int) -> list[anything.Hit]:
    """Find calls by the caller's name or number, or by what was said."""
    found = search(person, visible_calls(person), query).select_related("lead").order_by("-created_at", "-pk")
    rows = list(found[:limit])
    lines = hits([call.pk for call in rows], query) if rows else {}
    return [_hit(call, lines.get(call.pk)) for call in rows]


def _hit(call: Call, line: Hit | None) -> anything.Hit:
    who = wording.person(call.lead) if call.lead else wording.phone(call.customer_number) or _("unknown caller")
    said = "".join(text for text, _is_found in line.pieces) if line else ""
    detail = wording.short(call.created_at, timezone.now())
    return anything.Hit("call", str(call.pk), who, detail, anything.page_of("call", call.pk), said)


def connect() -> None:
    anything.register("call", find_calls)
    palette.register(gettext_lazy("Calls"), palette.shown("call", "phone"))
