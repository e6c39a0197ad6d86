"""Notices by e-mail: what is due for a person goes out in one letter."""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from itertools import groupby

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.languages import speaking_to
from crm.models import Agent, Notice
from crm.notice_words import line
from crm.notices import told_to

logger = logging.getLogger(__name__)

RETRY_IN = timedelta(minutes=10)
_MOST = 500


def send_due() -> int:
    """Send every letter that is due; return how many went out. Two processes at once send each once."""
    due = list(_claimed())
    sent = 0
    for person, rows in groupby(due, key=lambda notice: notice.person):
        sent += _send(person, list(rows))
    return sent


def _claimed() -> list[Notice]:
    """Take what is due, so that no transaction stays open while the mail server is spoken to."""
    now = timezone.now()
    ids = Notice.objects.filter(email_due_at__lte=now).order_by("person", "pk").values_list("pk", flat=True)[:_MOST]
    taken = [pk for pk in ids if Notice.objects.filter(pk=pk, email_due_at__lte=now).update(email_due_at=None)]
    rows = Notice.objects.filter(pk__in=taken).select_related("person", "lead")
    return list(rows.order_by("person", "pk"))


def _send(person: Agent, rows: list[Notice]) -> bool:
    # What is about a lead that meanwhile went out of this person's sight is left out.
    seen = set(told_to(person).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    hidden = {row.pk for row in rows if row.lead_id is None or not row.in_page}
    told = [row for row in rows if row.pk in seen | hidden]
    if not told:
        return False
    with speaking_to(person):
        subject, body = _letter(told)
    try:
        EmailMessage(
            f"Pete: {' '.join(subject.split())}"[:200], body, settings.DEFAULT_FROM_EMAIL, [person.email]
        ).send()
    except (smtplib.SMTPException, OSError, ValueError) as exc:
        logger.warning("Notices of agent %s wait for another try: %r", person.pk, exc)
        Notice.objects.filter(pk__in=[row.pk for row in rows]).update(email_due_at=timezone.now() + RETRY_IN)
        return False
    return True


def _letter(rows: list[Notice]) -> tuple[str, str]:
    """Return the subject and the text that tell of these."""
    lines, count = [line(row) for row in rows], len(rows)
    subject = lines[0].text if count == 1 else ngettext("%(n)s thing", "%(n)s things for you", count) % {"n": count}
    body = "\n\n".join(f"{item.text}\n{settings.PUBLIC_URL}{item.url}" for item in lines)
    return subject, body + "\n\n" + _(
        "Choose what you hear of: %s"
    ) % f"{settings.PUBLIC_URL}/notifications?show=wishes\n"
