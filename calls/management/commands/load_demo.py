"""Load the demo agency, once."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand

from calls.demo.load import load_demo


class Command(BaseCommand):
    help = "Loads the demo agency around today's date. Does nothing when it is already there."

    def handle(self, *args: Any, **options: Any) -> None:
        started = perf_counter()
        loaded = load_demo()
        if loaded is None:
            self.stdout.write("The demo agency is already there.")
            return
        parts = ", ".join(f"{count} {name}" for name, count in loaded.items())
        self.stdout.write(f"Loaded the demo agency in {perf_counter() - started:.1f} s: {parts}.")
