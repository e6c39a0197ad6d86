"""Seal everything anew under the first of TOKEN_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calendar_sync.rotation import rotate
from calendar_sync.vault import VaultError


class Command(BaseCommand):
    help = (
        "Seals stored Microsoft 365 tokens anew under the first of TOKEN_ENCRYPTION_KEYS. Put the new key first, keep "
        "the old one behind it, restart, run this, then remove the old key and restart. Safe to run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; say what is still under another key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rotate(check=options["check"])
        except VaultError as exc:
            raise CommandError(str(exc)) from exc
        word = "to be sealed anew" if options["check"] else "sealed anew"
        self.stdout.write(f"{done.current} under the first key, {done.rotated} {word}, {done.lost} that no key opens.")
        for name in done.lost_names:
            self.stderr.write(f"{name} opens with no key that is set.")
        if done.lost:
            raise CommandError("Add the key these were sealed with to TOKEN_ENCRYPTION_KEYS, or have them made anew.")
