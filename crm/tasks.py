"""The centre's background work. Each task is safe to run twice and at once."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone, translation

from crm import booking, messages, notice_causes, notice_mail, retention
from crm.audit import chain
from crm.hooks import delivering
from crm.imports import running
from crm.languages import letters_to
from crm.models import DeliveryStatus, IdempotentRequest, ImportBatch, WebhookDelivery, WebhookSubscription

# A program that repeats a request does so within minutes; a person with a script within days.
DELIVERIES_FOR = timedelta(days=30)
IDEMPOTENT_FOR = timedelta(days=7)
# Longer than the undo of a removal is offered.
REMOVED_FOR = timedelta(hours=2)


@shared_task
def release_expired_holds() -> int:
    """Free slots whose hold has lapsed."""
    return booking.release_expired_holds()


@shared_task
def clear_sessions() -> None:
    """Remove sign-ins that have expired."""
    call_command("clearsessions")


@shared_task
def forget_idempotent_requests() -> int:
    """Forget the answers to requests that nobody repeats any more."""
    return IdempotentRequest.objects.forget(timezone.now() - IDEMPOTENT_FOR)


@shared_task
def send_message(message_id: int) -> bool:
    """Send one queued message. The sweep behind it sends what this misses."""
    return messages.send(message_id)


@shared_task
def send_queued_messages() -> int:
    """Send every message that is due."""
    return messages.send_queued()


@shared_task
def tell_what_is_due() -> int:
    """Tell of tasks that fell due and of hot leads that wait."""
    return notice_causes.tell_of_due_tasks() + notice_causes.tell_of_waiting_leads()


@shared_task
def send_notices() -> int:
    """Send the e-mails about what people want to hear of by e-mail."""
    return notice_mail.send_due()


@shared_task
def forget_old_data() -> dict[str, int]:
    """Delete what is older than the office keeps."""
    return retention.run()


@shared_task
def deliver_webhooks(subscription_id: int) -> int:
    """Send one subscriber what is due. The sweep behind it sends what this misses."""
    return delivering.deliver(subscription_id)


@shared_task
def deliver_due_webhooks() -> int:
    """Have every subscriber with something due be told of it."""
    due = delivering.due_subscriptions()
    for subscription_id in due:
        deliver_webhooks.delay(subscription_id)
    return len(due)


@shared_task
def forget_webhook_deliveries() -> int:
    """Forget deliveries that are settled and that nobody asks about any more, and removed subscribers with theirs."""
    WebhookSubscription.with_removed.filter(removed_at__lt=timezone.now() - REMOVED_FOR).delete()
    settled = WebhookDelivery.objects.exclude(status=DeliveryStatus.PENDING)
    return settled.filter(created_at__lt=timezone.now() - DELIVERIES_FOR).delete()[0]


@shared_task
def seal_audit() -> int:
    """Chain what was written to the audit since the last time."""
    return chain.seal()


@shared_task
def work_on_import(batch_id: int) -> None:
    """Check, bring in or take back a file, whichever it waits for."""
    batch = ImportBatch.objects.select_related("agent").filter(pk=batch_id).first()
    if batch is None:
        return
    # What is wrong with a row is written down in words.
    with translation.override(letters_to(batch.agent)):
        running.check(batch_id)
        running.run(batch_id)
        running.undo(batch_id)
