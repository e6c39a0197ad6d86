"""Stepping into a live call: what Vapi is told, who may, what is kept, and what people are told when it fails."""

from __future__ import annotations

import logging
import threading
import uuid
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from calls import board
from calls.models import Assistant, Call, ControlAction, PersonRequest, Phase, Supervision
from calls.tests.tower.conftest import live_call, post
from calls.tests.tower.line import CANARY, HOST
from calls.tower import actions, keyring, lease
from calls.tower import client as control_client
from crm.models import Role
from crm.tests import factories


def kept(call):
    rows = ControlAction.objects.filter(call=call)
    return [(row.kind, row.agent_id, row.text, row.reason, row.outcome, row.code) for row in rows]


def tile(call):
    (shown,) = [shape for shape in board.snapshot()["calls"] if shape["id"] == str(call.pk)]
    return shown


@pytest.mark.parametrize(
    ("name", "fields", "body"),
    [
        ("say", {"text": " Hold on "}, {"type": "say", "content": "Hold on", "endCallAfterSpoken": False}),
        ("say", {"text": "Bye", "hangs_up": "1"}, {"type": "say", "content": "Bye", "endCallAfterSpoken": True}),
        (
            "whisper",
            {"text": "Offer 4B"},
            {
                "type": "add-message",
                "message": {"role": "system", "content": "Offer 4B"},
                "triggerResponseEnabled": False,
            },
        ),
        (
            "whisper",
            {"text": "Offer 4B", "answers": "1"},
            {
                "type": "add-message",
                "message": {"role": "system", "content": "Offer 4B"},
                "triggerResponseEnabled": True,
            },
        ),
        ("mute", {}, {"type": "control", "control": "mute-assistant"}),
        ("unmute", {}, {"type": "control", "control": "unmute-assistant"}),
        ("end", {}, {"type": "end-call"}),
    ],
)
def test_each_action_tells_vapi_and_is_kept(client, manager, call, line, name, fields, body):
    answer = post(client, call, name, **fields)

    assert answer.status_code == 200
    assert line.told == [body]
    assert line.hosts == [HOST]
    text = fields.get("text", "").strip()
    assert kept(call) == [(name, manager.pk, text, "The assistant is stuck", "done", "")]


def test_a_caller_is_put_through_to_a_person(client, manager, call, line):
    other = factories.agent(full_name="Ben Okafor", phone="+13125550177")

    assert post(client, call, "transfer", to=other.pk).status_code == 200

    assert line.told == [
        {
            "type": "transfer",
            "destination": {"type": "number", "number": "+13125550177"},
            "content": "I'm putting you through to Ben now.",
        }
    ]
    assert ControlAction.objects.get().other == other
    assert PersonRequest.objects.get(call=call).agent == other
    waiting = tile(call)["waiting_for_person"]
    assert (waiting["state"], waiting["name"]) == ("transfer", "Ben Okafor")


def test_the_line_and_the_tile_remember_that_the_assistant_is_muted(client, manager, call, line):
    post(client, call, "mute")
    assert (line.is_muted, tile(call)["assistant_muted"]) == (True, True)

    post(client, call, "unmute")
    assert (line.is_muted, tile(call)["assistant_muted"]) == (False, False)


def test_a_mute_that_vapi_refused_is_not_shown_as_one(client, manager, call, line):
    line.fails_with = 400

    post(client, call, "mute")

    assert tile(call)["assistant_muted"] is False


# Who may.


@pytest.mark.parametrize(
    ("role", "of_team", "status"),
    [("admin", False, 200), ("manager", False, 200), ("agent", True, 200), ("agent", False, 403)],
)
def test_managers_and_the_calls_team_may_step_in(client, call, team, line, role, of_team, status):
    client.force_login(factories.agent(role=role, team=team if of_team else factories.team()))

    assert client.get(f"/calls/{call.pk}/tower").status_code == status
    assert post(client, call, "say", text="Hello").status_code == status
    assert len(line.told) == (status == 200)
    assert ControlAction.objects.count() == (status == 200)


def test_an_agent_may_step_into_calls_of_an_assistant_of_their_own(client, db, line):
    own = factories.agent()
    client.force_login(own)
    call = live_call(assistant=Assistant.objects.create(vapi_id="asst-2", name="Own", agent=own))

    assert post(client, call, "mute").status_code == 200


@pytest.mark.parametrize(
    ("who", "is_owned", "shown", "status"),
    [
        ("owner", True, [True], 200),
        ("shower", False, [True], 200),
        ("stranger", False, [False], 403),
        ("stranger", True, [], 404),
    ],
)
def test_whose_lead_or_home_it_is_may_step_in_and_only_they_see_the_button(
    client, db, line, who, is_owned, shown, status
):
    people = {"owner": factories.agent(), "shower": factories.agent(), "stranger": factories.agent()}
    lead = factories.lead(owner=people["owner"] if is_owned else None)
    call = live_call(lead=lead, listing=factories.listing(people["shower"]))
    client.force_login(people[who])

    tiles = client.get("/dashboard").context["tiles"]

    assert [item.may_steer for item in tiles if item.id == str(call.pk)] == shown
    assert post(client, call, "mute").status_code == status
    assert client.get(f"/calls/{call.pk}/tower").status_code == status


def test_a_call_without_a_team_is_for_managers(client, db, line):
    client.force_login(factories.agent(team=None))
    nobodys = live_call(assistant=Assistant.objects.create(vapi_id="asst-2", name="Nobody's"))
    unmapped = live_call("call-2")

    assert post(client, nobodys, "mute").status_code == 403
    assert post(client, unmapped, "mute").status_code == 403
    assert line.told == []


def test_strangers_are_sent_to_the_door(client, call, line):
    assert client.get(f"/calls/{call.pk}/tower").status_code == 302
    assert post(client, call, "end").status_code == 302
    assert line.told == []


def test_another_sites_form_does_nothing(manager, call, line):
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(manager)

    assert post(stranger, call, "end").status_code == 403
    assert line.told == []


def test_looking_does_nothing(client, manager, call, line):
    assert client.get(f"/calls/{call.pk}/tower/end").status_code == 405
    assert line.told == []


# One at a time.


def test_whoever_acts_steers_and_the_tile_says_so(client, manager, call, line):
    post(client, call, "mute")

    shown = tile(call)["supervisor"]
    assert (shown["agent"], shown["name"]) == (manager.pk, "Ana Soto")
    lasts = timezone.datetime.fromisoformat(shown["expires_at"]) - timezone.now()
    assert timedelta(seconds=110) < lasts <= lease.LEASE


def test_a_second_supervisor_is_told_who_steers(client, manager, call, line):
    other = factories.agent(role=Role.MANAGER, full_name="Ben Okafor")
    lease.acquire(call.pk, other)

    answer = post(client, call, "say", text="Hello")

    assert answer.status_code == 409
    assert "Ben Okafor is steering this call." in answer.content.decode()
    assert (line.told, kept(call)) == ([], [])


def test_taking_over_is_done_knowingly_and_kept(client, manager, call, line):
    other = factories.agent(role=Role.MANAGER, full_name="Ben Okafor")
    lease.acquire(call.pk, other)

    assert post(client, call, "mute", take_over_from=other.pk).status_code == 200

    assert Supervision.objects.get(call=call).agent == manager
    assert [(row.kind, row.agent, row.other) for row in ControlAction.objects.filter(call=call)] == [
        ("mute", manager, None),
        ("take_over", manager, other),
    ]


def test_whoever_meant_to_take_over_from_one_does_not_take_over_from_another(client, manager, call, line):
    seen, newer = factories.agent(role=Role.MANAGER), factories.agent(role=Role.MANAGER, full_name="Cy Young")
    lease.acquire(call.pk, newer)

    assert post(client, call, "mute", take_over_from=seen.pk).status_code == 409
    assert Supervision.objects.get(call=call).agent == newer


def test_a_lease_lapses_by_itself(client, manager, call, line):
    lease.acquire(call.pk, factories.agent(role=Role.MANAGER))
    Supervision.objects.update(expires_at=timezone.now())

    assert post(client, call, "mute").status_code == 200


def test_a_call_is_given_back(client, manager, call, line):
    post(client, call, "mute")

    assert post(client, call, "release").status_code == 200

    assert lease.holder_of(Supervision.objects.get(call=call)) is None
    shown = tile(call)["supervisor"]
    assert timezone.datetime.fromisoformat(shown["expires_at"]) <= timezone.now()


def test_nobody_gives_back_what_another_steers(client, manager, call, line):
    other = factories.agent(role=Role.MANAGER)
    lease.acquire(call.pk, other)

    post(client, call, "release")

    assert lease.holder_of(Supervision.objects.get(call=call)) == other


@pytest.mark.django_db(transaction=True)
def test_of_two_supervisors_at_the_same_moment_one_steers(line):
    call = live_call()
    people = [factories.agent(role=Role.MANAGER) for _ in range(6)]
    outcomes = at_once([lambda person=person: press(person, call, uuid.uuid4()) for person in people])

    assert sorted(outcomes) == [200, 409, 409, 409, 409, 409]
    assert len(line.told) == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_act_once(line):
    call, person, key = live_call(), factories.agent(role=Role.MANAGER), uuid.uuid4()
    line.delay = 0.2

    outcomes = at_once([lambda: press(person, call, key) for _ in range(4)])

    assert outcomes == [200] * 4
    assert line.said == ["Hello"]
    assert ControlAction.objects.count() == 1


def press(person, call, key):
    browser = Client()
    browser.force_login(person)
    return post(browser, call, "say", key=str(key), text="Hello").status_code


def at_once(works):
    start, outcomes = threading.Barrier(len(works)), []

    def run(work):
        start.wait()
        try:
            outcomes.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_a_click_repeated_later_is_told_the_first_ones_outcome(client, manager, call, line):
    key = str(uuid.uuid4())
    line.fails_with = 400
    assert post(client, call, "say", key=key, text="Hello").status_code == 502
    line.fails_with = 0

    assert post(client, call, "say", key=key, text="Hello").status_code == 409

    assert (line.said, len(line.told)) == ([], 1)


# What can go wrong.


@pytest.mark.parametrize(
    ("vapi_says", "status", "code", "outcome"),
    [
        (400, 502, "vapi_refused", "refused"),
        (401, 502, "vapi_refused", "refused"),
        (404, 409, "call_over", "refused"),
        (410, 409, "call_over", "refused"),
        (429, 503, "vapi_unavailable", "refused"),
        (500, 504, "vapi_silent", "unknown"),
        (503, 503, "vapi_unavailable", "refused"),
        (302, 502, "vapi_refused", "refused"),
        (307, 502, "vapi_refused", "refused"),
        (308, 502, "vapi_refused", "refused"),
    ],
)
def test_what_vapi_refuses_is_said_and_kept(client, manager, call, line, vapi_says, status, code, outcome):
    line.fails_with, line.location = vapi_says, f"{line.url}/elsewhere"

    answer = post(client, call, "say", as_json=True, text="Hello")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    # A redirect is not followed.
    assert len(line.told) == 1
    assert [row[4:] for row in kept(call)] == [(outcome, code)]


def test_a_line_that_has_ended_says_so(client, manager, call, line):
    line.is_live = False

    assert "The call is over." in post(client, call, "say", text="Hello").content.decode()


def test_a_vapi_that_cannot_be_reached(client, manager, call, line, monkeypatch):
    monkeypatch.setattr(actions, "make_transport", lambda: Unreachable())

    assert post(client, call, "say", as_json=True, text="Hello").json()["code"] == "vapi_unavailable"
    assert [row[4:] for row in kept(call)] == [("refused", "vapi_unavailable")]


class Unreachable(httpx.BaseTransport):
    def handle_request(self, request):
        raise httpx.ConnectError(f"no route to {request.url}")


def test_a_vapi_that_does_not_answer_leaves_it_open(client, manager, call, line, monkeypatch):
    monkeypatch.setattr(control_client, "TIMEOUT", httpx.Timeout(0.1))
    line.delay = 0.5

    assert post(client, call, "end", as_json=True).json()["code"] == "vapi_silent"
    assert [row[4:] for row in kept(call)] == [("unknown", "vapi_silent")]


def test_a_call_that_is_over_is_not_steered(client, manager, call, line):
    Call.objects.update(phase=Phase.ENDED)

    answer = post(client, call, "say", as_json=True, text="Hello")

    assert (answer.status_code, answer.json()["code"]) == (409, "call_over")
    assert (line.told, kept(call)) == ([], [])
    assert "The call is over." in client.get(f"/calls/{call.pk}/tower").content.decode()


def test_a_call_that_nobody_can_steer_says_why(client, manager, call, line):
    keyring.forget(call.pk)

    answer = post(client, call, "say", as_json=True, text="Hello")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_controllable")
    assert "Vapi has not said how" in client.get(f"/calls/{call.pk}/tower").content.decode()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("say", {}),
        ("say", {"text": "   "}),
        ("whisper", {"text": ""}),
        ("say", {"text": "a" * 1001}),
        ("say", {"text": "nul \x00"}),
        ("mute", {"reason": ""}),
        ("mute", {"reason": "  "}),
        ("mute", {"reason": "a" * 201}),
        ("mute", {"key": ""}),
        ("mute", {"key": "nonsense"}),
        ("mute", {"take_over_from": "me"}),
        ("transfer", {}),
        ("transfer", {"to": "0"}),
        ("transfer", {"to": "-1; DROP"}),
    ],
)
def test_what_makes_no_sense_is_refused(client, manager, call, line, name, fields):
    answer = post(client, call, name, as_json=True, **fields)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_arguments")
    assert (line.told, kept(call)) == ([], [])
    assert Supervision.objects.count() == 0


@pytest.mark.parametrize("who", [{"phone": ""}, {"phone": "+13125550199", "is_active": False}])
def test_nobody_is_put_through_to_who_cannot_answer(client, manager, call, line, who):
    assert post(client, call, "transfer", to=factories.agent(**who).pk).status_code == 422
    assert line.told == []


@pytest.mark.parametrize("name", ["take_over", "destroy", "MUTE", "LISTEN"])
def test_there_are_no_other_actions(client, manager, call, line, name):
    assert post(client, call, name).status_code == 404
    assert line.told == []


def test_an_unknown_call(client, manager):
    assert client.get(f"/calls/{uuid.uuid4()}/tower").status_code == 404
    assert client.post(f"/calls/{uuid.uuid4()}/tower/end").status_code == 404


# What is shown, and what never is.


def test_the_address_is_shown_and_logged_nowhere(client, manager, call, line, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.clear()
    answers = [client.get(f"/calls/{call.pk}/tower"), client.get("/dashboard")]
    for line.fails_with in (0, 302, 400, 404, 500, 503):
        answers += [post(client, call, "say", as_json=as_json, text="Hello") for as_json in (True, False)]
    answers += [
        client.get(f"/api/v1/calls/{call.pk}"),
        client.get("/api/v1/live"),
        post(client, call, "mute", htmx=False),
    ]

    shown = b"".join(answer.content + str(answer.headers).encode() for answer in answers)
    rows = str(list(ControlAction.objects.values())) + str(list(Supervision.objects.values()))
    assert CANARY.encode() not in shown
    assert CANARY not in rows
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert [text for text in said if CANARY in text] == []


def test_httpx_is_kept_from_writing_addresses(settings):
    assert settings.LOGGING["loggers"]["httpx"]["level"] == "WARNING"


def test_what_was_done_is_seen_on_the_call(client, manager, call, line):
    post(client, call, "say", text="<b>One moment</b>")

    page = client.get(f"/calls/{call.pk}/tower", headers={"HX-Request": "true"}).content.decode()
    assert "&lt;b&gt;One moment&lt;/b&gt;" in page
    assert "Ana Soto" in page
    assert "The assistant is stuck" in page
    (action,) = client.get(f"/api/v1/calls/{call.pk}").json()["control_actions"]
    assert (action["kind"], action["agent"], action["reason"]) == ("say", manager.pk, "The assistant is stuck")


def test_the_menu_is_a_page_without_scripts_and_a_part_with_them(client, manager, call):
    page = client.get(f"/calls/{call.pk}/tower", headers={"Accept": "text/html"}).content.decode()
    part = client.get(f"/calls/{call.pk}/tower", headers={"HX-Request": "true"}).content.decode()

    assert page.lstrip().startswith("<!doctype html>")
    assert part.lstrip().startswith('<div class="tower"')
    assert " style=" not in page
    assert " onclick=" not in page


def test_words_that_were_refused_are_not_lost(client, manager, call, line):
    line.fails_with = 503

    assert "A long explanation</textarea>" in post(client, call, "say", text="A long explanation").content.decode()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_menu_asks_a_fixed_number_of_questions(client, manager, call, line, rows, django_assert_num_queries):
    for number in range(rows):
        factories.agent(phone=f"+1312555018{number}")
        post(client, call, "say", text="Hello")
    client.get(f"/calls/{call.pk}/tower")

    with django_assert_num_queries(10):
        client.get(f"/calls/{call.pk}/tower")
