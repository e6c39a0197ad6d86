"""What the doctor says about connected calendars."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from calendar_sync import checks, vault
from calendar_sync.models import ConnectionStatus, Push, PushStatus
from calendar_sync.sandbox import Server
from calendar_sync.tests import factories
from config.doctor import OPTIONAL, REQUIRED, IllError
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db

OLD, NEW = "the-former-key-of-these-tests", "the-present-key-of-these-tests"


@pytest.fixture
def real(settings: Any) -> Any:
    """Settings of an installation with an application at Microsoft."""
    settings.MS_CLIENT_ID, settings.MS_CLIENT_SECRET, settings.MS_SANDBOX_URL = "id", "secret", ""
    settings.MS_AUTHORITY = "https://login.microsoftonline.com/organizations"
    settings.GRAPH_URL = "https://graph.microsoft.com/v1.0"
    settings.PUBLIC_URL, settings.HTTPS = "https://pete.example", True
    return settings


def ill(check: Any) -> tuple[str, str]:
    with pytest.raises(IllError) as caught:
        check()
    return caught.value.finding, caught.value.cure


def test_the_doctor_makes_these_checks():
    assert REQUIRED["Token keys"] is checks.token_keys
    assert {"Microsoft 365", "Calendars", "Outbox"} <= set(OPTIONAL)


def test_without_an_application_petes_calendar_is_used(real):
    real.MS_CLIENT_ID, real.DEMO = "", False

    assert ill(checks.microsoft) == (
        "not set: agents use Pete's own calendar.",
        "Set MS_CLIENT_ID and MS_CLIENT_SECRET.",
    )


def test_sign_in_names_the_redirect_address_to_register(real, monkeypatch):
    monkeypatch.setattr("calendar_sync.entra.application", lambda cache: None)

    assert checks.microsoft() == (
        "people sign in at login.microsoftonline.com. "
        "The application there needs the redirect URI https://pete.example/calendar/auth/callback"
    )


def test_microsoft_leads_nobody_back_to_plain_http(real):
    real.PUBLIC_URL, real.HTTPS = "http://10.0.0.5:8000", False

    finding, cure = ill(checks.microsoft)

    assert "http://10.0.0.5:8000/calendar/auth/callback" in finding
    assert cure == "Set PUBLIC_URL to an https address."


def test_two_clouds_do_not_fit_together(real):
    real.GRAPH_URL = "https://graph.microsoft.us/v1.0"

    assert ill(checks.microsoft)[1] == "Set both to the same cloud."


def test_the_stand_in_is_named_as_what_it_is(graph: Server):
    assert checks.microsoft() == f"a stand-in at {graph.url}: for demos only."


def test_a_stand_in_that_is_gone_is_ill(graph: Server, settings):
    settings.MS_SANDBOX_URL = "http://127.0.0.1:9"

    assert "Check MS_AUTHORITY" in ill(checks.microsoft)[1]


def test_keys_open_what_is_stored(settings):
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    assert checks.token_keys() == "nothing is encrypted yet."
    row = factories.connection()
    row.blob = vault.seal(vault.TOKEN_CACHE, row.pk, b"{}")
    row.save()
    assert checks.token_keys() == "1 secrets open with the first key."

    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    assert checks.token_keys() == "1 secrets are under a former key: run manage.py rotate_token_keys."

    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    finding, cure = ill(checks.token_keys)
    assert finding == "1 of 1 stored secrets open with no key."
    assert "or have these people reconnect" in cure


def test_calendars_are_counted_by_how_they_stand(settings):
    settings.CALENDAR_STALE_MINUTES = 60
    assert checks.calendars() == "nobody has connected one."
    for _ in range(2):
        factories.calendar(is_read=True, last_synced_at=timezone.now())
    assert checks.calendars() == "2 connected."

    factories.connection(status=ConnectionStatus.NEEDS_RECONNECT)
    assert ill(checks.calendars)[0] == "2 connected, 1 needs reconnecting."


def test_a_calendar_that_is_not_read_is_ill(settings):
    settings.CALENDAR_STALE_MINUTES = 60
    factories.calendar(is_read=True, last_synced_at=timezone.now() - timedelta(minutes=61))

    finding, cure = ill(checks.calendars)

    assert finding == "1 connected; 1 not read for 60 minutes."
    assert cure.endswith("/users says whose, and what helps.")


def test_viewings_that_could_not_be_written_are_ill():
    assert checks.outbox() == "0 viewings wait to be written to Outlook."
    row = factories.connection()
    viewing = crm.appointment(row.agent, crm.listing(row.agent), factories.MONDAY)
    Push.objects.create(appointment=viewing, connection=row, status=PushStatus.WAITING)
    assert checks.outbox() == "1 viewings wait to be written to Outlook."

    Push.objects.create(appointment=viewing, connection=row, status=PushStatus.FAILED)
    assert ill(checks.outbox)[0] == "1 viewings could not be written to Outlook, 1 wait."
