from __future__ import annotations

import pytest
from django.utils import timezone

from calendar_sync.models import AuthFlow, Calendar
from calendar_sync.tests import factories
from crm.models import Role

APP = "/admin/calendar_sync"


@pytest.fixture
def admin(client, connected_agent):
    connected_agent.role, connected_agent.is_staff, connected_agent.is_superuser = Role.ADMIN, True, True
    connected_agent.save()
    client.force_login(connected_agent)
    return client


def test_the_tables_are_there_to_look_at(admin, connected_agent):
    row = connected_agent.calendar_connection
    factories.mirrored_event(row.calendars.get())

    for name in ("connection", "calendar", "mirroredevent", "eventlink", "push", "notice"):
        assert admin.get(f"{APP}/{name}/").status_code == 200, name
        assert admin.get(f"{APP}/{name}/add/").status_code == 403, name
    assert admin.get(f"{APP}/authflow/").status_code == 404


def test_nothing_sealed_is_shown(admin, connected_agent, sandbox):
    row = connected_agent.calendar_connection
    calendar = row.calendars.get()
    Calendar.objects.filter(pk=calendar.pk).update(delta_link=b"a sealed link", client_state_digest="5e" * 32)
    AuthFlow.objects.create(agent=connected_agent, state_digest="d1" * 32, flow=b"flow", expires_at=timezone.now())

    pages = [
        admin.get(f"{APP}/{path}").content.decode()
        for path in ("connection/", f"connection/{row.pk}/change/", "calendar/", f"calendar/{calendar.pk}/change/")
    ]

    assert all("Ada Lovelace" in page for page in pages)
    text = "\n".join(pages)
    assert [secret for secret in sandbox.entra.secrets_issued() if secret in text] == []
    for word in ("blob", "Blob", "elta link", "a sealed link", "lient state", "5e5e5e5e"):
        assert word not in text, word
