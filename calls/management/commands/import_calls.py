"""Bring in the calls of the last 90 days from Vapi."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.errors import VapiRefused, VapiUnavailable
from calls.history_import import DAYS, import_calls


class Command(BaseCommand):
    """Safe to run again: calls that are there stay as they are."""

    help = "Brings in the ended calls that Vapi has and Pete has not, with transcripts, summaries and costs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=DAYS, help="how far back (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= 3650:
            raise CommandError("--days is a number from 1 to 3650.")
        if not settings.VAPI_API_KEY:
            raise CommandError("Set VAPI_API_KEY.")
        try:
            count = import_calls(options["days"])
        except (VapiRefused, VapiUnavailable) as exc:
            raise CommandError(f"Vapi: {exc}") from exc
        self.stdout.write(f"{count} calls were brought in.")
