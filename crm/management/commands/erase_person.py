"""Forget one person."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from crm.erasure import erase_person
from crm.management.commands.export_person import find


class Command(BaseCommand):
    help = "Takes away everything that tells who a lead is: cannot be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="a lead's id, phone number or e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        lead = find(options["person"])
        erase_person(lead)
        self.stdout.write(f"Lead {lead.pk} is forgotten.")
