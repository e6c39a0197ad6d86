"""The Celery application. Tasks live in each app's `tasks` module and are found there."""

import os
import time

from celery import Celery
from django.core.cache import cache

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

HEARTBEAT_KEY = "celery-heartbeat"

app = Celery("pete")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.task
def beat_heartbeat() -> None:
    """Leave a trace that beat sends and a worker runs. Read by `manage.py doctor`."""
    cache.set(HEARTBEAT_KEY, time.time(), timeout=None)
