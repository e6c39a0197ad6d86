"""Set right what differs, each thing by itself.

Before each PATCH the thing is read again, so that what somebody changed in Vapi's dashboard meanwhile is neither
overwritten nor missed; afterwards it is read once more, because a change may have landed in a draft that nobody hears.
Doing it twice changes nothing the second time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from calls.client import VapiClient
from calls.errors import VapiRefused, VapiUnavailable
from calls.sync.compare import Kind, Plan, Resource, plan_number
from calls.sync.survey import Survey
from calls.sync.tools import plan_assistant, plan_tool
from calls.sync.wanted import Wanted

logger = logging.getLogger(__name__)

# Vapi is away: who waits for the page is told so.
_MOST_FAILURES_IN_A_ROW = 3


class Outcome(StrEnum):
    APPLIED = "applied"
    IN_ORDER = "in order"
    # Somebody changed it since the differences were looked at: nothing was sent.
    CHANGED = "changed meanwhile"
    # Vapi took the change, and what it publishes is still the old.
    NOT_PUBLISHED = "not published"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Result:
    """What became of one plan."""

    plan: Plan
    outcome: Outcome
    detail: str = ""

    @property
    def is_good(self) -> bool:
        return self.outcome in (Outcome.APPLIED, Outcome.IN_ORDER)


def apply(
    client: VapiClient,
    found: Survey,
    plans: Sequence[Plan],
    *,
    looked_at: Mapping[str, str] | None = None,
    wanted: Wanted | None = None,
) -> list[Result]:
    """Apply these plans of `found`; return a result for each, whatever happens to the others.

    `looked_at` are the fingerprints a person has seen, by id: what differs otherwise by now is left alone.
    """
    wanted, results, failures, stop = wanted or Wanted.load(), [], 0, ""
    for plan in plans:
        if stop:
            results.append(Result(plan, Outcome.NOT_TRIED, stop))
            continue
        expected = (looked_at or {}).get(plan.vapi_id)
        result, stop = _apply_one(client, found, plan, wanted, expected)
        failures = failures + 1 if result.outcome is Outcome.FAILED else 0
        if failures >= _MOST_FAILURES_IN_A_ROW:
            stop = stop or _("Vapi failed several times in a row")
        results.append(result)
        logger.info("Vapi's %s %s: %s", plan.kind, plan.vapi_id, result.outcome)
    return results


def _apply_one(
    client: VapiClient, found: Survey, plan: Plan, wanted: Wanted, expected: str | None
) -> tuple[Result, str]:
    """Return the result, and why to stop here, if so."""
    try:
        return _set_right(client, found, plan, wanted, expected), ""
    except VapiUnavailable as exc:
        if exc.retry_after is not None or exc.status == 429:
            return _busy(plan, exc.retry_after)
        return Result(plan, Outcome.FAILED, _("Vapi did not answer; try again")), ""
    except VapiRefused as exc:
        if exc.status in (401, 403):
            return Result(plan, Outcome.FAILED, _("Vapi refuses the key in VAPI_API_KEY")), _("Vapi refuses the key")
        if exc.status == 404:
            return Result(plan, Outcome.FAILED, _("It is not at Vapi any more")), ""
        refused = _("Vapi refuses the change: %(reason)s") % {"reason": exc.reason or exc}
        return Result(plan, Outcome.FAILED, refused), ""


def _busy(plan: Plan, seconds: float | None) -> tuple[Result, str]:
    if seconds is None:
        later, stop = _("Vapi is busy; try again later"), _("Vapi asks to come back later")
    else:
        wait = {"n": f"{seconds:g}"}
        later, stop = _("Vapi is busy; try again in %(n)s s") % wait, _("Vapi asks to come back in %(n)s s") % wait
    return Result(plan, Outcome.FAILED, later), stop


def _set_right(client: VapiClient, found: Survey, plan: Plan, wanted: Wanted, expected: str | None) -> Result:
    read, update = _ways(client, plan.kind)
    fresh = _plan_again(read(plan.vapi_id), found, plan, wanted)
    if not fresh.changes:
        return Result(fresh, Outcome.IN_ORDER)
    if expected is not None and fresh.fingerprint != expected:
        return Result(fresh, Outcome.CHANGED, _("It was changed at Vapi while you were looking; look again"))
    update(plan.vapi_id, fresh.body)
    after = _plan_again(read(plan.vapi_id), found, plan, wanted)
    if after.changes:
        detail = _("Vapi took the change, but does not show it: publish the draft in Vapi's dashboard")
        return Result(fresh, Outcome.NOT_PUBLISHED, detail)
    is_new = after.version not in ("", plan.version)
    return Result(fresh, Outcome.APPLIED, _("now %(version)s") % {"version": after.version} if is_new else "")


def _plan_again(now: Resource, found: Survey, plan: Plan, wanted: Wanted) -> Plan:
    if plan.kind is Kind.ASSISTANT:
        return plan_assistant(now, found.tools, wanted)
    return plan_tool(now, wanted) if plan.kind is Kind.TOOL else plan_number(now, wanted)


def _ways(client: VapiClient, kind: Kind) -> tuple[Callable[[str], Resource], Callable[[str, Mapping[str, Any]], Any]]:
    """Return how a thing of this kind is read and how it is changed."""
    if kind is Kind.ASSISTANT:
        return client.assistant, client.update_assistant
    if kind is Kind.TOOL:
        return client.tool, client.update_tool
    return client.phone_number, client.update_phone_number
