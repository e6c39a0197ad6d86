"""Everything that is kept about one person, as a zip of JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.exports.person import everything_of
from crm.leads import lead_by_phone
from crm.models import Lead
from crm.phones import to_e164


class Command(BaseCommand):
    help = "Writes everything that is kept about a lead into a zip of JSON files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="a lead's id, phone number or e-mail address")
        parser.add_argument("--output", type=Path, help="where to write (default: person-<id>.zip here)")

    def handle(self, *args: Any, **options: Any) -> None:
        lead = find(options["person"])
        path: Path = options["output"] or Path(f"person-{lead.pk}.zip")
        with path.open("wb") as file:
            for chunk in everything_of(lead):
                file.write(chunk)
        self.stdout.write(str(path))


def find(text: str) -> Lead:
    """Return the one lead that is meant. Raises CommandError."""
    if "@" in text:
        found = list(Lead.objects.filter(email__iexact=text)[:2])
        if len(found) > 1:
            raise CommandError(f"Several leads have the address {text}. Give the id.")
    else:
        number = to_e164(text)
        by_number = lead_by_phone(number) if number else None
        by_id = Lead.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
        found = [lead for lead in (by_id, by_number) if lead is not None][:1]
    if not found:
        raise CommandError(f"There is no lead {text}.")
    return found[0]
