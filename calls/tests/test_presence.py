from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from calls import presence
from calls.models import Presence
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(client):
    person = factories.agent(full_name="Ana Soto")
    client.force_login(person)
    return person


def test_whoever_looks_at_the_desk_is_there(client, ana):
    client.get("/dashboard")

    assert timezone.now() - Presence.objects.get(agent=ana).seen_at < timedelta(seconds=10)


def test_it_is_not_written_with_every_look(client, ana):
    client.get("/dashboard")
    Presence.objects.update(seen_at=None)

    client.get("/dashboard")

    assert Presence.objects.get().seen_at is None


def test_without_the_cache_it_is_written_each_time(ana, monkeypatch):
    def away(*args, **kwargs):
        raise redis.ConnectionError("away")

    monkeypatch.setattr(presence.cache, "add", away)
    presence.note_seen(ana)

    assert Presence.objects.get(agent=ana).seen_at is not None


def test_being_seen_leaves_the_switch_alone(ana):
    presence.set_takes_calls(ana, False)
    presence.note_seen(ana)

    assert presence.takes_calls(ana) is False


def test_the_switch_is_on_until_it_is_turned(client, ana):
    assert "Taking calls" in client.get("/dashboard").content.decode()

    off = client.post("/presence", {"takes_calls": "0"}, headers={"HX-Request": "true"}).content.decode()

    assert 'aria-checked="false"' in off
    assert "Not taking calls" in client.get("/dashboard").content.decode()
    assert client.post("/presence", {"takes_calls": "1"}).headers["Location"] == "/dashboard"
    assert presence.takes_calls(ana) is True


def test_the_switch_is_ones_own_and_for_staff(client, db):
    assert client.post("/presence", {"takes_calls": "0"}).status_code == 302
    assert client.get("/presence").status_code in (302, 405)
    assert Presence.objects.count() == 0
