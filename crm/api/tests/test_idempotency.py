"""Keys are forgotten in the end."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from crm.models import IdempotentRequest
from crm.tasks import IDEMPOTENT_FOR, forget_idempotent_requests


def test_old_answers_are_forgotten_and_young_ones_kept(api, admin):
    for key in ("old", "young"):
        assert api.post("/api/v1/leads", {"full_name": key}, HTTP_IDEMPOTENCY_KEY=key).status_code == 201
    old = IdempotentRequest.objects.filter(key__endswith=" old")
    old.update(created_at=timezone.now() - IDEMPOTENT_FOR - timedelta(minutes=1))

    assert [forget_idempotent_requests(), forget_idempotent_requests()] == [1, 0]
    assert IdempotentRequest.objects.get().key.endswith(" young")


def test_every_post_is_done_once_per_key(api, lead):
    bodies = {
        "leads": {"full_name": "Al"},
        "listings": {"address": "1 Oak", "rent": "1", "bedrooms": 1, "agents": []},
        "agents": {"email": "al@example.com", "full_name": "Al", "timezone": "UTC"},
        "notes": {"lead": lead.pk, "text": "Hello"},
        "closures": {"starts_on": "2027-01-01", "ends_on": "2027-01-01"},
    }
    for resource, body in bodies.items():
        first, again = (api.post(f"/api/v1/{resource}", body, HTTP_IDEMPOTENCY_KEY="one") for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201), resource
        assert first.json() == again.json()
