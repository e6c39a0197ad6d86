"""Setting right at Vapi what somebody has looked at: what the page's button and programs do."""

from __future__ import annotations

from collections.abc import Mapping

from calls.client import VapiClient
from calls.errors import VapiNotReady
from calls.sync.apply import Result, apply
from calls.sync.compare import Kind
from calls.sync.mapping import adopt
from calls.sync.overview import read
from calls.sync.wanted import obstacle


def set_right(looked_at: Mapping[str, str]) -> list[Result]:
    """Apply the differences with these fingerprints, by Vapi's id; return what became of each.

    Raises VapiNotReady where nothing can be set right from here.
    """
    found, trouble = read()
    trouble = obstacle() or trouble
    if found is None or trouble:
        raise VapiNotReady(trouble)
    plans = [plan for plan in found.plans if plan.vapi_id in looked_at]
    adopt(found, [plan.vapi_id for plan in plans if plan.kind is Kind.ASSISTANT])
    with VapiClient() as client:
        return apply(client, found, plans, looked_at=looked_at)
