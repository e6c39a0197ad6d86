"""/users and each person's page: who sees what, who may do what, and what is said afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from calendar_sync import actions
from calendar_sync.models import Connection, ConnectionStatus, Notice, NoticeKind, Push, PushStatus
from calendar_sync.tests import factories
from calendar_sync.tests.test_health import connected, notice
from crm.models import Agent, BusyTime, Role
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db

ANA = "Ana Reyes"


@pytest.fixture(autouse=True)
def configured(settings: Any) -> None:
    settings.MS_CLIENT_ID, settings.MS_CLIENT_SECRET = "client", "secret"


@pytest.fixture
def agent() -> Agent:
    return crm.agent(full_name=ANA, email="ana@example.com", team=crm.team(name="North Side"))


@pytest.fixture
def manager() -> Agent:
    return crm.agent(full_name="Mo Manager", role=Role.MANAGER)


def as_(person: Agent) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page(client: Client, path: str = "/users", **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, path
    return answer.content.decode()


def act(client: Client, subject: Agent, action: str, **form: Any) -> Any:
    return client.post(f"/users/{subject.pk}/calendar/{action}", form, follow=True)


@pytest.mark.parametrize("path", ["/users", "/users/1/calendar", "/users/1/row"])
def test_the_pages_are_for_staff_only(client, path):
    answer = client.get(path)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/login?next={path}")


def test_everybody_is_listed_by_team_with_state_role_and_zone(manager, agent):
    factories.calendar(
        factories.connection(agent, email="ana@outlook.example"),
        is_read=True,
        is_written=True,
        last_synced_at=timezone.now() - timedelta(minutes=5),
        subscription_id="s",
        subscription_expires_at=timezone.now() + timedelta(days=5, hours=1),
    )
    crm.agent(full_name="Mei Tanaka", timezone="America/New_York")
    crm.agent(full_name="Gone Long", is_active=False)

    html = page(as_(manager))

    for words in ("North Side", ANA, "Connected", "ana@outlook.example", "5 min ago", "ends in 5 days", "New York"):
        assert words in html
    assert "Mei Tanaka" in html
    assert "Gone Long" not in html
    assert html.index("Mo Manager") < html.index(ANA) < html.index("Mei Tanaka")


def test_names_are_text_and_never_markup(manager):
    crm.agent(full_name="<b>Bobby</b>")

    html = page(as_(manager))

    assert "&lt;b&gt;Bobby&lt;/b&gt;" in html
    assert "<b>Bobby" not in html


def test_the_list_can_be_searched_and_narrowed(manager, agent):
    broken = connected(status=ConnectionStatus.NEEDS_RECONNECT, status_code="AADSTS50173").agent
    client = as_(manager)

    assert ANA in page(client, "/users?q=north+ANA")
    assert ANA not in page(client, "/users?q=south")
    assert ANA in page(client, f"/users?team={agent.team_id}")
    assert str(broken) not in page(client, f"/users?team={agent.team_id}")
    assert str(broken) in page(client, "/users?show=trouble")
    assert ANA not in page(client, "/users?show=trouble")
    assert ANA in page(client, "/users?show=local")
    assert str(broken) in page(client, "/users?show=connected")


def test_what_the_filters_hide_is_counted_with_a_way_back(manager, agent):
    html = page(as_(manager), "/users?q=zebra")

    assert "2 people are hidden" in html
    assert "Show everybody" in html


@pytest.mark.parametrize(
    "query", ["q=%00", "team=x", "team=99999999999999999999", "show=nothing", "team=-1", "q=%3Cscript"]
)
def test_senseless_filters_are_no_error(manager, query):
    assert "<script>" not in page(as_(manager), f"/users?{query}")


def test_the_number_of_people_does_not_change_the_number_of_queries(manager, django_assert_num_queries):
    client = as_(manager)

    for count in (1, 3):
        for _ in range(count):
            row = connected(status=ConnectionStatus.ADMIN_ACTION, status_code="x")
            notice(row.agent, NoticeKind.CLASH)
        # Session and user; people, connections, calendars, notices, pushes; the rail's counts.
        with django_assert_num_queries(9):
            page(client)


def test_who_left_is_shown_until_the_calendar_is_disconnected(manager, agent):
    row = connected(status=ConnectionStatus.NEEDS_RECONNECT)
    Agent.objects.filter(pk__in=[agent.pk, row.agent_id]).update(is_active=False)
    client = as_(manager)

    html = page(client)
    assert "No longer active" in html
    assert str(row.agent) in html
    assert ANA not in html
    assert "Send link" not in html
    assert act(client, row.agent, "disconnect").redirect_chain == [("/users", 302)]

    assert not Connection.objects.exists()
    assert str(row.agent) not in page(client)


def test_htmx_gets_the_list_or_one_line_alone(manager, agent):
    client = as_(manager)

    listed = page(client, HX_Request="true")
    line = page(client, f"/users/{agent.pk}/row", HX_Request="true")

    assert "<html" not in listed
    assert 'id="people"' in listed
    assert line.strip().startswith("<li")
    assert 'id="health"' in page(client, f"/users/{agent.pk}/calendar", HX_Request="true")


def test_the_address_of_a_search_is_short(manager):
    client = as_(manager)

    typed = client.get("/users?q=ana&team=&show=", headers={"HX-Request": "true", "HX-Trigger": "people-filters"})
    emptied = client.get("/users?q=&team=&show=", headers={"HX-Request": "true", "HX-Trigger": "people-filters"})
    poll = client.get("/users?q=ana", headers={"HX-Request": "true", "HX-Trigger": "people"})

    assert (typed.headers["HX-Push-Url"], emptied.headers["HX-Push-Url"]) == ("/users?q=ana", "/users")
    assert "HX-Push-Url" not in poll.headers


def test_one_connects_oneself_and_sends_others_the_link(manager, agent):
    own, others = page(as_(agent)), page(as_(manager))

    assert f"/calendar/auth/start?user_id={agent.pk}" in own
    assert f"/calendar/auth/start?user_id={agent.pk}" not in others
    assert f"/users/{agent.pk}/calendar/send-link" in others
    assert f"/users/{manager.pk}/calendar/send-link" not in own


def test_without_an_application_at_microsoft_nobody_is_asked_to_connect(manager, agent, settings):
    settings.MS_CLIENT_ID = ""

    html = page(as_(manager))

    assert "Nobody can connect Microsoft 365 yet" in html
    assert "/calendar/auth/start" not in html
    assert "send-link" not in html


def test_agents_see_the_state_of_others_and_no_buttons(agent):
    row = connected()
    notice(row.agent, NoticeKind.DRIFT)
    Push.objects.create(
        appointment=crm.appointment(row.agent, crm.listing(row.agent), factories.MONDAY),
        connection=row,
        status=PushStatus.FAILED,
    )

    for path in ("/users", f"/users/{row.agent_id}/calendar"):
        html = page(as_(agent), path)
        assert "Needs a look" in html
        assert f"/users/{row.agent_id}/calendar/" not in html.replace(f'/users/{row.agent_id}/calendar"', "")


def test_what_is_wrong_is_told_to_exactly_the_agent_and_the_managers(agent, manager):
    row = connected(status=ConnectionStatus.NEEDS_RECONNECT, status_code="AADSTS50173")
    Connection.objects.update(email="private@outlook.example")
    row.calendars.update(name="Fertility clinic", last_error="ErrorItemNotFound")
    drift = notice(row.agent, NoticeKind.DRIFT)
    words = ["private@outlook.example", "The sign-in was revoked", drift.text, "Fertility clinic", "ErrorItemNotFound"]

    for reader, is_told in ((agent, False), (manager, True), (row.agent, True)):
        html = page(as_(reader)) + page(as_(reader), f"/users/{row.agent_id}/calendar")
        assert "Sign in again" in html
        assert [word in html for word in words] == [is_told] * len(words)


@pytest.mark.parametrize("action", list(actions.ACTIONS))
def test_agents_act_on_nobody_else(agent, action):
    row = connected()

    assert act(as_(agent), row.agent, action).status_code == 403
    assert Connection.objects.filter(pk=row.pk).exists()


def test_agents_do_not_send_links_even_to_themselves(agent):
    assert act(as_(agent), agent, "send-link").status_code == 403
    assert mail.outbox == []


def test_unknown_people_and_actions_are_not_there(manager, agent):
    client = as_(manager)

    assert act(client, agent, "nothing").status_code == 404
    assert client.get("/users/0/calendar").status_code == 404
    assert client.post("/users/0/calendar/sync").status_code == 404
    assert client.get(f"/users/{agent.pk}/calendar/sync").status_code == 405


def test_forms_need_their_token(agent):
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent)

    assert client.post(f"/users/{agent.pk}/calendar/sync").status_code == 403


def test_a_link_is_sent_to_the_agent_and_leads_through_their_own_sign_in(manager, agent, settings):
    settings.PUBLIC_URL = "https://pete.example"

    answer = act(as_(manager), agent, "send-link")

    assert "The link was sent to ana@example.com." in answer.content.decode()
    [message] = mail.outbox
    assert message.to == ["ana@example.com"]
    assert f"https://pete.example/calendar/auth/start?user_id={agent.pk}" in message.body


def test_a_mail_server_that_refuses_is_said_with_the_link(manager, agent, monkeypatch):
    def refuse(*_args: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)

    html = act(as_(manager), agent, "send-link").content.decode()

    assert "The mail server did not take the message" in html
    assert f"/calendar/auth/start?user_id={agent.pk}" in html


def test_syncing_marks_the_calendar_and_queues_a_round(manager, monkeypatch, django_capture_on_commit_callbacks):
    row = connected()
    queued: list[int] = []
    monkeypatch.setattr("calendar_sync.tasks.sync_calendar.delay", queued.append)

    with django_capture_on_commit_callbacks(execute=True):
        html = act(as_(manager), row.agent, "sync").content.decode()

    assert "is being read" in html
    assert "reading now" in page(as_(manager))
    assert queued == [row.calendars.get().pk]


def test_a_broken_connection_is_tried_first(manager, monkeypatch):
    row = connected(status=ConnectionStatus.ADMIN_ACTION, status_code="AADSTS53003")
    tried: list[int] = []
    monkeypatch.setattr("calendar_sync.upkeep.attend", lambda pk, force: bool(tried.append(pk)))

    html = act(as_(manager), row.agent, "sync").content.decode()

    assert "It still does not work" in html
    assert tried == [row.pk]
    assert row.calendars.get().hinted_at is None


def test_there_is_nothing_to_sync_without_a_connection(manager, agent):
    assert "There is nothing to read" in act(as_(manager), agent, "sync").content.decode()


def test_disconnecting_forgets_and_says_so(agent):
    row = factories.connection(agent)
    factories.calendar(row, is_read=True, is_written=True)
    crm.busy_time(agent, factories.MONDAY, factories.MONDAY + timedelta(hours=1), source=BusyTime.Source.MICROSOFT)

    html = act(as_(agent), agent, "disconnect").content.decode()

    assert "Microsoft 365 is disconnected" in html
    assert not Connection.objects.exists()
    assert not BusyTime.objects.exists()
    assert "There is nothing to disconnect" in act(as_(agent), agent, "disconnect").content.decode()


def test_failed_viewings_are_tried_again_one_or_all(manager, django_capture_on_commit_callbacks):
    row = connected()
    home = crm.listing(row.agent)
    pushes = [
        Push.objects.create(
            appointment=crm.appointment(row.agent, home, factories.MONDAY + timedelta(hours=hour)),
            connection=row,
            status=PushStatus.FAILED,
        )
        for hour in range(3)
    ]
    client = as_(manager)

    one = act(client, row.agent, "retry", push=pushes[1].pk).content.decode()
    assert "1 viewing is being written again." in one
    assert set(Push.objects.filter(status=PushStatus.WAITING)) == {pushes[1]}

    rest = act(client, row.agent, "retry").content.decode()
    assert "2 viewings are being written again." in rest
    assert "There is nothing to try again" in act(client, row.agent, "retry").content.decode()


def test_the_notice_of_a_failed_viewing_has_a_button_that_tries_it_again(agent):
    row = factories.connection(agent)
    home = crm.listing(agent)
    pushes = [
        Push.objects.create(
            appointment=crm.appointment(agent, home, factories.MONDAY + timedelta(hours=n)),
            connection=row,
            status=PushStatus.FAILED,
        )
        for n in range(2)
    ]
    told = notice(agent, NoticeKind.PUSH_FAILED, push=pushes[1])
    client = as_(agent)
    assert f'name="notice" value="{told.pk}"' in page(client, f"/users/{agent.pk}/calendar")

    assert "1 viewing is being written again." in act(client, agent, "retry", notice=told.pk).content.decode()

    assert set(Push.objects.filter(status=PushStatus.WAITING)) == {pushes[1]}


def test_nobody_tries_again_what_is_anothers(agent):
    row, other = factories.connection(agent), connected()
    viewing = crm.appointment(other.agent, crm.listing(other.agent), factories.MONDAY)
    push = Push.objects.create(appointment=viewing, connection=other, status=PushStatus.FAILED)

    act(as_(agent), row.agent, "retry", push=push.pk)

    push.refresh_from_db()
    assert push.status == PushStatus.FAILED


def test_news_are_put_away_and_troubles_are_not(agent):
    news, drift = notice(agent, NoticeKind.MOVED), notice(agent, NoticeKind.DRIFT)
    theirs = notice(crm.agent(), NoticeKind.MOVED)
    client = as_(agent)

    assert "Put away." in act(client, agent, "done", notice=news.pk).content.decode()
    for row in (drift, theirs):
        assert "put away already" in act(client, agent, "done", notice=row.pk).content.decode()

    assert set(Notice.objects.filter(resolved_at=None)) == {drift, theirs}


def test_drift_is_repaired_with_one_click(manager, monkeypatch):
    row = connected()
    drift = notice(row.agent, NoticeKind.DRIFT)
    repaired: list[int] = []
    monkeypatch.setattr("calendar_sync.reconcile.repair", lambda pk: repaired.append(pk) or 2)

    html = act(as_(manager), row.agent, "repair").content.decode()

    assert "2 differences were repaired." in html
    assert repaired == [drift.pk]


def test_htmx_gets_the_part_it_pressed_in_and_the_words(manager, agent):
    client, url = as_(manager), f"/users/{agent.pk}/calendar/send-link"

    line = client.post(url, headers={"HX-Request": "true", "HX-Target": f"person-{agent.pk}"})
    whole = client.post(url, headers={"HX-Request": "true", "HX-Target": "health"})

    assert line.content.decode().strip().startswith("<li")
    assert 'id="health"' in whole.content.decode()
    assert json.loads(line.headers["HX-Trigger"]) == {"people:said": "The link was sent to ana@example.com."}


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "nowhere", "0"])
def test_nobody_is_led_away(manager, agent, wanted):
    answer = as_(manager).post(f"/users/{agent.pk}/calendar/send-link", {"next": wanted})

    assert answer.headers["Location"] == f"/users/{agent.pk}/calendar"


def test_the_page_of_a_person_tells_everything(manager):
    row = connected(refreshed_at=timezone.now() - timedelta(minutes=3))
    factories.calendar(row, name="Family", can_edit=False)
    row.calendars.filter(is_read=True).update(name="Work", failures=4, last_error="HTTP 503")
    lead = crm.lead(full_name="Omar Haddad")
    soon = timezone.now() + timedelta(days=1)
    viewing = crm.appointment(row.agent, crm.listing(row.agent, address="9 Pine Street"), soon, lead=lead)
    Push.objects.create(
        appointment=viewing, connection=row, status=PushStatus.WAITING, attempts=2, last_error="HTTP 429"
    )
    crm.busy_time(row.agent, soon + timedelta(hours=2), soon + timedelta(hours=3), reason="busy", source="microsoft")
    notice(row.agent, NoticeKind.CLASH)

    html = page(as_(manager), f"/users/{row.agent_id}/calendar")

    for words in (
        "Work",
        "Family",
        "Viewings go here",
        "The last 4 rounds failed: HTTP 503",
        "Omar Haddad, 9 Pine Street",
        "Tried 2 times: HTTP 429",
        "clash happened.",
        "Cure of clash.",
        "3 min ago",
        "Outlook",
        "Disconnect Microsoft 365",
    ):
        assert words in html, words


def test_a_person_without_more_leads_to_their_calendar(manager, agent):
    answer = as_(manager).get(f"/users/{agent.pk}")

    assert answer.headers["Location"] == f"/users/{agent.pk}/calendar"


def test_the_page_of_who_has_not_connected_says_what_that_means(agent):
    html = page(as_(agent), f"/users/{agent.pk}/calendar")

    assert "has not connected Microsoft 365" in html
    assert "Connect Microsoft 365" in html
    assert "On the way to Outlook" not in html
    assert "Nothing is planned" in html


def test_the_rail_counts_people_to_look_at(manager, agent):
    other = crm.agent()
    for kind in (NoticeKind.CLASH, NoticeKind.DRIFT):
        notice(agent, kind)
    notice(other, NoticeKind.MOVED)
    notice(other, NoticeKind.CONNECTION, resolved_at=timezone.now())

    assert "rail-count is-bad" in page(as_(manager), "/dashboard")
    assert "rail-count is-bad" in page(as_(agent), "/dashboard")
    assert "rail-count is-bad" not in page(as_(other), "/dashboard")
