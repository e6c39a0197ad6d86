"""What agents and managers are told about their calendars. Each finding has a key, so it is told once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone, translation
from kombu.exceptions import OperationalError

from calendar_sync.models import WORDS, Notice, NoticeKind, Push
from crm import notices
from crm.models import Agent, Appointment

logger = logging.getLogger(__name__)

# Of these people are told by e-mail too: nothing is read or written until somebody acts.
MAILED = (NoticeKind.CONNECTION,)
_LONGEST = 500
# What is said: in one language, or put into words in each.
Said = str | Callable[[], str]


def raise_notice(
    kind: NoticeKind,
    agent: Agent,
    *,
    key: str,
    text: Said,
    cure: Said = "",
    appointment: Appointment | None = None,
    push: Push | None = None,
    data: dict[str, Any] | None = None,
) -> Notice:
    """Return the open notice with this key: a new one, the one there is brought up to date, or a resolved one again."""
    said = in_every_language(text, cure)
    first_text, first_cure = said.pop(settings.LANGUAGE_CODE)
    data = (data or {}) | ({WORDS: said} if said else {})
    values = {
        "kind": kind,
        "agent": agent,
        "text": first_text,
        "cure": first_cure,
        "appointment": appointment,
        "push": push,
        "data": data,
    }
    notice, is_news = Notice.objects.get_or_create(key=key, defaults=values)
    if not is_news:
        # What comes again after it was over is news, too.
        over = Notice.objects.filter(pk=notice.pk, resolved_at__isnull=False)
        is_news = bool(over.update(**values, created_at=Now(), resolved_at=None))
        if not is_news:
            Notice.objects.filter(pk=notice.pk).update(**values)
        notice.refresh_from_db()
    if is_news:
        _tell(notice)
    if is_news and kind in MAILED:
        transaction.on_commit(lambda: _mail_soon(notice.pk))
    return notice


def in_every_language(text: Said, cure: Said) -> dict[str, list[str]]:
    """Return both by language: who reads them is not known yet. What was written down already is in the first alone."""
    found = {}
    for code, _name in settings.LANGUAGES:
        if callable(text) or code == settings.LANGUAGE_CODE:
            with translation.override(code):
                found[code] = [(said() if callable(said) else said)[:_LONGEST] for said in (text, cure)]
    return found


def _tell(notice: Notice) -> None:
    """Put a line under the bell of those concerned; what comes again after it was over is a line of its own."""
    # It imports what raises notices.
    from calendar_sync.alerts import concerned

    notices.notify(
        concerned(notice),
        "calendar_problem",
        kind=notices.NoticeKind.SYNC_PROBLEM,
        key=_bell_key(notice),
        lead=notice.appointment.lead if notice.appointment else None,
        url=reverse("calendar-health", args=[notice.agent_id]),
        data={
            name: f"{notice.agent}: {text} {cure}".strip()
            for name, (text, cure) in {
                "text": (notice.text, notice.cure),
                **{f"text:{code}": said for code, said in notice.data.get(WORDS, {}).items()},
            }.items()
        },
    )


def _bell_key(notice: Notice) -> str:
    return f"calendar:{notice.pk}:{notice.created_at.timestamp():.0f}"


def _mail_soon(notice_id: int) -> None:
    # The tasks import what imports this module.
    from calendar_sync.tasks import send_notice

    try:
        send_notice.delay(notice_id)
    except (OperationalError, OSError) as exc:
        logger.warning("Notice %s is on the pages only: %r", notice_id, exc)


def resolve_notice(key: str, *, forget: bool = False) -> bool:
    """Close the notice with this key, with `forget` also what it was about; return whether it was open."""
    values: dict[str, Any] = {"resolved_at": timezone.now()} | ({"data": {}} if forget else {})
    notice = Notice.objects.filter(key=key, resolved_at__isnull=True).first()
    if notice is None or not Notice.objects.filter(pk=notice.pk, resolved_at__isnull=True).update(**values):
        return False
    notices.settle(_bell_key(notice))
    return True
