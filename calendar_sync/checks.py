"""What the doctor looks at in connected calendars: keys, sign-in, connections, what waits to be written."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import msal
from django.conf import settings
from django.utils import timezone

from calendar_sync import clouds, connect, entra
from calendar_sync.models import Calendar, Connection, ConnectionStatus, Push, PushStatus
from calendar_sync.rotation import rotate
from calendar_sync.staleness import is_unread
from calendar_sync.vault import VaultError
from config import doctor
from config.doctor import IllError
from crm.errors import TransientError


def register() -> None:
    """Have the doctor make these checks."""
    doctor.register("Token keys", token_keys, required=True)
    doctor.register("Microsoft 365", microsoft)
    doctor.register("Calendars", calendars)
    doctor.register("Outbox", outbox)


def token_keys() -> str:
    """Whatever is kept encrypted must open with one of the keys."""
    try:
        found = rotate(check=True)
    except VaultError as exc:
        raise IllError(str(exc), "Set TOKEN_ENCRYPTION_KEYS to a long random text.") from exc
    if found.lost:
        finding = f"{found.lost} of {found.lost + found.current + found.rotated} stored secrets open with no key."
        raise IllError(finding, "Add the former key to TOKEN_ENCRYPTION_KEYS, or have these people reconnect.")
    if found.rotated:
        return f"{found.rotated} secrets are under a former key: run manage.py rotate_token_keys."
    return f"{found.current} secrets open with the first key." if found.current else "nothing is encrypted yet."


def microsoft() -> str:
    """Whether people can sign in to Microsoft 365, and where it must send them back to."""
    if not clouds.is_configured():
        demo = " A running demo has a stand-in of its own." if settings.DEMO else ""
        raise IllError(f"not set: agents use Pete's own calendar.{demo}", "Set MS_CLIENT_ID and MS_CLIENT_SECRET.")
    where, back = clouds.cloud(), connect.redirect_uri()
    if mismatch := where.mismatch():
        raise IllError(mismatch, "Set both to the same cloud.")
    if not settings.HTTPS and not where.sandbox_url and urlsplit(back).hostname != "localhost":
        raise IllError(f"Microsoft does not lead people back to {back}.", "Set PUBLIC_URL to an https address.")
    try:
        entra.application(msal.TokenCache())
    except TransientError as exc:
        raise IllError(str(exc), "Check MS_AUTHORITY and the way out to the internet.") from exc
    if where.sandbox_url:
        return f"a stand-in at {where.sandbox_url}: for demos only."
    return f"people sign in at {where.login_host}. The application there needs the redirect URI {back}"


def calendars() -> str:
    """How the connected calendars stand; a broken one is its owner's to mend, not the installation's."""
    counts = Counter(Connection.objects.values_list("status", flat=True))
    late = [row for row in Calendar.objects.filter(is_read=True).defer("delta_link") if is_unread(row, timezone.now())]
    words = [f"{counts[status]} {status.label.lower()}" for status in ConnectionStatus if counts[status]]
    finding = ", ".join(words) or "nobody has connected one"
    broken = sum(counts.values()) - counts[ConnectionStatus.CONNECTED]
    if broken or late:
        unread = f"; {len(late)} not read for {settings.CALENDAR_STALE_MINUTES} minutes" if late else ""
        raise IllError(f"{finding}{unread}.", f"{settings.PUBLIC_URL}/users says whose, and what helps.")
    return f"{finding}."


def outbox() -> str:
    failed = Push.objects.filter(status=PushStatus.FAILED).count()
    waiting = Push.objects.filter(status=PushStatus.WAITING).count()
    if failed:
        cure = f"Press “try again” at {settings.PUBLIC_URL}/users."
        raise IllError(f"{failed} viewings could not be written to Outlook, {waiting} wait.", cure)
    return f"{waiting} viewings wait to be written to Outlook."
