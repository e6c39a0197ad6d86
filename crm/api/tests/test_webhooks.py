from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem
from crm.hooks.events import tell
from crm.models import WebhookDelivery, WebhookEvent, WebhookSubscription

HOOKS = "/api/v1/webhooks"
WANTED = {"url": "https://hooks.example.com/pete", "events": ["lead.changed"]}


def test_a_subscription_is_made_and_its_secret_shown_once(api, admin) -> None:
    made = api.post(HOOKS, WANTED, HTTP_IDEMPOTENCY_KEY="w")
    again = api.post(HOOKS, WANTED, HTTP_IDEMPOTENCY_KEY="w").json()
    path = f"{HOOKS}/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert made.json()["created_by"] == admin.pk
    assert again == made.json() | {"secret": None}
    assert "secret" not in api.get(path).json()
    assert api.post(f"{path}/renew-secret").json()["secret"] != made.json()["secret"]
    assert api.delete(path).status_code == 204
    assert not WebhookSubscription.objects.exists()


def test_only_managers_see_and_make_them(agent_api) -> None:
    assert problem(agent_api.get(HOOKS)) == (403, "manager_required")
    assert problem(agent_api.post(HOOKS, WANTED)) == (403, "manager_required")


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://hooks.example.com/"}, {"url": "https://192.168.0.1/"}, {"url": ""}, {"url": None},
        {"events": []}, {"events": ["lead.eaten"]}, {"events": "lead.changed"}, {"url": "https://" + "x" * 600},
    ],
)  # fmt: skip
def test_subscriptions_nobody_can_use_are_refused(api, wrong: dict) -> None:
    assert problem(api.post(HOOKS, WANTED | wrong)) == (400, "invalid")


def test_the_log_is_read_and_a_delivery_sent_again(api) -> None:
    made = api.post(HOOKS, WANTED).json()
    tell(WebhookEvent.LEAD_CHANGED, {"lead": {"id": 1}})
    path = f"{HOOKS}/{made['id']}/deliveries"
    first = api.get(path).json()["results"][0]

    again = api.post(f"{path}/{first['id']}/redeliver")

    assert (first["event"], first["status"], first["attempts"]) == ("lead.changed", "pending", 0)
    assert again.status_code == 201
    assert again.json()["payload"] == first["payload"]
    assert [row["id"] for row in api.get(f"{path}/", {"status": "pending"}).json()["results"]] == [
        again.json()["id"],
        first["id"],
    ]
    assert api.get(path, {"status": "failed"}).json()["results"] == []
    assert problem(api.get(path, {"status": "eaten"})) == (400, "invalid_parameter")
    assert problem(api.post(f"{path}/999999/redeliver")) == (404, "not_found")


def test_switching_on_again_forgets_why_it_was_off(api) -> None:
    made = api.post(HOOKS, WANTED).json()
    WebhookSubscription.objects.update(is_active=False, disabled_reason="10 attempts failed")

    body = api.patch(f"{HOOKS}/{made['id']}", {"is_active": True}).json()

    assert (body["is_active"], body["disabled_reason"]) == (True, "")
    assert not WebhookDelivery.objects.exists()
