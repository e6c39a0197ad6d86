"""The demo's people at the stand-in: connected at each start, gone with the demo."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from calendar_sync.demo import connecting
from calendar_sync.demo.connecting import connect_demo
from calendar_sync.models import Calendar, Connection, ConnectionStatus
from calendar_sync.sandbox import Sandbox, Server
from calendar_sync.sandbox import demo as mailboxes
from calendar_sync.tests import factories
from crm.demo.load import load_agency
from crm.demo.remove import remove_agency
from crm.models import Agent
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db

PEOPLE = {address for address, _name in mailboxes.PEOPLE}


@pytest.fixture
def outlook(graph: Server, sandbox: Sandbox) -> Sandbox:
    """The stand-in as a demo starts it."""
    mailboxes.fill(sandbox)
    return sandbox


@pytest.fixture
def agency(db: None) -> None:
    load_agency()


def connected() -> set[str]:
    return set(Connection.objects.values_list("agent__email", flat=True))


def test_about_half_of_the_demo_is_connected_and_the_rest_uses_petes_calendar(outlook, agency):
    assert connect_demo() == 5

    assert connected() == PEOPLE
    assert Agent.objects.filter(is_demo=True, calendar_connection=None).count() == 7
    assert set(Connection.objects.values_list("status", flat=True)) == {ConnectionStatus.CONNECTED}
    chosen = Calendar.objects.filter(is_read=True, is_written=True).values_list("connection__agent__email", "name")
    assert sorted(chosen) == [(address, "Calendar") for address in sorted(PEOPLE)]


def test_their_calendars_are_full(outlook, agency):
    assert all(len(outlook.outlook(address).events()) >= 20 for address in PEOPLE)


def test_the_next_start_forgets_what_the_last_stand_in_knew(outlook, agency, settings):
    connect_demo()
    before = set(Connection.objects.values_list("pk", flat=True))
    anew = Sandbox()
    mailboxes.fill(anew)

    with Server(anew) as server:
        settings.MS_SANDBOX_URL, settings.GRAPH_URL = server.url, server.graph_url
        assert connect_demo() == 5

    assert connected() == PEOPLE
    assert not Connection.objects.filter(pk__in=before).exists()


def test_who_else_was_connected_to_the_stand_in_is_connected_again(outlook, agency):
    outlook.add_person("boss@example.com")
    outlook.add_person("gone@example.com")
    boss, gone = crm.agent(email="boss@pete.local"), crm.agent(email="gone@pete.local")
    for agent, address in ((boss, "boss@example.com"), (gone, "gone@example.com")):
        person = outlook.mailboxes[address]
        factories.connection(agent, tenant_id=person.tenant_id, object_id=person.object_id, email=address)
    del outlook.mailboxes["gone@example.com"]

    assert connect_demo() == 6

    assert Connection.objects.get(agent=boss).email == "boss@example.com"
    assert not Connection.objects.filter(agent=gone).exists()


def test_one_who_cannot_sign_in_keeps_nobody_else_out(outlook, agency):
    outlook.entra.account("ana.reyes@demo.example.com").consent = "admin_approval"

    assert connect_demo() == 4

    assert connected() == PEOPLE - {"ana.reyes@demo.example.com"}


def test_without_a_stand_in_its_connections_are_forgotten_and_real_ones_stay(outlook, agency, settings):
    connect_demo()
    real = factories.connection(tenant_id="a-real-tenant")
    settings.MS_SANDBOX_URL = ""

    assert connect_demo() == 0

    assert list(Connection.objects.all()) == [real]


def test_a_stand_in_that_does_not_come_up_is_no_reason_not_to_start(agency, settings, monkeypatch, capsys):
    monkeypatch.setattr(connecting, "PATIENCE_SECONDS", 0.1)
    settings.MS_SANDBOX_URL = "http://127.0.0.1:9"

    call_command("connect_demo")

    assert "0 people are connected" in capsys.readouterr().out


def test_a_failure_is_logged_and_the_start_goes_on(agency, monkeypatch, caplog):
    def fail() -> Any:
        raise ValueError("broken")

    monkeypatch.setattr("calendar_sync.management.commands.connect_demo.connect_demo", fail)

    call_command("connect_demo")

    assert "could not be connected" in caplog.text


def test_the_demo_takes_its_connections_with_it(outlook, agency):
    connect_demo()

    remove_agency()

    assert not Connection.objects.exists()
    assert not Calendar.objects.exists()
