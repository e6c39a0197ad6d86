"""The way to Microsoft's sign-in and back, with real MSAL: how it succeeds, and each way it does not."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from django.db import connection as database
from django.test import Client, TestCase
from django.urls import reverse
from django.utils import timezone

from calendar_sync import choice, staleness
from calendar_sync.connect import finish, forget_flows, start
from calendar_sync.models import AuthFlow, Connection, ConnectionStatus, Notice
from calendar_sync.outcomes import ConnectRefused
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.sandbox.sandbox import utc_now
from calendar_sync.tests.conftest import ADA, connect
from calendar_sync.tokens import access_token, mark_broken
from crm.models import Agent, Role
from crm.tests import factories as crm

START, CALLBACK, CHOOSE, STATUS = (
    f"/calendar/{path}" for path in ("auth/start", "auth/callback", "choose", "auth/status")
)
BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
BOB = "bob@northside.example"


def signed_in(agent: Agent) -> Client:
    client = Client(**BROWSER)
    client.force_login(agent)
    return client


@pytest.fixture(autouse=True)
def queued(monkeypatch) -> list[int]:
    """The calendars whose reading was asked for."""
    calendars: list[int] = []
    monkeypatch.setattr("calendar_sync.choice._queue", calendars.extend)
    return calendars


@pytest.fixture
def agent(db, graph) -> Agent:
    return crm.agent(email="ada@office.example", full_name="Ada Lovelace")


@pytest.fixture
def client(agent) -> Client:
    return signed_in(agent)


def begin(client: Client) -> str:
    """Begin a sign-in; return the address of Microsoft's page."""
    answer = client.get(START)
    assert answer.status_code == 302, answer.content
    return answer.headers["Location"]


def come_back(client: Client, entra, address: str = ADA, decision: str = "accept"):
    """Go through the whole sign-in; return our answer to it, once what it queued is queued."""
    query = entra.browse(begin(client), address, decision)
    with TestCase.captureOnCommitCallbacks(execute=True):
        return client.get(CALLBACK, query)


def outcome(answer) -> str:
    """Return which page an answer is."""
    return answer.context["code"]


def test_a_sign_in_goes_to_microsoft_with_proof_and_without_secrets(client, agent):
    uri = begin(client)

    query = dict(parse_qsl(urlsplit(uri).query))
    assert query["redirect_uri"] == "http://127.0.0.1:8000/calendar/auth/callback"
    assert (query["code_challenge_method"], query["response_type"]) == ("S256", "code")
    assert (query["prompt"], query["login_hint"]) == ("select_account", "ada@office.example")
    assert {"https://graph.microsoft.com/Calendars.ReadWrite", "offline_access"} <= set(query["scope"].split())
    row = AuthFlow.objects.get()
    assert row.agent == agent
    assert query["state"] not in row.state_digest
    assert query["state"].encode() not in bytes(row.flow)


def test_the_way_back_connects_and_leads_to_the_choice_of_calendars(client, agent, entra, sandbox, queued):
    answer = come_back(client, entra)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/calendar/choose?welcome=1")
    person, row = sandbox.mailboxes[ADA], Connection.objects.get(agent=agent)
    assert (row.tenant_id, row.object_id, row.email) == (person.tenant_id, person.object_id, ADA)
    assert row.status == ConnectionStatus.CONNECTED
    assert sandbox.entra.access_tokens[access_token(row.pk)].address == ADA
    calendar = row.calendars.get()
    assert (calendar.name, calendar.is_read, calendar.is_written) == ("Calendar", True, True)
    assert queued == [calendar.pk]
    page = client.get(answer.headers["Location"]).content.decode()
    assert f"Connected as {ADA}" in page


def test_strangers_are_sent_to_sign_in_and_programs_are_refused(db):
    page = Client(**BROWSER).get(f"{START}?user_id=1")
    program = Client().get(START)

    assert page.headers["Location"] == "/login?next=/calendar/auth/start%3Fuser_id%3D1"
    assert (program.status_code, program.json()["code"]) == (401, "not_authenticated")
    assert Client().get(STATUS).status_code == 401
    assert not AuthFlow.objects.exists()


def test_nobody_begins_for_another(client, agent):
    other = crm.agent()

    answer = client.get(START, {"user_id": other.pk})

    assert (answer.status_code, outcome(answer)) == (403, "not_yourself")
    assert "auth/start?user_id=" not in answer.content.decode()
    assert not AuthFlow.objects.exists()
    assert client.get(START, {"user_id": agent.pk}).status_code == 302


def test_a_manager_gets_the_link_to_pass_on(graph, db):
    other = crm.agent(full_name="Grace Hopper")
    client = signed_in(crm.agent(role=Role.MANAGER))

    answer = client.get(START, {"user_id": other.pk})

    assert (answer.status_code, outcome(answer)) == (403, "not_yourself")
    page = answer.content.decode()
    assert f"http://127.0.0.1:8000/calendar/auth/start?user_id={other.pk}" in page
    assert f"/users/{other.pk}/" in page
    assert not AuthFlow.objects.exists()


@pytest.mark.parametrize("wanted", ["0", "x", "٣", "9" * 30, "999999"])
def test_an_unknown_person_cannot_be_connected(graph, db, wanted):
    answer = signed_in(crm.agent(role=Role.MANAGER)).get(START, {"user_id": wanted})

    assert (answer.status_code, outcome(answer)) == (403, "not_yourself")


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"state": "made-up", "code": "stolen"}, {"code": "stolen"}])
def test_wrong_state(client, query):
    answer = client.get(CALLBACK, query)

    assert (answer.status_code, outcome(answer)) == (400, "wrong_state")
    assert not Connection.objects.exists()


def test_a_sign_in_works_once(client, entra):
    query = entra.browse(begin(client), ADA)
    assert client.get(CALLBACK, query).status_code == 302

    again = client.get(CALLBACK, query)

    assert (again.status_code, outcome(again)) == (409, "already_used")
    assert "still connected as before" in again.content.decode()
    assert Connection.objects.count() == 1
    assert not AuthFlow.objects.get().flow


def test_a_sign_in_is_good_for_ten_minutes(client, entra):
    with time_machine.travel(utc_now(), tick=False) as clock:
        uri = begin(client)
        clock.shift(timedelta(minutes=10))
        late = client.get(CALLBACK, entra.browse(uri, ADA))

    assert (late.status_code, outcome(late)) == (410, "expired")
    assert not Connection.objects.exists()


def test_somebody_elses_sign_in_connects_nothing_and_stays_good(client, agent, entra):
    query = entra.browse(begin(client), ADA)

    stolen = signed_in(crm.agent()).get(CALLBACK, query)
    other_browser = signed_in(agent).get(CALLBACK, query)

    assert (stolen.status_code, outcome(stolen)) == (403, "another_session")
    assert (other_browser.status_code, outcome(other_browser)) == (403, "another_session")
    assert not Connection.objects.exists()
    assert client.get(CALLBACK, query).status_code == 302


def test_a_sign_in_is_bound_to_the_person_even_within_one_session(agent, entra):
    query = entra.browse(start(agent, "session"), ADA)

    with pytest.raises(ConnectRefused) as refused:
        finish(crm.agent(), "session", query)

    assert refused.value.code == "another_session"
    assert not Connection.objects.exists()


def test_nothing_is_free_until_the_calendars_were_read(client, agent, entra, sandbox):
    sandbox.close_mailbox(ADA)

    come_back(client, entra)

    row = Connection.objects.get(agent=agent)
    blocked = set(agent.busy_times.values_list("external_id", flat=True))
    assert blocked == {f"unreadable:{row.pk}", f"{staleness.BEYOND}{row.pk}"}


def test_declined_consent(client, entra):
    answer = come_back(client, entra, decision="decline")

    assert (answer.status_code, outcome(answer)) == (400, "declined")
    assert not Connection.objects.exists()


def test_admin_approval(client, entra, sandbox):
    sandbox.entra.account(ADA).consent = "admin_approval"

    answer = come_back(client, entra)

    assert (answer.status_code, outcome(answer)) == (403, "admin_approval")
    assert "/adminconsent?client_id=sandbox-client" in answer.content.decode()


def test_an_administrator_who_agreed_is_thanked_without_signing_in(db):
    answer = Client(**BROWSER).get(CALLBACK, {"admin_consent": "True", "tenant": "8d0f3c51"})

    assert answer.status_code == 200
    assert "Your company has approved Pete" in answer.content.decode()


def test_an_administrator_who_did_not_agree_is_not_thanked(db):
    query = {"admin_consent": "True", "error": "consent_required", "error_description": "AADSTS65004: <b>declined</b>"}

    answer = Client(**BROWSER).get(CALLBACK, query)

    assert answer.status_code == 400
    assert "Pete was not approved" in answer.content.decode()
    assert "AADSTS65004" not in answer.content.decode()


def test_missing_scope(client, entra, sandbox):
    sandbox.entra.account(ADA).limited_to = frozenset({"User.Read"})

    answer = come_back(client, entra)

    assert (answer.status_code, outcome(answer)) == (403, "missing_scope")
    assert not Connection.objects.exists()


def test_an_account_that_another_has_connected(client, entra, agent):
    other = connect(crm.agent(), entra, ADA)

    answer = come_back(client, entra)

    assert (answer.status_code, outcome(answer)) == (409, "already_connected")
    assert list(Connection.objects.all()) == [other]


def test_a_colleagues_account(client, entra, sandbox):
    sandbox.add_person(BOB)
    crm.agent(email=BOB.upper())

    answer = come_back(client, entra, BOB)

    assert (answer.status_code, outcome(answer)) == (403, "colleagues_account")
    assert not Connection.objects.exists()


def test_reconnecting_takes_the_same_account_only(client, entra, agent, sandbox):
    before = connect(agent, entra, ADA)
    sandbox.add_person(BOB)

    answer = come_back(client, entra, BOB)

    assert (answer.status_code, outcome(answer)) == (409, "other_account")
    assert ADA in answer.content.decode()
    after = Connection.objects.get()
    assert (after.object_id, bytes(after.blob)) == (before.object_id, bytes(before.blob))


def test_reconnecting_heals_and_keeps_the_choice(client, entra, agent, queued):
    row = connect(agent, entra, ADA)
    mark_broken(row.pk, "AADSTS50173")
    calendar = row.calendars.get()

    answer = come_back(client, entra)

    assert answer.headers["Location"] == reverse("calendar-health", args=[agent.pk])
    row.refresh_from_db()
    assert (row.status, row.status_code) == (ConnectionStatus.CONNECTED, "")
    assert Notice.objects.get().resolved_at is not None
    assert queued == [calendar.pk]


def test_another_companys_account(client, entra, settings):
    settings.MS_AUTHORITY = "https://login.microsoftonline.com/8d0f3c51-1f5e-4a55-9a5b-2f5a7f3a9d10"

    answer = come_back(client, entra)

    assert (answer.status_code, outcome(answer)) == (403, "wrong_company")
    assert not Connection.objects.exists()


def test_an_installation_without_an_application(client, settings):
    settings.MS_CLIENT_ID = ""

    answer = client.get(START)

    assert (answer.status_code, outcome(answer)) == (503, "not_configured")


def test_a_wrong_secret_is_not_the_persons_fault(client, entra, settings, caplog):
    uri = begin(client)
    settings.MS_CLIENT_SECRET = "wrong"

    answer = client.get(CALLBACK, entra.browse(uri, ADA))

    assert (answer.status_code, outcome(answer)) == (503, "application_refused")
    assert "AADSTS7000215" in caplog.text


@pytest.mark.parametrize("failure", ["503", "html", "dropped", "429"])
def test_microsoft_out_of_reach_on_the_way_back(client, entra, sandbox, failure):
    uri = begin(client)
    match failure:
        case "503" | "429":
            sandbox.entra.fail_next(int(failure))
        case "html":
            sandbox.entra.fail_next(200, text="<html>Sorry</html>")
        case "dropped":
            sandbox.entra.drop_next()

    answer = client.get(CALLBACK, entra.browse(uri, ADA))

    assert (answer.status_code, outcome(answer)) == (503, "unreachable")
    assert not Connection.objects.exists()


def test_microsoft_out_of_reach_before_the_start(client, settings):
    settings.MS_SANDBOX_URL = "http://127.0.0.1:9"

    answer = client.get(START)

    assert (answer.status_code, outcome(answer)) == (503, "unreachable")
    assert not AuthFlow.objects.exists()


@pytest.mark.parametrize(("number", "code"), [(70008, "expired"), (54005, "already_used"), (53003, "refused")])
def test_a_code_can_be_refused(client, entra, sandbox, number, code):
    sandbox.entra.account(ADA).refuse_code = number

    answer = come_back(client, entra)

    assert outcome(answer) == code
    assert f"AADSTS{number}" in answer.content.decode()


def test_programs_get_problems_instead_of_pages(client):
    answer = client.get(CALLBACK, {"state": "made-up"}, headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_state")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_calendars_that_cannot_be_listed_do_not_undo_the_connection(client, entra, sandbox, agent):
    sandbox.close_mailbox(ADA, "MailboxNotEnabledForRESTAPI")

    answer = come_back(client, entra)
    page = client.get(answer.headers["Location"])

    row = Connection.objects.get(agent=agent)
    assert (row.status, row.status_code) == (ConnectionStatus.ADMIN_ACTION, "MailboxNotEnabledForRESTAPI")
    assert "no licence" in page.content.decode()
    assert page.status_code == 200


def test_calendars_are_listed_once_microsoft_answers_again(client, entra, sandbox, agent, queued):
    """Whoever connects while Graph is away and leaves the page is read and written all the same, soon after."""
    sandbox.faults.add(Fault(Kind.UNAVAILABLE_BEFORE), times=2)
    come_back(client, entra)
    row = Connection.objects.get(agent=agent)

    assert [row.pk] == list(choice.unlisted().values_list("pk", flat=True))
    assert choice.list_first(row.pk) is False
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert choice.list_first(row.pk) is True

    assert not choice.unlisted().exists()
    calendar = row.calendars.get(is_read=True, is_written=True)
    assert queued == [calendar.pk]
    # Somebody who has taken calendars away is not given them back.
    row.calendars.update(is_read=False, is_written=False)
    assert choice.list_first(row.pk) is False


def test_the_status_says_how_it_stands(client, agent, entra):
    assert client.get(STATUS).json() == {
        "user_id": agent.pk,
        "provider": "pete",
        "status": "local",
        "connected": False,
        "last_synced_at": None,
        "connect_url": f"http://127.0.0.1:8000/calendar/auth/start?user_id={agent.pk}",
    }
    row = connect(agent, entra, ADA)

    mine = client.get(STATUS, {"user_id": agent.pk}).json()

    calendar = row.calendars.get()
    assert (mine["provider"], mine["status"], mine["connected"]) == ("microsoft", "connected", True)
    assert (mine["account"], mine["problem"], mine["cure"]) == (ADA, "", "")
    assert mine["calendars"] == [{"id": calendar.pk, "name": "Calendar", "is_read": True, "is_written": True}]


def test_the_status_of_another_says_no_more_than_needed(client, agent, entra):
    other = crm.agent()
    mark_broken(connect(other, entra, ADA).pk, "AADSTS700082")

    theirs = client.get(STATUS, {"user_id": other.pk}).json()
    seen_by_manager = signed_in(crm.agent(role=Role.MANAGER)).get(STATUS, {"user_id": other.pk}).json()

    assert theirs["status"] == "needs_reconnect"
    assert ADA not in str(theirs)
    assert seen_by_manager["account"] == ADA
    assert "90 days" in seen_by_manager["problem"]
    assert "Reconnect" in seen_by_manager["cure"]


@pytest.mark.parametrize(("wanted", "status"), [("999999", 404), ("x", 400), ("9" * 40, 400)])
def test_the_status_of_nobody(client, wanted, status):
    assert client.get(STATUS, {"user_id": wanted}).status_code == status


def test_old_sign_ins_are_forgotten(client, agent):
    begin(client)
    AuthFlow.objects.update(expires_at=timezone.now() - timedelta(hours=25))
    begin(client)

    assert forget_flows() == 1
    assert AuthFlow.objects.count() == 1


def test_no_secret_is_found_anywhere_afterwards(client, agent, entra, sandbox, caplog, settings):
    """Search what was logged, stored, answered and shown for every code and token there ever was."""
    caplog.set_level(logging.DEBUG)
    query = entra.browse(begin(client), ADA)
    answers = [client.get(CALLBACK, query), client.get(CALLBACK, query), client.get(CHOOSE), client.get(STATUS)]
    sandbox.entra.revoke(ADA)
    with pytest.raises(Exception, match="AADSTS50173"):
        access_token(Connection.objects.get().pk, min_seconds=10**6)

    secrets = [*sandbox.entra.secrets_issued(), settings.MS_CLIENT_SECRET, query["state"]]
    assert len(secrets) > 4
    from calendar_sync.tests.leaks import everything_stored

    haystack = "\n".join([caplog.text, *(answer.content.decode() for answer in answers), everything_stored()])
    assert str(agent.pk) in haystack
    assert [secret for secret in secrets if secret in haystack] == []


def at_once(*calls) -> list[str]:
    """Run each call in a thread of its own, all from one instant; return how each ended."""
    ready = threading.Barrier(len(calls))

    def run(call) -> str:
        try:
            ready.wait()
            call()
        except ConnectRefused as exc:
            return exc.code
        finally:
            database.close()
        return "connected"

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_one_answer_opened_in_four_windows_connects_once(agent, entra, sandbox):
    query = entra.browse(start(agent, "session"), ADA)

    ended = at_once(*[lambda: finish(agent, "session", query)] * 4)

    assert ended == ["already_used"] * 3 + ["connected"]
    assert len(sandbox.entra.refresh_tokens) == 1


@pytest.mark.django_db(transaction=True)
def test_two_sign_ins_of_one_person_end_in_one_connection(agent, entra):
    queries = [entra.browse(start(agent, "session"), ADA) for _ in range(2)]

    ended = at_once(*[partial(finish, agent, "session", query) for query in queries])

    assert ended == ["connected", "connected"]
    row = Connection.objects.get()
    assert access_token(row.pk)


@pytest.mark.django_db(transaction=True)
def test_two_people_with_one_account_are_told_apart(agent, entra):
    other = crm.agent()
    tries = [(person, entra.browse(start(person, "session"), ADA)) for person in (agent, other)]

    ended = at_once(*[partial(finish, person, "session", query) for person, query in tries])

    assert ended == ["already_connected", "connected"]
    assert Connection.objects.count() == 1


@pytest.mark.parametrize("lifetime", [None, "soon", []])
def test_an_odd_lifetime_is_no_error_of_ours(client, entra, sandbox, monkeypatch, lifetime):
    issue = sandbox.entra._issue

    def odd(*args, **kwargs):
        answer = issue(*args, **kwargs)
        return replace(answer, payload={**answer.payload, "expires_in": lifetime})

    monkeypatch.setattr(sandbox.entra, "_issue", odd)

    assert come_back(client, entra).status_code in (400, 503)


def test_a_lifetime_that_is_not_said_connects_nonetheless(client, entra, sandbox, monkeypatch, agent):
    issue = sandbox.entra._issue

    def silent(*args, **kwargs):
        answer = issue(*args, **kwargs)
        return replace(answer, payload={k: v for k, v in answer.payload.items() if "expires_in" not in k})

    monkeypatch.setattr(sandbox.entra, "_issue", silent)

    assert come_back(client, entra).status_code == 302
    assert agent.calendar_connection.status == "connected"
