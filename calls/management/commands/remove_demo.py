"""Remove the demo agency and the simulated calls."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from calls.demo.remove import remove_demo


class Command(BaseCommand):
    help = "Removes the demo agency, the simulated calls and what they made. Real data stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        removed = remove_demo()
        if not removed:
            self.stdout.write("There is no demo data.")
            return
        parts = ", ".join(f"{count} {table}" for table, count in sorted(removed.items()))
        self.stdout.write(f"Removed the demo agency: {parts}.")
