from datetime import timedelta

import pytest
from django.utils import timezone

from calls import board
from calls.models import Call, Phase, Stage, call_pk
from calls.shapes import with_related
from crm.models import Role, Task, TaskKind
from crm.tests import factories

pytestmark = pytest.mark.django_db


def live_call(vapi_id="call-1", **fields):
    values = {"status": "in-progress", "phase": Phase.LISTENING, "last_event_at": timezone.now()}
    Call.objects.create(id=call_pk(vapi_id), vapi_id=vapi_id, **values | fields)
    call = with_related(Call.objects.all()).get(vapi_id=vapi_id)
    board.publish([board.entry(call)])
    return call


@pytest.fixture
def manager(client):
    person = factories.agent(role=Role.MANAGER, full_name="Ana Soto")
    client.force_login(person)
    return person


def test_dashboard_is_for_staff_only(client):
    answer = client.get("/dashboard")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/dashboard"


def test_dashboard_is_complete_when_it_leaves_the_server(client, manager):
    lead = factories.lead(full_name="<b>Maria</b> Delgado")
    live_call(
        lead=lead,
        stage=Stage.BOOKING,
        context={"budget": 1800},
        customer_number=lead.phone,
        transcript=[{"role": "user", "text": "Thursday, please", "at": "2026-06-09T19:00:00+00:00"}],
    )

    page = client.get("/dashboard").content.decode()

    assert 'data-state="offering" data-phase="LISTENING"' in page
    assert "&lt;b&gt;Maria&lt;/b&gt; Delgado" in page
    assert "<b>Maria" not in page
    assert "$1,800 a month" in page
    assert "Thursday, please" in page
    assert "Data as of" in page


def test_dashboard_says_why_the_board_is_empty(client, manager):
    assert "No calls today." in client.get("/dashboard").content.decode()

    live_call(phase=Phase.ENDED, ended_at=timezone.now(), last_event_at=timezone.now() - timedelta(minutes=5))

    page = client.get("/dashboard").content.decode()
    assert "Nobody is on the line." in page
    assert "1 call so far today." in page


def test_dashboard_has_no_inline_script_or_style(client, manager):
    live_call()
    page = client.get("/dashboard").content.decode()

    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page
    scripts = [part.split(">")[0] for part in page.split("<script")[1:]]
    assert all('src="' in script or 'type="application/json"' in script for script in scripts)


def test_htmx_gets_the_panel_alone(client, manager):
    answer = client.get("/dashboard", headers={"HX-Request": "true"})

    assert answer.content.decode().strip().startswith('<div id="desk"')
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize("rows", [1, 3])
def test_dashboard_asks_the_database_a_fixed_number_of_questions(client, manager, rows, django_assert_num_queries):
    agent = factories.agent()
    for number in range(rows):
        lead = factories.lead(full_name=f"Lead {number}")
        live_call(f"call-{number}", lead=lead)
        Task.objects.create(
            lead=lead, kind=TaskKind.CALLBACK, text="Asked for a person", due_at=timezone.now(), key=f"t{number}"
        )
        start = timezone.localtime().replace(hour=number, minute=0, second=0, microsecond=0)
        factories.appointment(agent, factories.listing(agent), start, lead=lead)
    client.get("/dashboard")

    with django_assert_num_queries(22):
        client.get("/dashboard")
