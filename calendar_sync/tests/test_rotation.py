from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone

from calendar_sync import vault
from calendar_sync.models import AuthFlow, Calendar, Connection
from calendar_sync.rotation import rotate
from calendar_sync.tests import factories
from calendar_sync.tokens import access_token
from crm.tests import factories as crm

NEW = Fernet.generate_key().decode()


@pytest.fixture
def sealed(connected_agent) -> Connection:
    """Ada's connection, her calendar's delta link and a sign-in under way, all under the old key."""
    row = connected_agent.calendar_connection
    calendar = row.calendars.get()
    Calendar.objects.filter(pk=calendar.pk).update(delta_link=vault.seal(vault.DELTA_LINK, calendar.pk, b"link"))
    flow = vault.seal(vault.SIGN_IN, "state", b"flow")
    AuthFlow.objects.create(agent=connected_agent, state_digest="state", flow=flow, expires_at=timezone.now())
    AuthFlow.objects.create(agent=crm.agent(), state_digest="used", flow=b"", expires_at=timezone.now())
    return row


def test_everything_is_sealed_anew_and_the_old_key_can_go(sealed, settings, sandbox):
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, *settings.TOKEN_ENCRYPTION_KEYS]

    first, second = rotate(), rotate()

    assert (first.rotated, first.current, first.lost) == (3, 0, 0)
    assert (second.rotated, second.current) == (0, 3)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    calendar = sealed.calendars.get()
    assert vault.open_sealed(vault.DELTA_LINK, calendar.pk, calendar.delta_link) == b"link"
    assert vault.open_sealed(vault.SIGN_IN, "state", AuthFlow.objects.get(state_digest="state").flow) == b"flow"
    assert access_token(sealed.pk) in sandbox.entra.access_tokens


def test_the_command_says_what_it_did(sealed, settings):
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, *settings.TOKEN_ENCRYPTION_KEYS]
    before, out = bytes(sealed.blob), StringIO()

    call_command("rotate_token_keys", "--check", stdout=out)
    sealed.refresh_from_db()
    assert bytes(sealed.blob) == before
    call_command("rotate_token_keys", stdout=out)

    assert out.getvalue().splitlines() == [
        "0 under the first key, 3 to be sealed anew, 0 that no key opens.",
        "0 under the first key, 3 sealed anew, 0 that no key opens.",
    ]


def test_what_no_key_opens_is_named_and_left(sealed, settings):
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    factories.connection()
    before, errors = bytes(sealed.blob), StringIO()

    with pytest.raises(CommandError, match="TOKEN_ENCRYPTION_KEYS"):
        call_command("rotate_token_keys", stdout=StringIO(), stderr=errors)

    assert f"connection {sealed.pk} opens with no key that is set." in errors.getvalue()
    sealed.refresh_from_db()
    assert bytes(sealed.blob) == before


def test_without_keys_the_command_says_so(sealed, settings):
    settings.TOKEN_ENCRYPTION_KEYS = []

    with pytest.raises(CommandError, match="TOKEN_ENCRYPTION_KEYS is not set"):
        call_command("rotate_token_keys", stdout=StringIO())
