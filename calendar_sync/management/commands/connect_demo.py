"""Connect part of the demo agency to the stand-in for Microsoft 365."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand

from calendar_sync.demo.connecting import connect_demo

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Connects the demo's people to the stand-in at MS_SANDBOX_URL; without one, forgets who was connected to it."

    def handle(self, *args: Any, **options: Any) -> None:
        # What each connection logs is of no use to whoever watches a start.
        logging.getLogger("calendar_sync").setLevel(logging.ERROR)
        try:
            self.stdout.write(f"{connect_demo()} people are connected to the stand-in.")
        except Exception:
            # A start does not depend on it: who is not connected uses Pete's calendar.
            logger.exception("The demo's calendars could not be connected")
