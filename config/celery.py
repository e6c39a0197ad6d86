"""The Celery application. Tasks live in each app's `tasks` module and are found there."""

import os
import time
import warnings
from typing import Any

from celery import Celery
from celery.signals import beat_init
from django.core.cache import cache

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# As root, the launcher runs everything as root; what Celery warns of, pickled messages, is off.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

HEARTBEAT_KEY = "celery-heartbeat"

app = Celery("pete")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.task
def beat_heartbeat() -> None:
    """Leave a trace that beat sends and a worker runs. Read by `manage.py doctor`."""
    cache.set(HEARTBEAT_KEY, time.time(), timeout=None)


@beat_init.connect
def first_heartbeat(**_: Any) -> None:
    """Leave the first trace at once instead of after the first interval."""
    beat_heartbeat.delay()
