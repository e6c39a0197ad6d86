from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calendar_sync.models import AuthFlow, Calendar, Push, PushStatus
from calendar_sync.tests import factories
from crm.models import Role
from crm.tests import factories as crm_factories

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

    for name in ("connection", "calendar", "mirroredevent", "eventlink", "push", "notice", "authflow"):
        assert admin.get(f"{APP}/{name}/").status_code == 200, name
        assert admin.get(f"{APP}/{name}/add/").status_code == 403, name


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


def test_a_viewing_that_was_given_up_is_written_again(admin, connected_agent):
    viewing = crm_factories.appointment(connected_agent, crm_factories.listing(), timezone.now() + timedelta(days=1))
    push = Push.objects.create(
        appointment=viewing, connection=connected_agent.calendar_connection, status=PushStatus.FAILED, attempts=9
    )

    admin.post(f"{APP}/push/", {"action": "retry", "_selected_action": [push.pk]})

    push.refresh_from_db()
    assert (push.status, push.attempts) == (PushStatus.WAITING, 0)


def test_calendars_are_read_again(admin, connected_agent):
    calendar = connected_agent.calendar_connection.calendars.get()
    Calendar.objects.update(next_sync_at=timezone.now() + timedelta(days=1))

    admin.post(f"{APP}/connection/", {"action": "sync", "_selected_action": [calendar.connection_id]})

    calendar.refresh_from_db()
    assert calendar.next_sync_at <= timezone.now()
