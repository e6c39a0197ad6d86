"""Every table of Django admin: it opens, shows no secret, and is not counted when it is long."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.admin import LongListAdmin
from crm.models import Agent, Lead, NoticeKind, OutgoingMessage, WebhookDelivery
from crm.tests import factories, rows
from crm.tests.rows import CANARY

OURS = ("crm", "calls", "calendar_sync")
TABLES = [model for model in apps.get_models() if model._meta.app_label in OURS and not model._meta.auto_created]
LONG = [model for model, table in admin.site._registry.items() if isinstance(table, LongListAdmin)]


def name(model):
    return model._meta.label


@pytest.fixture
def browser(db):
    client = Client()
    client.force_login(Agent.objects.create_superuser("ada@example.com", "long enough 123", full_name="Ada"))
    return client


def url(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_table_is_registered():
    assert [model for model in TABLES if model not in admin.site._registry] == []


@pytest.mark.parametrize("model", TABLES, ids=name)
def test_no_page_of_a_table_shows_a_secret(browser, model):
    row = rows.row(model)

    pages = [
        browser.get(url(model, "changelist")),
        browser.get(url(model, "changelist"), {"q": "row"}),
        browser.get(url(model, "add")),
        browser.get(url(model, "change", row.pk)),
        browser.get(url(model, "history", row.pk)),
    ]

    assert [page.status_code for page in pages if page.status_code != 403].count(200) >= 4
    assert str(row.pk) in pages[0].content.decode()
    for page in pages:
        assert CANARY not in page.content.decode()


def test_the_test_knows_secrets():
    columns = {f"{model._meta.label}.{column}" for model in TABLES for column in rows.secret_columns(model)}

    assert {
        "crm.Agent.password",
        "crm.ApiToken.digest",
        "calendar_sync.Connection.blob",
        "calendar_sync.Calendar.delta_link",
        "calendar_sync.AuthFlow.flow",
    } <= columns


@pytest.mark.parametrize("model", LONG, ids=name)
def test_a_long_table_is_never_counted(browser, model):
    rows.row(model)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert browser.get(url(model, "changelist")).status_code == 200
        assert browser.get(url(model, "changelist"), {"p": 3}).status_code == 200

    table = model._meta.db_table
    ours = [query["sql"] for query in asked.captured_queries if f'FROM "{table}"' in query["sql"]]
    assert ours
    assert [sql for sql in ours if "COUNT(" in sql] == []


def test_tables_that_grow_are_long():
    growing = "crm.Lead crm.Appointment crm.TimelineEntry crm.Note calls.Call calls.WebhookEvent calls.ToolCall"

    assert set(growing.split()) <= {model._meta.label for model in LONG}


def test_a_list_of_leads_asks_the_same_whatever_its_length(browser):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            browser.get(url(Lead, "changelist"))
        return len(queries)

    factories.lead(owner=factories.agent())
    browser.get(url(Lead, "changelist"))
    one = asked()
    for _ in range(3):
        factories.lead(owner=factories.agent())

    assert asked() == one


def test_the_first_page_shows_queues_and_syncs(browser):
    message = {"lead": factories.lead(), "to": "a@example.com", "subject": "s", "body": "b", "status": "failed"}
    OutgoingMessage.objects.create(key="k", **message)

    page = browser.get(reverse("admin:index")).content.decode()

    assert "Messages not sent" in page
    assert "?status__exact=failed" in page
    assert "Viewings not written" in page


def test_the_checks_are_the_doctors(browser, monkeypatch):
    from config import doctor

    def ill():
        raise doctor.IllError("is down.", "Start it.")

    monkeypatch.setattr(doctor, "REQUIRED", {"Thing": ill})
    monkeypatch.setattr(doctor, "OPTIONAL", {})

    page = browser.get(reverse("admin:checks")).content.decode()

    assert "Thing" in page
    assert "is down." in page
    assert "Start it." in page


def test_a_message_is_sent_again(browser, django_capture_on_commit_callbacks):
    message = OutgoingMessage.objects.create(
        key="k", lead=factories.lead(), to="a@example.com", subject="s", body="b", status="failed", attempts=8
    )

    with django_capture_on_commit_callbacks():
        browser.post(url(OutgoingMessage, "changelist"), {"action": "resend", "_selected_action": [message.pk]})

    message.refresh_from_db()
    assert (message.status, message.attempts) == ("queued", 0)


def test_a_notice_is_emailed_again(browser):
    from crm.models import Notice

    notice = Notice.objects.create(person=factories.agent(), kind=NoticeKind.SLA, event="x", key="k")

    browser.post(url(Notice, "changelist"), {"action": "resend", "_selected_action": [notice.pk]})

    notice.refresh_from_db()
    assert notice.email_due_at is not None


def test_leads_are_handed_over_with_a_line_in_their_history(browser):
    leads, new = [factories.lead(), factories.lead()], factories.agent()
    chosen = {"action": "reassign", "_selected_action": [lead.pk for lead in leads]}

    page = browser.post(url(Lead, "changelist"), chosen)
    assert "Hand over" in page.content.decode()
    browser.post(url(Lead, "changelist"), chosen | {"hand_over": "1", "owner": new.pk})

    for lead in leads:
        lead.refresh_from_db()
        assert lead.owner == new
        assert lead.entries.get().data == {"owner": [None, new.pk]}


def test_an_action_needs_the_right_to_change(db):
    from django.contrib.auth.models import Permission

    looker = Agent.objects.create_user("lo@example.com", "long enough 123", full_name="Lo", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_outgoingmessage"))
    client = Client()
    client.force_login(looker)
    message = OutgoingMessage.objects.create(
        key="k", lead=factories.lead(), to="a@example.com", subject="s", body="b", status="failed"
    )

    client.post(url(OutgoingMessage, "changelist"), {"action": "resend", "_selected_action": [message.pk]})

    message.refresh_from_db()
    assert message.status == "failed"


def test_an_event_is_delivered_once_more(browser):
    row = rows.row(WebhookDelivery)

    browser.post(url(WebhookDelivery, "changelist"), {"action": "resend", "_selected_action": [row.pk]})

    again = WebhookDelivery.objects.exclude(pk=row.pk).get()
    assert (again.subscription_id, again.event, again.status) == (row.subscription_id, row.event, "pending")
