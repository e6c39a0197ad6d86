"""Every change is written down, whatever its way, with who made it."""

from __future__ import annotations

import json

import pytest
from django.db import connection, transaction
from django.urls import reverse

from crm.audit import tracking
from crm.audit.actors import Actor, acting
from crm.models import ActorKind, Agent, ApiToken, AuditEntry, BusyTime, Lead, Note
from crm.tests import factories
from crm.tests.test_admin_tables import TABLES
from crm.tokens import issue_token

pytestmark = pytest.mark.django_db
ANA = Actor(ActorKind.PERSON, "7", "Ana", "POST /leads")
# What is history itself, or the product's own notes.
NOT_WATCHED = {
    "crm.AuditEntry",
    "crm.AuditSeal",
    "crm.BookingRequest",
    "crm.IdempotentRequest",
    "crm.ImportBatch",
    "crm.ImportRow",
    "crm.Notice",
    "crm.NoticeWishes",
    "crm.OutgoingMessage",
    "crm.Place",
    "crm.SavedView",
    "crm.TimelineEntry",
    "crm.WebhookDelivery",
    "calls.Call",
    "calls.PersonRequest",
    "calls.Presence",
    "calls.PromptUse",
    "calls.HistoryRun",
    "calls.RehearsalRun",
    "calls.Supervision",
    "calls.ToolCall",
    "calls.WebhookEvent",
    "calendar_sync.AuthFlow",
    "calendar_sync.EventLink",
    "calendar_sync.MirroredEvent",
    "calendar_sync.Notice",
    "calendar_sync.Push",
}


def entries(table="crm_lead"):
    return list(AuditEntry.objects.filter(table_name=table).order_by("pk"))


def test_every_table_is_watched_or_left_out_on_purpose():
    watched = {watch.model for watch in tracking.tables().values()}

    assert {model._meta.label for model in TABLES if model not in watched} <= NOT_WATCHED


def test_every_watched_table_has_its_triggers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid")
        there = set(cursor.fetchall())

    assert {(watch.table, name) for watch in tracking.tables().values() for name in watch.statements()} <= there


def test_a_row_comes_changes_and_goes():
    with acting(ANA):
        lead = factories.lead(full_name="Bo")
        lead.full_name = "Bob"
        lead.save()
        lead.delete()

    came, changed, went = entries()
    assert (came.action, came.before, came.after["full_name"]) == ("I", None, "Bo")
    assert (changed.action, changed.before, changed.after) == ("U", {"full_name": "Bo"}, {"full_name": "Bob"})
    assert (went.action, went.before["full_name"], went.after) == ("D", "Bob", None)
    assert {(e.actor_kind, e.actor_id, e.actor_name, e.via) for e in entries()} == {
        ("person", "7", "Ana", "POST /leads")
    }


def test_changes_of_many_rows_at_once_are_caught():
    leads = Lead.objects.bulk_create([Lead(full_name=f"B{n}") for n in range(3)])
    AuditEntry.objects.all()
    with acting(ANA):
        Lead.objects.update(timeline="soon")
        leads[0].source = "web"
        Lead.objects.bulk_update(leads, ["source"])
        Lead.objects.filter(full_name="B1").delete()

    made = [(entry.action, entry.actor_name) for entry in entries()]
    assert made == [("I", "Pete")] * 3 + [("U", "Ana")] * 4 + [("D", "Ana")]


def test_a_change_that_changes_nothing_is_none():
    lead = factories.lead()
    lead.save()

    assert len(entries()) == 1


def test_secrets_are_not_kept():
    agent = factories.agent()
    agent.set_password("open sesame please")
    agent.save()
    token, secret = issue_token(agent=agent, scopes=["read"])
    agent.last_login = token.created_at
    agent.save()

    kept = [entry for entry in entries("crm_agent") if entry.action == "U"]
    assert [entry.after for entry in kept] == [{"password": "…"}]
    text = json.dumps([[e.before, e.after] for e in AuditEntry.objects.all()])
    assert agent.password not in text
    assert token.digest not in text
    assert secret not in text


def test_only_ones_own_busy_times_are_watched():
    agent = factories.agent()
    values = {"agent": agent, "starts_at": "2030-01-01T10:00Z", "ends_at": "2030-01-01T11:00Z"}
    BusyTime.objects.create(source="microsoft", external_id="x", **values)
    BusyTime.objects.create(reason="dentist", **values)

    assert [entry.after["reason"] for entry in entries("crm_busytime")] == ["dentist"]


def test_who_shows_a_home_is_watched():
    agent = factories.agent()
    home = factories.listing()
    home.agents.add(agent)
    home.agents.remove(agent)

    assert [entry.action for entry in entries("crm_listing_agents")] == ["I", "D"]


def test_names_with_quotes_and_percent_signs_are_names():
    name = "O'Neil 100% \\ \0 ✓"
    with acting(Actor(ActorKind.PERSON, "1", name, "x")):
        lead = factories.lead()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE crm_lead SET full_name = '100%'")
            assert cursor.rowcount == 1

    assert {entry.actor_name for entry in entries()} == {"O'Neil 100% \\  ✓"}
    lead.refresh_from_db()
    assert lead.full_name == "100%"


def test_rows_come_back_from_a_writing_statement():
    with acting(ANA), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_closure (starts_on, ends_on, reason, is_demo) VALUES (%s, %s, '', false) RETURNING reason",
            ["2030-01-01", "2030-01-02"],
        )
        assert cursor.fetchall() == [("",)]
        cursor.execute("WITH gone AS (DELETE FROM crm_closure RETURNING id) SELECT count(*) FROM gone")
        assert cursor.fetchone() == (1,)
        cursor.executemany("INSERT INTO crm_team (name, is_demo) VALUES (%s, false)", [["a"], ["b"]])

    assert {entry.actor_name for entry in AuditEntry.objects.all()} == {"Ana"}
    assert AuditEntry.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_nobody_is_taken_for_the_last_one():
    with acting(ANA):
        factories.lead()
        with transaction.atomic():
            factories.lead()
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('pete.actor', true), '')")
        assert cursor.fetchone() == ("",)
        cursor.cursor.execute("UPDATE crm_lead SET timeline = 'x'")

    assert [entry.actor_kind for entry in entries()] == ["person"] * 2 + ["database"] * 2


def test_a_person_in_a_browser(client):
    person = Agent.objects.create_superuser("ada@example.com", "long enough 123", full_name="Ada")
    client.force_login(person)
    lead = factories.lead()

    client.post(
        reverse("admin:crm_lead_change", args=[lead.pk]),
        {"full_name": "Zoe", "stage": "new", "currency": "USD", "source": "web", "phone": lead.phone},
    )

    last = entries()[-1]
    assert last.after["full_name"] == "Zoe"
    assert (last.actor_kind, last.actor_id, last.actor_name) == ("person", str(person.pk), "Ada")
    assert last.via == f"POST /admin/crm/lead/{lead.pk}/change/"


def test_a_program_with_a_token(client):
    token, secret = issue_token(agent=factories.agent(role="admin"), scopes=["read", "write"], name="Zapier")

    answer = client.post(
        "/api/v1/notes",
        {"lead": factories.lead().pk, "text": "hello"},
        "application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert answer.status_code == 201, answer.content
    made = entries(Note._meta.db_table)[-1]
    assert (made.actor_kind, made.actor_id, made.via) == ("token", str(token.pk), "POST /api/v1/notes")
    assert "Zapier" in made.actor_name
    # Its last use is noted with every request, and is no change.
    assert [entry.action for entry in entries(ApiToken._meta.db_table)] == ["I"]


def test_a_task(settings):
    from celery import shared_task

    settings.CELERY_TASK_ALWAYS_EAGER = True

    @shared_task(name="tests.make_a_lead")
    def make():
        factories.lead()

    make.apply()

    assert (entries()[-1].actor_kind, entries()[-1].via) == ("system", "task tests.make_a_lead")


def test_a_row_has_its_history(client):
    client.force_login(Agent.objects.create_superuser("ada@example.com", "long enough 123", full_name="Ada"))
    with acting(ANA):
        lead = factories.lead(full_name="Bo")
        Lead.objects.filter(pk=lead.pk).update(full_name="Bob")

    page = client.get(reverse("admin:crm_lead_history", args=[lead.pk])).content.decode()
    listed = client.get(reverse("admin:crm_auditentry_changelist"), {"table_name": "crm_lead"}).content.decode()

    for text in (page, listed):
        assert "Bo → Bob" in text
        assert "Ana" in text
