from __future__ import annotations

import zipfile
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from crm.audit import chain
from crm.exports.person import everything_of
from crm.models import Agent, Note, OutgoingMessage
from crm.tests import factories
from crm.timeline import add_timeline

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    lead = factories.lead(
        full_name="Zoe Roe",
        email="zoe@example.com",
        budget=1800,
        location="Lakeview",
        stage="lost",
        lost_reason="price",
    )
    Note.objects.create(lead=lead, text="Zoe likes cats")
    add_timeline(lead, "note", "Zoe called")
    OutgoingMessage.objects.create(key="k", lead=lead, to=lead.email, subject="Hello Zoe", body="b")
    agent = factories.agent()
    factories.appointment(agent, factories.listing(agent), timezone.now() + timedelta(days=2), lead=lead)
    chain.seal()
    return lead


def kept_about(lead):
    return b"".join(everything_of(lead))


def test_a_person_is_forgotten(person, tmp_path):
    path = tmp_path / "before.zip"
    number = person.phone
    call_command("export_person", number, "--output", str(path))
    assert b"Zoe" in b"".join(zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist())

    call_command("erase_person", number)

    person.refresh_from_db()
    assert (person.full_name, person.phone, person.email, person.budget) == ("Erased", None, "", None)
    assert person.appointments.get().status == "cancelled"
    path.write_bytes(kept_about(person))
    said = b"".join(zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist()).decode()
    for words in ("Zoe", "zoe@", number, "Lakeview", "price"):
        assert words not in said
    assert chain.verify() == []


def test_an_administrator_forgets_people_in_a_list(person, client):
    client.force_login(Agent.objects.create_superuser("ada@example.com", "long enough 123", full_name="Ada"))
    chosen = {"action": "erase", "_selected_action": [person.pk]}

    page = client.post(reverse("admin:crm_lead_changelist"), chosen)
    person.refresh_from_db()
    assert "cannot be undone" in page.content.decode()
    assert person.full_name == "Zoe Roe"
    client.post(reverse("admin:crm_lead_changelist"), chosen | {"confirmed": "1"})

    person.refresh_from_db()
    assert person.full_name == "Erased"


@pytest.mark.parametrize("given", ["nobody@example.com", "+13120000000", "999999", "x"])
def test_nobody_is_meant(given):
    with pytest.raises(CommandError, match="no lead"):
        call_command("erase_person", given)
