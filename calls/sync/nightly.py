"""The nightly comparison of what speaks for Pete at Vapi with what Pete needs. Nothing is changed: managers are told.

The same differences are told once; other ones, or the same after all was right, are news.
"""

from __future__ import annotations

import hashlib
import logging

from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from calls.client import VapiClient
from calls.errors import VapiRefused
from calls.models import Assistant
from calls.sync.survey import Survey, survey
from calls.sync.wanted import obstacle
from crm import notices
from crm.models import NoticeKind
from crm.notice_causes import managers

logger = logging.getLogger(__name__)

_TOLD = "calls:assistants-told"
_NAMES_SHOWN = 3
_REFUSED = "refused"


def check() -> int:
    """Compare, and tell managers of what is new; return how many differ, need a person or are gone.

    Raises VapiUnavailable.
    """
    if obstacle():
        return 0
    try:
        with VapiClient() as client:
            found = survey(client)
    except VapiRefused as exc:
        logger.error("Vapi refuses to be read: %s", exc)
        _say(_REFUSED, "assistants_refused", {})
        return 0
    wrong = _wrong(found)
    _say(_digest(wrong), "assistants_drifted", _words(list(wrong.values())))
    return len(wrong)


def _wrong(found: Survey) -> dict[str, str]:
    """Return the names of what is not right, by what is wrong with it."""
    wrong = {
        f"{plan.vapi_id} {plan.fingerprint} {sorted(plan.problems)}": plan.name
        for plan in found.plans
        if plan.changes or plan.problems
    }
    gone = Assistant.objects.filter(is_active=True).exclude(vapi_id__in=found.assistants)
    return wrong | {f"{row.vapi_id} gone": row.name for row in gone}


def _digest(wrong: dict[str, str]) -> str:
    return hashlib.sha256("\n".join(sorted(wrong)).encode()).hexdigest()[:16] if wrong else ""


def _words(names: list[str]) -> dict[str, object]:
    shown = sorted(set(names), key=str.casefold)[:_NAMES_SHOWN]
    more = len(names) - len(shown)
    return {"n": len(names), "names": ", ".join(shown) + (f" +{more}" if more > 0 else "")}


def _say(digest: str, event: str, data: dict[str, object]) -> None:
    told = cache.get(_TOLD) or {}
    if told.get("digest", "") == digest:
        return
    if told:
        notices.settle(told["key"])
        cache.delete(_TOLD)
    if digest:
        key = f"assistants:{digest}:{timezone.now():%Y-%m-%d}"
        url = reverse("assistants")
        notices.notify(managers(), event, kind=NoticeKind.SYNC_PROBLEM, key=key, url=url, data=data)
        cache.set(_TOLD, {"digest": digest, "key": key}, timeout=None)
