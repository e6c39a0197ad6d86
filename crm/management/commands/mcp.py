"""manage.py mcp [--token-file PATH]"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import AuthenticationFailed

from crm.api.authentication import refuse_unusable
from crm.tokens import find_token


class Command(BaseCommand):
    help = "Serve Pete to an office assistant over standard input and output (Model Context Protocol)."
    # Standard output belongs to the protocol.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--token-file", type=Path, help="a file with the API token (default: PETE_TOKEN holds it)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from crm.mcp.server import make_server  # The package is an optional extra.
        except ImportError as exc:
            raise CommandError("The package mcp is not installed: pip install -r requirements-mcp.txt") from exc
        secret = _secret(options["token_file"])
        token = find_token(secret)
        try:
            refuse_unusable(token)
        except AuthenticationFailed as exc:
            raise CommandError(f"{exc.detail} manage.py create_token makes one.") from exc
        assert token is not None
        make_server(secret, token.scopes).run("stdio")


def _secret(file: Path | None) -> str:
    if file is None:
        return os.environ.get("PETE_TOKEN", "").strip()
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise CommandError(f"The token cannot be read: {exc}") from exc
