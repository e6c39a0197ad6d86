"""Say whether this installation is well."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.doctor import examine


class Command(BaseCommand):
    help = "Checks what Pete needs, one line each with the cure. Exits with 0 only if all required checks pass."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        results = []
        for result in examine():
            results.append(result)
            if not options["json"]:
                self.stdout.write(result.line())
        well = all(result.ok for result in results if result.required)
        if options["json"]:
            document = {"ok": well, "checks": [result.as_dict() for result in results]}
            self.stdout.write(json.dumps(document, indent=2))
        if not well:
            sys.exit(1)
