"""/, /health, /ready, /metrics"""

from __future__ import annotations

import pytest
from django.test import Client

from crm import service
from crm.models import Agent
from crm.tokens import issue_token

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/json, text/plain, */*", None])
def test_a_program_is_told_what_this_is(accept):
    response = Client().get("/", **({"HTTP_ACCEPT": accept} if accept else {}))

    assert response.status_code == 200
    assert response.json()["service"] == "Pete CRM"


@pytest.mark.parametrize("accept", [BROWSER, "text/html"])
def test_a_browser_goes_to_the_dashboard(accept):
    response = Client().get("/", HTTP_ACCEPT=accept)

    assert (response.status_code, response.headers["Location"]) == (302, "/dashboard")


@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health_needs_no_store(path):
    response = Client().get(path)

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/ready", "/ready/"])
def test_ready_names_each_store(db, path):
    response = Client().get(path)

    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "ok"
    assert {name: store["status"] for name, store in body["dependencies"].items()} == {
        "postgresql": "ok",
        "valkey": "ok",
    }


def test_without_valkey_it_is_not_ready(db, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = Client().get("/ready")

    assert response.status_code == 503
    assert response.json()["status"] == "failed"
    assert response.json()["dependencies"]["valkey"] == {"status": "failed"}
    assert response.json()["dependencies"]["postgresql"]["status"] == "ok"


def test_without_postgresql_it_is_not_ready(monkeypatch):
    monkeypatch.setitem(service.connection.settings_dict, "PORT", "1")

    response = Client().get("/ready")

    assert response.status_code == 503
    assert response.json()["dependencies"]["postgresql"] == {"status": "failed"}
    assert response.json()["dependencies"]["valkey"]["status"] == "ok"


def test_metrics_are_for_this_machine(db):
    response = Client().get("/metrics")

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    assert b"python_info" in response.content


@pytest.mark.parametrize(
    "origin", [{"REMOTE_ADDR": "10.0.0.5"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"REMOTE_ADDR": ""}]
)
def test_from_elsewhere_metrics_need_a_token(db, origin):
    person = Agent.objects.create_user("ada@example.com", full_name="Ada")
    reading, writing = (issue_token(agent=person, scopes=[scope])[1] for scope in ("read", "write"))

    def status(secret: str | None) -> int:
        given = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} if secret else {}
        return Client().get("/metrics", **origin, **given).status_code

    assert [status(secret) for secret in (None, "wrong", writing, reading)] == [401, 401, 401, 200]


def test_only_reading_is_allowed():
    for path in ("/", "/health", "/ready", "/metrics"):
        assert Client().post(path).status_code == 405
