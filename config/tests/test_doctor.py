import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.cache import cache
from django.core.management import call_command

from config import doctor
from config.celery import beat_heartbeat
from config.doctor import IllError, Result


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(doctor, "HEARTBEAT_PATIENCE_SECONDS", 0.0)


@pytest.mark.django_db
def test_the_stores_of_this_run_are_well():
    assert doctor.postgres() == "version 18 answers."
    assert doctor.extensions() == "btree_gist and pg_trgm are there."
    assert doctor.migrations() == "all applied."
    assert doctor.channel_layer() == "a message went round."


def test_a_message_goes_round_beside_an_open_socket():
    async def beside() -> dict[str, str]:
        layer = get_channel_layer()
        socket = asyncio.create_task(layer.receive(await layer.new_channel()))
        await asyncio.sleep(0)
        try:
            return await doctor.round_trip({"type": "doctor"})
        finally:
            socket.cancel()
            await asyncio.gather(socket, return_exceptions=True)

    assert async_to_sync(beside)() == {"type": "doctor"}


def test_valkey_without_persistence_is_ill():
    with pytest.raises(IllError, match="keeps nothing on disk"):
        doctor.valkey()


def test_a_wrong_valkey_address_is_named_with_its_cure(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(IllError, match="does not answer") as caught:
        doctor.valkey()

    assert caught.value.cure == "Start it, or correct REDIS_URL."


def test_beat_is_alive_once_a_worker_ran_its_task():
    with pytest.raises(IllError, match="no scheduled work"):
        doctor.beat()

    beat_heartbeat()

    assert doctor.beat() == "sent work 0 s ago."


def test_an_old_heartbeat_does_not_count():
    cache.set(doctor.HEARTBEAT_KEY, 1.0, timeout=None)

    with pytest.raises(IllError, match="no scheduled work"):
        doctor.beat()


def test_nobody_works_in_a_test_run():
    with pytest.raises(IllError, match="no Celery worker answers"):
        doctor.worker()


def test_a_missing_webhook_secret_is_ill(settings):
    settings.VAPI_WEBHOOK_SECRET = settings.VAPI_HMAC_SECRET = ""

    with pytest.raises(IllError, match="every message of Vapi is refused"):
        doctor.webhook_secret()


@pytest.mark.parametrize(("key", "https", "well"), [("", False, True), ("key", True, True), ("key", False, False)])
def test_vapi_needs_https(settings, key, https, well):
    settings.VAPI_API_KEY, settings.HTTPS = key, https

    if well:
        assert doctor.public_url() == f"{settings.PUBLIC_URL}."
    else:
        with pytest.raises(IllError, match="is not https"):
            doctor.public_url()


def test_a_full_disk_is_ill(monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 10**18)

    with pytest.raises(IllError, match="MB free"):
        doctor.disk_space()


def test_a_front_end_that_was_not_built_is_ill(settings, tmp_path):
    settings.STATIC_DIST = tmp_path

    with pytest.raises(IllError, match="not built"):
        doctor.front_end()


def test_a_check_that_breaks_is_a_failed_check(monkeypatch):
    def broken():
        raise RuntimeError("boom")

    monkeypatch.setattr(doctor, "REQUIRED", {"Broken": broken, "Fine": lambda: "fine."})
    monkeypatch.setattr(doctor, "OPTIONAL", {})

    assert list(doctor.examine()) == [
        Result("Broken", False, True, "RuntimeError: boom.", "Look at the logs, then run the doctor again."),
        Result("Fine", True, True, "fine."),
    ]


def test_only_required_checks_decide_the_exit_code(monkeypatch, capsys):
    def absent():
        raise IllError("not set.", "Set it.")

    monkeypatch.setattr(doctor, "REQUIRED", {"Needed": lambda: "there."})
    monkeypatch.setattr(doctor, "OPTIONAL", {"Extra": absent})

    call_command("doctor")

    assert capsys.readouterr().out == "ok    Needed: there.\nnote  Extra: not set. Cure: Set it.\n"


def test_a_failed_required_check_ends_with_exit_code_1_and_valid_json(monkeypatch, capsys):
    def absent():
        raise IllError("not set.", "Set it.")

    monkeypatch.setattr(doctor, "REQUIRED", {"Needed": absent})
    monkeypatch.setattr(doctor, "OPTIONAL", {})

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")

    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "checks": [{"name": "Needed", "ok": False, "required": True, "finding": "not set.", "cure": "Set it."}],
    }
