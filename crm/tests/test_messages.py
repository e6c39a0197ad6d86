from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from crm import messages, tasks
from crm.messages import MOST_ATTEMPTS, queue_message, send, send_queued
from crm.models import AppointmentStatus, MessageStatus, OutgoingMessage
from crm.tests import factories

pytestmark = pytest.mark.django_db


def queued(**fields: object) -> OutgoingMessage:
    values = {
        "key": "k",
        "lead": factories.lead(),
        "to": "jo@example.com",
        "subject": "Your viewing",
        "body": "Tuesday.",
    }
    return OutgoingMessage.objects.create(**values | fields)


@pytest.fixture
def broken_mail(monkeypatch):
    def fail_with(error: Exception) -> None:
        def deliver(message: OutgoingMessage) -> None:
            raise error

        monkeypatch.setattr(messages, "_deliver", deliver)

    return fail_with


def test_a_message_is_queued_once_by_its_key_and_sent_after_the_commit(django_capture_on_commit_callbacks, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.send_message, "delay", asked.append)
    fields = {"key": "k", "lead": factories.lead(), "to": "jo@example.com", "body": "Tuesday."}

    with django_capture_on_commit_callbacks(execute=True):
        first = queue_message(subject="Your\r\nBcc: x viewing", **fields)
        again = queue_message(subject="Other", **fields)

    assert (again, asked) == (first, [first.pk])
    assert first.subject == "Your Bcc: x viewing"


def test_a_broker_that_is_away_does_not_fail_the_request(django_capture_on_commit_callbacks, monkeypatch):
    def away(message_id: int) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.send_message, "delay", away)
    with django_capture_on_commit_callbacks(execute=True):
        queue_message(key="k", lead=factories.lead(), to="jo@example.com", subject="s", body="b")

    assert send_queued() == 1


def test_a_message_goes_out_once_and_stands_in_the_timeline():
    message = queued()

    assert (tasks.send_message(message.pk), tasks.send_message(message.pk), tasks.send_queued_messages()) == (
        True,
        False,
        0,
    )

    message.refresh_from_db()
    assert (message.status, message.attempts, message.sent_at is not None) == (MessageStatus.SENT, 1, True)
    assert [(sent.to, sent.subject, sent.body) for sent in mail.outbox] == [
        (["jo@example.com"], "Your viewing", "Tuesday.")
    ]
    assert [entry.text for entry in message.lead.entries.all()] == ["E-mail sent: Your viewing"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_it_once():
    ids = [queued(key=str(n)).pk for n in range(4)]

    def work(_: int) -> int:
        try:
            return send_queued()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == len(ids)
    assert len(mail.outbox) == len(ids)


def test_a_failure_is_tried_again_later_and_not_for_ever(broken_mail):
    broken_mail(ConnectionRefusedError("no server"))
    message = queued()

    assert (send(message.pk), send(message.pk)) == (False, False)
    message.refresh_from_db()
    assert (message.status, message.attempts, "no server" in message.last_error) == (MessageStatus.QUEUED, 1, True)

    for _ in range(MOST_ATTEMPTS):
        OutgoingMessage.objects.filter(status=MessageStatus.QUEUED).update(next_attempt_at=timezone.now())
        send(message.pk)
    message.refresh_from_db()
    assert (message.status, message.attempts) == (MessageStatus.FAILED, MOST_ATTEMPTS)


def test_an_address_that_is_refused_is_final(broken_mail):
    broken_mail(smtplib.SMTPRecipientsRefused({"jo@example.com": (550, b"no such person")}))
    message = queued()

    assert not send(message.pk)
    message.refresh_from_db()
    assert message.status == MessageStatus.FAILED


def test_what_a_killed_worker_had_claimed_is_sent_after_its_claim():
    message = queued()
    assert messages._claim(message.pk) is not None
    assert send_queued() == 0

    OutgoingMessage.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert send_queued() == 1


def test_lapsed_holds_are_freed_and_old_sessions_removed():
    of, at = factories.agent(), timezone.now()
    lapsed = factories.hold(of, factories.listing(of), at, expires_at=at - timedelta(seconds=1))

    assert (tasks.release_expired_holds(), tasks.release_expired_holds()) == (1, 0)
    tasks.clear_sessions()

    lapsed.refresh_from_db()
    assert lapsed.status == AppointmentStatus.CANCELLED
