"""Calls, deliveries and prompts in Django admin."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.models import Call, StagePrompt, WebhookEvent, call_pk
from crm.models import Agent


@pytest.fixture
def browser(db):
    client = Client()
    client.force_login(Agent.objects.create_superuser("ada@example.com", "long enough 123", full_name="Ada"))
    return client


@pytest.mark.parametrize("body", [b'{"a": "<script>"}', b"\xff\x00 no JSON", b'"\\ud800"'])
def test_a_delivery_is_shown_as_text_whatever_it_holds(browser, body):
    event = WebhookEvent.objects.create(fingerprint=uuid.uuid4(), type="x", at=timezone.now(), body=body)

    page = browser.get(reverse("admin:calls_webhookevent_change", args=[event.pk]))

    assert page.status_code == 200
    assert b"<script>&quot;" not in page.content
    assert b'"<script>"' not in page.content


def test_a_call_is_looked_at_and_not_changed(browser):
    call = Call.objects.create(id=call_pk("v-1"), vapi_id="v-1")
    page = reverse("admin:calls_call_change", args=[call.pk])

    assert browser.get(page).status_code == 200
    assert browser.post(page, {"vapi_id": "x"}).status_code == 403


def test_a_prompts_next_version_names_its_author(browser):
    given = {"stage": "BOOKING", "version": 99, "text": "Book it."}

    assert browser.post(reverse("admin:calls_stageprompt_add"), given).status_code == 302
    assert StagePrompt.objects.get(version=99).author.email == "ada@example.com"


def test_deliveries_are_processed_again(browser):
    call = Call.objects.create(id=call_pk("v-2"), vapi_id="v-2")
    body = b'{"message": {"type": "end-of-call-report", "call": {"id": "v-2"}, "endedReason": "customer-ended-call"}}'
    event = WebhookEvent.objects.create(
        call=call, fingerprint=uuid.uuid4(), type="end-of-call-report", at=timezone.now(), body=body
    )

    browser.post(
        reverse("admin:calls_webhookevent_changelist"), {"action": "reprocess", "_selected_action": [event.pk]}
    )

    call.refresh_from_db()
    assert call.ended_reason == "customer-ended-call"
