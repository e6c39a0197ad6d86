"""Messages to leads: queued in the transaction that wants them, sent afterwards, tried again after a failure."""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from crm import signals
from crm.models import Appointment, EntryKind, Lead, MessageStatus, OutgoingMessage
from crm.timeline import add_timeline

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=2)
# While one process sends a message the others leave it alone for this long.
CLAIM = timedelta(minutes=5)
_LONGEST_SUBJECT = 200


def queue_message(
    *, key: str, lead: Lead, to: str, subject: str, body: str, appointment: Appointment | None = None
) -> OutgoingMessage:
    """Return the message with this key, queued if it is new, and have it sent after the commit."""
    values = {
        "lead": lead,
        "to": to,
        # A line break in a header would be a second header.
        "subject": " ".join(subject.split())[:_LONGEST_SUBJECT],
        "body": body,
        "appointment": appointment,
    }
    message, created = OutgoingMessage.objects.get_or_create(key=key, defaults=values)
    if created:
        transaction.on_commit(lambda: _send_soon(message.pk))
    return message


def _send_soon(message_id: int) -> None:
    """Queue the sending. When the broker is away the sweep sends the message once it is back."""
    # The tasks import this module.
    from crm.tasks import send_message

    try:
        send_message.delay(message_id)
    except (OperationalError, OSError) as exc:
        logger.warning("Message %s waits for the sweep: %r", message_id, exc)


def send(message_id: int) -> bool:
    """Send one queued message if it is due; return whether it went out. Two processes at once send it once."""
    message = _claim(message_id)
    if message is None:
        return False
    try:
        _deliver(message)
    except (smtplib.SMTPException, OSError, ValueError) as exc:
        _note_failure(message, exc)
        return False
    with transaction.atomic():
        OutgoingMessage.objects.filter(pk=message.pk).update(
            status=MessageStatus.SENT, sent_at=timezone.now(), last_error=""
        )
        text = f"E-mail sent: {message.subject}"
        add_timeline(message.lead, EntryKind.MESSAGE, text, data={"message": message.pk}, key=f"message:{message.pk}")
    return True


def send_queued(limit: int = 200) -> int:
    """Send what is due; return how many messages went out."""
    due = OutgoingMessage.objects.filter(status=MessageStatus.QUEUED, next_attempt_at__lte=timezone.now())
    return sum(send(pk) for pk in due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


@transaction.atomic
def send_again(message_id: int) -> bool:
    """Queue a message that went out or was given up once more; return whether it was one of these."""
    over = OutgoingMessage.objects.filter(pk=message_id).exclude(status=MessageStatus.QUEUED)
    anew = {"status": MessageStatus.QUEUED, "attempts": 0, "next_attempt_at": timezone.now(), "last_error": ""}
    if not over.update(**anew):
        return False
    transaction.on_commit(lambda: _send_soon(message_id))
    return True


def _claim(message_id: int) -> OutgoingMessage | None:
    """Take a due message for CLAIM, so that no transaction stays open while the mail server is spoken to."""
    now = timezone.now()
    due = OutgoingMessage.objects.filter(pk=message_id, status=MessageStatus.QUEUED, next_attempt_at__lte=now)
    claimed = due.update(next_attempt_at=now + CLAIM, attempts=F("attempts") + 1)
    return OutgoingMessage.objects.select_related("lead").get(pk=message_id) if claimed else None


def _deliver(message: OutgoingMessage) -> None:
    # The same id for every attempt: a mail client shows a message that arrives twice once.
    headers = {"Message-ID": f"<message-{message.pk}@pete.invalid>"}
    EmailMessage(message.subject, message.body, settings.DEFAULT_FROM_EMAIL, [message.to], headers=headers).send()


def _note_failure(message: OutgoingMessage, exc: Exception) -> None:
    is_final = message.attempts >= MOST_ATTEMPTS or isinstance(exc, smtplib.SMTPRecipientsRefused | ValueError)
    wait = min(FIRST_RETRY * 2 ** (message.attempts - 1), LONGEST_RETRY)
    OutgoingMessage.objects.filter(pk=message.pk).update(
        status=MessageStatus.FAILED if is_final else MessageStatus.QUEUED,
        next_attempt_at=timezone.now() + wait,
        last_error=repr(exc)[:500],
    )
    if is_final:
        signals.message_failed.send_robust(sender=OutgoingMessage, message=message)
    logger.log(logging.ERROR if is_final else logging.WARNING, "Message %s was not sent: %r", message.pk, exc)
