"""Sparse fields, ETags, limits and repeated POSTs: what every resource does alike."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from crm.api.tests.conftest import problem
from crm.models import Closure, Lead

LEADS = "/api/v1/leads"


def test_only_the_fields_that_are_asked_for_come(api, lead) -> None:
    assert api.get(LEADS, {"fields": "id,full_name"}).json()["results"] == [{"id": lead.pk, "full_name": "Jane Roe"}]
    assert api.get(f"{LEADS}/{lead.pk}?fields=phone&fields=id").json() == {"id": lead.pk, "phone": "+13125550100"}


@pytest.mark.parametrize("path", ["leads", "calls", "agents", "listings", "appointments"])
def test_unknown_fields_are_refused_even_when_the_list_is_empty(api, path: str) -> None:
    assert problem(api.get(f"/api/v1/{path}", {"fields": "id,password"})) == (400, "invalid_parameter")


def test_a_version_that_was_seen_is_not_sent_again(api, lead) -> None:
    first = api.get(f"{LEADS}/{lead.pk}")
    etag = first.headers["ETag"]

    again = api.get(f"{LEADS}/{lead.pk}", HTTP_IF_NONE_MATCH=etag)
    Lead.objects.update(pets="cat")

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert api.get(f"{LEADS}/{lead.pk}", HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_a_change_of_another_version_is_refused(api, lead) -> None:
    path = f"{LEADS}/{lead.pk}"
    etag = api.get(path).headers["ETag"]

    mine = api.patch(path, {"pets": "dog"}, HTTP_IF_MATCH=etag)
    late = api.patch(path, {"pets": "cat"}, HTTP_IF_MATCH=etag)

    assert mine.status_code == 200
    assert mine.headers["ETag"] == api.get(path).headers["ETag"]
    assert problem(late) == (412, "precondition_failed")
    assert problem(api.delete(path, HTTP_IF_MATCH='"x"')) == (412, "precondition_failed")
    assert Lead.objects.get().pets == "dog"
    assert api.patch(path, {"pets": "fish"}, HTTP_IF_MATCH="*").status_code == 200
    assert api.patch(path, {"pets": "bird"}).status_code == 200


def test_settings_and_hours_have_versions_too(api, agent) -> None:
    hours = f"/api/v1/agents/{agent.pk}/working-hours"
    settings, week = api.get("/api/v1/settings").headers["ETag"], api.get(hours).headers["ETag"]
    open_day = [{"weekday": 0, "start": "09:00", "end": "17:00"}]

    assert api.patch("/api/v1/settings", {"horizon_days": 30}, HTTP_IF_MATCH=settings).status_code == 200
    assert problem(api.patch("/api/v1/settings", {}, HTTP_IF_MATCH=settings)) == (412, "precondition_failed")
    assert api.put(hours, open_day, HTTP_IF_MATCH=week).status_code == 200
    assert problem(api.put(hours, [], HTTP_IF_MATCH=week)) == (412, "precondition_failed")
    assert api.get(hours).json() == open_day


def test_every_answer_says_where_its_asker_stands(api, settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 100

    first, second = api.get(LEADS), api.get(f"{LEADS}/999")

    assert first.headers["RateLimit-Limit"] == "100"
    assert first.headers["RateLimit-Policy"] == "100;w=60"
    assert int(second.headers["RateLimit-Remaining"]) == int(first.headers["RateLimit-Remaining"]) - 1
    assert 0 < int(first.headers["RateLimit-Reset"]) <= 60


def test_past_the_limit_the_answer_is_429(api, agent_api, settings, monkeypatch) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    monkeypatch.setattr("crm.api.limits.time.time", lambda: 1_800_000_010)

    answers = [api.get(LEADS) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert problem(answers[2]) == (429, "rate_limited")
    assert answers[2].headers["Retry-After"] == "50"
    assert answers[2].headers["RateLimit-Remaining"] == "0"
    assert agent_api.get(LEADS).status_code == 200


def test_without_valkey_nobody_is_held_up(api, monkeypatch) -> None:
    import redis

    def fail(*args: object, **kwargs: object) -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(cache, "add", fail)

    answer = api.get(LEADS)

    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize(
    ("path", "body", "count"),
    [
        ("closures", {"starts_on": "2030-01-01", "ends_on": "2030-01-01"}, Closure.objects.count),
        ("leads/bulk", {"leads": [{"full_name": "A"}]}, Lead.objects.count),
    ],
)
def test_every_post_acts_once(api, path: str, body: dict, count) -> None:
    first, again = (api.post(f"/api/v1/{path}", body, HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2))

    assert first.json() == again.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert count() == 1
