"""Search through what was said: the words of ended calls lie in an index, those of the few live ones are read.

The words are taken with English stems; names and numbers are found as they were said in any language.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import BooleanField, F, Func, QuerySet

from calls.models import Call, Phase, SpokenWords
from crm.models import Agent
from crm.rights import visible_leads

LONGEST_QUERY = 200
FEWEST_DIGITS = 4
# Around a found word; nobody speaks them, and a transcript that holds them loses them.
_BEGIN, _END = "\ue000", "\ue001"
_HEADLINE = f"StartSel={_BEGIN}, StopSel={_END}, MaxWords=24, MinWords=12, MaxFragments=1"
# The line of each call that fits best. Of several words any counts: they may stand in different lines.
_BEST_LINES = """
    WITH wanted AS (SELECT replace(websearch_to_tsquery('english', %(query)s)::text, '&', '|')::tsquery AS any_word)
    SELECT DISTINCT ON (call.id)
           call.id, line.number - 1, line.value ->> 'role',
           ts_headline('english', translate(line.value ->> 'text', %(marks)s, ''), wanted.any_word, %(options)s)
    FROM wanted, calls_call call, jsonb_array_elements(call.transcript) WITH ORDINALITY AS line (value, number)
    WHERE call.id = ANY(%(ids)s) AND to_tsvector('english', line.value ->> 'text') @@ wanted.any_word
    ORDER BY call.id, ts_rank(to_tsvector('english', line.value ->> 'text'), wanted.any_word) DESC, line.number
"""


@dataclass(frozen=True)
class Hit:
    """The line of a call that fits a search best: which one, who said it, and its text in (text, is found) pieces."""

    line: int
    role: str
    pieces: list[tuple[str, bool]]


class _Matches(Func):
    template = "%(expressions)s"
    arg_joiner = " @@ "
    output_field = BooleanField()


class _IsOneOf(Func):
    """An array is read once before everything else; of `IN` PostgreSQL may make one search for every call."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def search(person: Agent, calls: QuerySet[Call], query: str) -> QuerySet[Call]:
    """Return those of `calls` in which these words were said, or whose caller has this name or number."""
    words = SearchQuery(query, config="english", search_type="websearch")
    said = calls.alias(is_said=_Matches(SpokenWords("transcript"), words))
    # Two arms, because the index holds ended calls only.
    found = [
        said.filter(phase=Phase.ENDED, is_said=True),
        said.exclude(phase=Phase.ENDED).filter(is_said=True),
        calls.filter(lead__in=visible_leads(person).filter(full_name__icontains=query).order_by().values("pk")),
    ]
    digits = re.sub(r"\D", "", query)
    if len(digits) >= FEWEST_DIGITS:
        found.append(calls.filter(customer_number__contains=digits))
    first, *others = [arm.order_by().values("pk") for arm in found]
    return Call.objects.filter(_IsOneOf(F("pk"), ArraySubquery(first.union(*others))))


def hits(calls: Collection[UUID], query: str) -> dict[UUID, Hit]:
    """Return the best line of each of these calls, if the words were said in it. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BEST_LINES, {"query": query, "ids": list(calls), "options": _HEADLINE, "marks": f"{_BEGIN}{_END}"}
        )
        return {call_id: Hit(line, role or "", pieces(text)) for call_id, line, role, text in cursor.fetchall()}


def pieces(headline: str) -> list[tuple[str, bool]]:
    """Split a headline at its marks: what was found is every second piece."""
    parts = re.split(f"[{_BEGIN}{_END}]", headline)
    return [(part, number % 2 == 1) for number, part in enumerate(parts) if part]
