"""manage.py create_token EMAIL --scopes read,write [--name N] [--days N]"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.models import Agent
from crm.tokens import issue_token

LONGEST_DAYS = 3650
LONGEST_NAME = 100


class Command(BaseCommand):
    help = "Print a new API token, once and alone on standard output, for the person with this email address."
    # Standard output belongs to the token.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="whom the token acts as")
        parser.add_argument("--scopes", default="read", help="comma-separated: read, write (default: read)")
        parser.add_argument("--name", default="API", help="what it is for, shown in lists")
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        agent = Agent.objects.filter(email__iexact=options["email"]).first()
        if agent is None:
            raise CommandError(f"nobody here has the email address {options['email']}")
        if not agent.is_active:
            raise CommandError(f"{options['email']} is not active and cannot use a token")
        days = options["days"]
        if days is not None and not 0 < days <= LONGEST_DAYS:
            raise CommandError(f"--days must be between 1 and {LONGEST_DAYS}")
        name = options["name"].strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise CommandError(f"--name must have 1 to {LONGEST_NAME} characters")
        scopes = [scope.strip().lower() for scope in options["scopes"].split(",") if scope.strip()]
        expires_at = timezone.now() + timedelta(days=days) if days else None
        try:
            _, secret = issue_token(agent=agent, scopes=scopes, name=name, expires_at=expires_at)
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(secret)
