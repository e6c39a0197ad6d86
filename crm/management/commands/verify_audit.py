"""Check the chain over all changes that were ever written down."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.audit import chain


class Command(BaseCommand):
    """Say whether anybody has been at the audit; exit 1 if so."""

    help = "Seals what is new, verifies the whole audit and prints its head, to be kept elsewhere and given next time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", action="append", default=[], help="a head printed earlier: position:hash")

    def handle(self, *args: Any, **options: Any) -> None:
        for given in options["head"]:
            position, _, link = given.partition(":")
            if not position.isdigit() or not link:
                raise CommandError(f"{given!r} is no head: it looks like 12:0f3a…")
        chain.seal()
        faults = chain.verify(heads=[*chain.noted_heads(), *options["head"]])
        for fault in faults:
            where = f"entry {fault.entry_id}: " if fault.entry_id else ""
            self.stderr.write(f"{where}{fault.text}")
        if faults:
            raise CommandError("The audit is not as it was written.")
        self.stdout.write(f"The audit is as it was written. Head: {chain.head() or 'none yet'}")
