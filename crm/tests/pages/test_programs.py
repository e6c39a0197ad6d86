from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm import tasks
from crm.models import ApiToken, Role, WebhookSubscription
from crm.tests import factories
from crm.tokens import find_token, issue_token

pytestmark = pytest.mark.django_db
PAGE = "/settings/programs"
HOOK = {"url": "https://hooks.example.com/pete", "description": "Crew", "events": ["call.ended", "lead.created"]}


@pytest.fixture
def ana(client):
    person = factories.agent(full_name="Ana Reyes")
    client.force_login(person)
    return person


@pytest.fixture
def mo(client):
    person = factories.agent(role=Role.MANAGER)
    client.force_login(person)
    return person


def test_a_token_is_made_shown_once_and_works(client, ana) -> None:
    answer = client.post(f"{PAGE}/tokens", {"name": "Report", "scopes": "read", "days": "90"})
    token = ApiToken.objects.get(agent=ana)
    secret = answer.context["secret"]

    assert find_token(secret) == token
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert (token.name, token.scopes) == ("Report", ["read"])
    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)
    assert secret not in client.get(PAGE).content.decode()
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).json()["agent"]["id"] == ana.pk


def test_a_token_is_revoked_and_that_taken_back(client, ana) -> None:
    token, _ = issue_token(agent=ana, scopes=["read", "write"], name="Report")

    said = client.post(f"{PAGE}/tokens/{token.pk}/revoke", follow=True)
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert f"{PAGE}/tokens/{token.pk}/restore" in said.content.decode()
    assert client.post(f"{PAGE}/tokens/{token.pk}/revoke").status_code == 404
    client.post(f"{PAGE}/tokens/{token.pk}/restore")
    token.refresh_from_db()
    assert token.revoked_at is None
    ApiToken.objects.update(revoked_at=timezone.now() - timedelta(hours=2))
    assert client.post(f"{PAGE}/tokens/{token.pk}/restore").status_code == 404


def test_others_tokens_are_not_there(client, ana) -> None:
    token, _ = issue_token(agent=factories.agent(), scopes=["read"], name="Theirs")

    assert "Theirs" not in client.get(PAGE).content.decode()
    for act in ("revoke", "restore"):
        assert client.post(f"{PAGE}/tokens/{token.pk}/{act}").status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 300}, {"scopes": "admin"}, {"days": "9999"}, {"name": "a\0"}]
)
def test_tokens_nobody_can_use_are_refused(client, ana, wrong: dict) -> None:
    answer = client.post(f"{PAGE}/tokens", {"name": "Report", "scopes": "read", "days": "90"} | wrong)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_a_webhook_is_added_switched_off_and_on_and_removed(client, mo) -> None:
    answer = client.post(f"{PAGE}/webhooks", HOOK)
    row = WebhookSubscription.objects.get()
    path = f"{PAGE}/webhooks/{row.pk}"

    assert answer.context["secret"].startswith("whsec_")
    assert answer.context["secret"] in answer.content.decode()
    assert (row.url, row.events, row.created_by) == (HOOK["url"], HOOK["events"], mo)
    assert client.post(f"{path}/remove").status_code == 404
    assert "Switch on" in client.post(f"{path}/switch", follow=True).content.decode()
    WebhookSubscription.objects.update(disabled_reason="10 attempts failed")
    assert "10 attempts failed" in client.get(PAGE, {"show": "webhooks"}).content.decode()
    client.post(f"{path}/switch")
    row.refresh_from_db()
    assert (row.is_active, row.disabled_reason) == (True, "")
    client.post(f"{path}/switch")
    client.post(f"{path}/remove")
    assert not WebhookSubscription.objects.exists()


@pytest.fixture
def removed(client, mo) -> WebhookSubscription:
    """A webhook that was told something, and then put away."""
    client.post(f"{PAGE}/webhooks", HOOK)
    row = WebhookSubscription.objects.get()
    row.deliveries.create(event="lead.created", payload={}, status="delivered")
    WebhookSubscription.objects.update(is_active=False)
    client.post(f"{PAGE}/webhooks/{row.pk}/remove")
    return row


def test_a_removed_webhook_is_nowhere_and_comes_back_whole(client, mo, removed) -> None:
    page = client.get(PAGE, {"show": "webhooks"}).content.decode()
    assert f"{PAGE}/webhooks/{removed.pk}/restore" in page
    assert HOOK["url"] not in page.partition("<table")[2]
    assert HOOK["url"] not in client.get("/api/v1/webhooks").content.decode()
    assert client.post(f"{PAGE}/webhooks/{removed.pk}/switch").status_code == 404

    client.post(f"{PAGE}/webhooks/{removed.pk}/restore")

    row = WebhookSubscription.objects.get()
    assert (row.url, bytes(row.secret), row.is_active) == (HOOK["url"], bytes(removed.secret), False)
    assert row.deliveries.count() == 1


def test_after_an_hour_a_removal_stands_and_the_night_forgets_it(client, mo, removed) -> None:
    WebhookSubscription.with_removed.update(removed_at=timezone.now() - timedelta(minutes=61))
    assert client.post(f"{PAGE}/webhooks/{removed.pk}/restore").status_code == 404
    tasks.forget_webhook_deliveries()
    assert WebhookSubscription.with_removed.count() == 1

    WebhookSubscription.with_removed.update(removed_at=timezone.now() - timedelta(hours=3))
    tasks.forget_webhook_deliveries()

    assert not WebhookSubscription.with_removed.exists()


@pytest.mark.parametrize(
    "wrong", [{"url": "https://10.0.0.1/"}, {"url": "x"}, {"url": ""}, {"events": []}, {"events": ["x"]}]
)
def test_webhooks_nobody_can_use_are_refused(client, mo, wrong: dict) -> None:
    assert client.post(f"{PAGE}/webhooks", HOOK | wrong).status_code == 422
    assert not WebhookSubscription.objects.exists()


def test_webhooks_are_the_managers_business(client, ana) -> None:
    row = WebhookSubscription.objects.create(url=HOOK["url"], events=["call.ended"], secret=b"")

    assert HOOK["url"] not in client.get(PAGE, {"show": "webhooks"}).content.decode()
    for path in ("webhooks", f"webhooks/{row.pk}/switch", f"webhooks/{row.pk}/remove", f"webhooks/{row.pk}/restore"):
        assert client.post(f"{PAGE}/{path}", HOOK).status_code == 403
    assert WebhookSubscription.objects.get() == row


def test_strangers_sign_in_first(client) -> None:
    assert client.get(PAGE)["Location"].startswith("/login")
    assert client.post(f"{PAGE}/tokens")["Location"].startswith("/login")


def test_the_page_asks_as_much_for_three_rows_as_for_one(client, mo) -> None:
    def asked(show: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE, {"show": show})
        return len(queries)

    def make() -> None:
        issue_token(agent=mo, scopes=["read"])
        WebhookSubscription.objects.create(url=HOOK["url"], events=["call.ended"], secret=b"")

    make()
    asked("tokens")
    one = [asked(show) for show in ("tokens", "webhooks")]
    make()
    make()
    assert [asked(show) for show in ("tokens", "webhooks")] == one
