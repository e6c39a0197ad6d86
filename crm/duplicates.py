"""Leads that may be one person: the same e-mail address, or the same name and something else besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Right, Upper
from django.utils.translation import gettext as _

from crm.leads import UNKNOWN_CALLER
from crm.models import Agent, Lead
from crm.rights import visible_leads

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 5
# Of 1: "Jon Smith" and "John Smith" have 0.6.
ALIKE = 0.5
# Two numbers of one line in the same area, or one digit misheard.
SAME_DIGITS = 4


@dataclass(frozen=True)
class Candidate:
    """Another lead that may be the same person, and what speaks for it."""

    lead: Lead
    reasons: list[str]


def candidates(lead: Lead, person: Agent) -> list[Candidate]:
    """Return the leads this person sees that may be the same as `lead`, the likeliest first."""
    others = visible_leads(person).exclude(pk=lead.pk)
    found = [Candidate(row, list(_reasons(lead, row))) for row in _alike(lead, others)]
    return sorted(found, key=lambda candidate: (-len(candidate.reasons), candidate.lead.pk))[:MOST]


def _alike(lead: Lead, others: QuerySet[Lead]) -> QuerySet[Lead]:
    alike = Q(pk__in=[])
    if lead.email:
        alike |= Q(address=lead.email.upper())
    if _has_name(lead):
        alike |= Q(upper_name__trigram_similar=lead.full_name, likeness__gte=ALIKE) & _something_else(lead)
    likeness = TrigramSimilarity("full_name", lead.full_name) if _has_name(lead) else Value(0.0)
    # Trigrams know no case; upper case is what the index has.
    others = others.alias(
        address=Upper("email"), last_digits=Right("phone", SAME_DIGITS), upper_name=Upper("full_name")
    )
    others = others.annotate(likeness=likeness)
    return others.filter(alike).select_related("owner").order_by(F("likeness").desc(), "pk")[: MOST * 2]


def _has_name(lead: Lead) -> bool:
    return len(lead.full_name) > 2 and lead.full_name != UNKNOWN_CALLER


def _something_else(lead: Lead) -> Q:
    """Say what must fit beside a similar name: a number that is like it or missing, the place, the same full name."""
    fits = Q(phone=None) | Q(full_name__iexact=lead.full_name)
    if lead.phone is None:
        return Q()
    fits |= Q(last_digits=lead.phone[-SAME_DIGITS:])
    return fits | Q(location__iexact=lead.location) if lead.location else fits


def _reasons(lead: Lead, other: Lead) -> Iterator[str]:
    if lead.email and lead.email.casefold() == other.email.casefold():
        yield _("same e-mail")
    if _has_name(lead) and lead.full_name.casefold() == other.full_name.casefold():
        yield _("same name")
    elif getattr(other, "likeness", 0) >= ALIKE:
        yield _("similar name")
    if lead.phone and other.phone and lead.phone[-SAME_DIGITS:] == other.phone[-SAME_DIGITS:]:
        yield _("similar number")
    if lead.location and lead.location.casefold() == other.location.casefold():
        yield _("same place")
