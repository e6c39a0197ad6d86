import os

from django.conf import settings


def test_each_worker_has_a_valkey_database_of_its_own(worker_id) -> None:
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1

    assert os.environ["REDIS_URL"] == settings.REDIS_URL
    assert settings.REDIS_URL.endswith((f"db={number}", f"/{number}"))
