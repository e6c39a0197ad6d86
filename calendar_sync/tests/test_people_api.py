"""How somebody's calendar stands, which ones count, and the buttons of its page, for programs."""

from __future__ import annotations

import pytest

from calendar_sync import actions
from calendar_sync.models import Calendar, Connection, Notice, NoticeKind
from calendar_sync.tests import factories
from crm.api.tests.conftest import problem, token_client
from crm.errors import TransientError
from crm.models import Agent, Role
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> Agent:
    return crm.agent(full_name="Ana")


@pytest.fixture
def connected(ana: Agent, monkeypatch: pytest.MonkeyPatch) -> list[Calendar]:
    monkeypatch.setattr("calendar_sync.choice.request_sync", lambda connection: None)
    monkeypatch.setattr("calendar_sync.choice.unsubscribe", lambda connection, calendars: None)
    connection = factories.connection(ana)
    own = factories.calendar(connection, name="Own", can_edit=True, is_read=True, is_written=True)
    return [own, factories.calendar(connection, name="Team", can_edit=True)]


def path(agent: Agent, action: str = "") -> str:
    return f"/api/v1/agents/{agent.pk}/calendar{action and '/' + action}"


def test_a_person_chooses_which_calendars_count_by_what_they_saw(ana, connected) -> None:
    client, (own, team) = token_client(ana), connected
    seen = client.get(path(ana))

    chosen = client.put(path(ana), {"read": [own.pk], "written": team.pk}, HTTP_IF_MATCH=seen["ETag"])
    late = client.put(path(ana), {"read": [], "written": own.pk}, HTTP_IF_MATCH=seen["ETag"])

    assert [(row["name"], row["is_read"], row["is_written"]) for row in chosen.json()["calendars"]] == [
        ("Own", True, False), ("Team", True, True),
    ]  # fmt: skip
    assert problem(late) == (412, "precondition_failed")
    assert problem(client.put(path(ana), {"read": [], "written": 999999})) == (400, "bad_arguments")


def test_a_manager_sees_everybodys_and_acts_but_does_not_choose(ana, connected) -> None:
    boss, other = token_client(crm.agent(role=Role.MANAGER, is_superuser=True)), token_client(crm.agent())

    assert boss.get(path(ana)).json()["agent"] == ana.pk
    assert problem(boss.put(path(ana), {"read": [], "written": connected[0].pk})) == (403, "not_allowed")
    assert problem(other.get(path(ana))) == (403, "not_allowed")
    assert problem(other.post(path(ana, "disconnect"))) == (403, "not_allowed")
    assert Connection.objects.filter(agent=ana).exists()


def test_the_buttons_say_what_they_did(ana, connected) -> None:
    client = token_client(ana)
    notice = Notice.objects.create(kind=NoticeKind.MOVED, agent=ana, text="Moved", key="m")

    assert client.post(path(ana, "done"), {"notice": notice.pk}).json() == {"said": "Put away."}
    assert problem(client.post(path(ana, "done"), {"notice": notice.pk}))[0] == 409
    assert problem(client.post(path(ana, "send-link"))) == (403, "not_allowed")
    assert problem(client.post(path(ana, "explode"))) == (404, "not_found")
    assert client.get(path(ana)).json()["notices"] == []


def test_when_microsoft_does_not_answer_a_program_is_told(ana, connected, monkeypatch) -> None:
    def away(*args: object) -> str:
        raise TransientError("no answer")

    monkeypatch.setitem(actions.ACTIONS, "sync", away)

    answer = token_client(ana).post(path(ana, "sync"))

    assert problem(answer) == (503, "microsoft_unavailable")
    assert answer["Retry-After"]


def test_without_a_connection_there_is_nothing_to_choose(ana) -> None:
    client = token_client(ana)

    assert client.get(path(ana)).json()["state"] == "local"
    assert problem(client.put(path(ana), {"read": [], "written": 1})) == (409, "not_connected")
