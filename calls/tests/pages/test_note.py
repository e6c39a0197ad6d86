"""/calls/<id>/note: who may write about a caller, and where it is kept."""

from __future__ import annotations

import pytest

from calls.models import Call
from calls.tests.ledger import call
from crm.models import Note
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owned(agent) -> Call:
    return call("note/1", lead=factories.lead(owner=agent, full_name="Olga Own"))


def write(client, person, row, text="Likes the garden", **headers):
    client.force_login(person)
    return client.post(f"/calls/{row.pk}/note", {"text": text}, headers=headers)


def test_those_who_look_after_the_lead_write(client, owned, agent, mate, stranger, manager):
    found = {person.full_name: write(client, person, owned).status_code for person in (agent, mate, stranger, manager)}

    assert found == {"Ana Soto": 302, "Ben Mate": 302, "Cy Stranger": 404, "Mo Manager": 302}
    assert list(Note.objects.order_by("pk").values_list("agent", "lead")) == [
        (person.pk, owned.lead_id) for person in (agent, mate, manager)
    ]


def test_nobodys_lead_is_claimed_first(see, client, stranger):
    row = call("note/2", lead=factories.lead())

    assert "Claim it to write here" in see(stranger, f"/calls/{row.pk}/note").content.decode()
    assert write(client, stranger, row).status_code == 403
    assert not Note.objects.exists()


def test_a_call_of_nobody_known_has_no_notes(see, manager):
    assert see(manager, f"/calls/{call('note/3').pk}/note").status_code == 404


def test_nothing_written_is_said(client, owned, agent):
    answer = write(client, agent, owned, " ", **{"HX-Request": "true"})

    assert answer.status_code == 422
    assert "Write something first." in answer.content.decode()


def test_htmx_closes_the_sheet(client, owned, agent):
    answer = write(client, agent, owned, **{"HX-Request": "true"})

    assert answer.status_code == 204
    assert "sheet:close" in answer.headers["HX-Trigger"]
