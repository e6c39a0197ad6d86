"""Bring the database to where the desk can start: migrations, the first account, the demo agency."""

import json
import os
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandParser

from config.secret_files import random_text, stored_secret
from crm.models import Agent

PASSWORD_FILE = "admin_password"


class Command(BaseCommand):
    help = "Migrates, makes sure that the administrator exists, and loads the demo agency unless DEMO=0."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--report", type=int, help="file descriptor that gets how to sign in, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        report = ensure_administrator()
        if settings.DEMO and "load_demo" in get_commands():
            call_command("load_demo", stdout=StringIO())
        if "connect_demo" in get_commands():
            call_command("connect_demo", stdout=StringIO())
        report["simulate"] = settings.DEMO and "simulate_calls" in get_commands()
        if options["report"] is not None:
            with os.fdopen(options["report"], "w", encoding="utf-8") as file:
                json.dump(report, file)


def ensure_administrator() -> dict[str, Any]:
    """Make or mend the account of ADMIN_EMAIL; return how to sign in.

    A generated password waits in a file until it has been shown, so that a start which was cut off shows it next time.
    """
    email = settings.ADMIN_EMAIL
    agent = Agent.objects.filter(email__iexact=email).first()
    waiting = settings.SECRETS_DIR / PASSWORD_FILE
    generated = not settings.ADMIN_PASSWORD and (agent is None or waiting.exists())
    password = settings.ADMIN_PASSWORD
    if generated:
        password = stored_secret(settings.SECRETS_DIR, PASSWORD_FILE, lambda: random_text()[:20])
    if agent is None:
        Agent.objects.create_superuser(email, password, full_name="Administrator")
    elif password:
        _mend(agent, password)
    hint = "ADMIN_PASSWORD" if settings.ADMIN_PASSWORD else "the password shown at the first start"
    return {"email": email, "generated": generated, "password": password if generated else None, "hint": hint}


def _mend(agent: Agent, password: str) -> None:
    """Give the account its password and rights back. An unchanged hash keeps people signed in."""
    if not agent.check_password(password):
        agent.set_password(password)
    agent.is_active = agent.is_staff = agent.is_superuser = True
    agent.save()
