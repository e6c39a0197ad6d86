"""/assistants and GET /vapi/assistants: who sees what, who may do what, and what is said afterwards."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from calls.models import Assistant, Call, WebhookEvent, call_pk
from calls.tests.vapi.conftest import OLD, SECRET, drifted, in_order
from calls.vapi_sandbox import Fault, Kind
from crm.models import Agent, Role
from crm.tests import factories
from crm.tokens import issue_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return signed_in(Role.MANAGER)


@pytest.fixture
def agent() -> Client:
    return signed_in(Role.AGENT)


def signed_in(role: Role) -> Client:
    person = Agent.objects.create_user(f"{role}@example.com", full_name=f"The {role}", role=role)
    client = Client()
    client.force_login(person)
    return client


def page(client: Client, path: str = "/assistants", status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return answer.content.decode()


def looks(html: str) -> list[str]:
    return re.findall(r'name="look" value="([^"]+)"', html)


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_one_click_sets_all_right(manager, url, vapi):
    ours = [vapi.add("assistant", **drifted(name)) for name in ("Oak", "Elm")]
    vapi.add("assistant", **in_order("Ash"))
    vapi.add("phone-number", provider="vapi", number="+13125550100", assistantId=ours[0]["id"], server={"url": OLD})
    html = page(manager)
    assert "3 of 4 differ from what Pete needs." in html
    assert len(looks(html)) == 3

    answer = manager.post("/assistants/apply", {"look": looks(html)}, follow=True)

    assert said(answer) == ["3 were set right."]
    assert "All 4 looked at are in order." in answer.content.decode()
    assert sorted(Assistant.objects.values_list("name", "phone_number")) == [("Elm", None), ("Oak", "+13125550100")]
    again = manager.post("/assistants/apply", {"look": looks(html)}, follow=True)
    assert said(again) == ["Everything is in order already."]


def test_one_assistant_is_shown_with_all_it_needs_and_set_right(manager, url, vapi):
    row = vapi.add("assistant", **drifted())
    other = vapi.add("assistant", **drifted("Elm"))
    path = f"/assistants/{row['id']}"
    html = page(manager, path)
    assert OLD in html
    assert "tools.get_availability.function.parameters" in html
    assert "user_id" in html
    assert SECRET not in html

    answer = manager.post("/assistants/apply", {"look": looks(html), "next": path}, follow=True)

    assert answer.redirect_chain == [(path, 302)]
    assert said(answer) == ["1 was set right."]
    assert vapi.rows["assistant"][other["id"]]["server"]["url"] == OLD


def test_what_changed_since_it_was_looked_at_is_shown_again(manager, url, vapi):
    row = vapi.add("assistant", **drifted())
    html = page(manager)
    vapi.edit("assistant", row["id"], server={"url": "https://third.example.com"})

    answer = manager.post("/assistants/apply", {"look": looks(html)}, follow=True)

    assert said(answer) == ["Oak: It was changed at Vapi while you were looking; look again."]
    assert vapi.rows["assistant"][row["id"]]["server"] == {"url": "https://third.example.com"}


def test_a_failure_of_one_is_told_beside_the_success_of_others(manager, url, vapi):
    for name in ("Ash", "Elm"):
        vapi.add("assistant", **drifted(name))
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=500))

    answer = manager.post("/assistants/apply", {"look": looks(page(manager))}, follow=True)

    assert said(answer) == ["1 was set right.", "Ash: Vapi did not answer; try again."]


@pytest.mark.parametrize("look", [[], ["nonsense"], ["a:b:c"], [":"], ["x" * 5000]])
def test_looks_that_name_nothing_change_nothing(manager, url, vapi, look):
    vapi.add("assistant", **drifted())

    answer = manager.post("/assistants/apply", {"look": look, "next": "https://evil.example.com"}, follow=True)

    assert answer.redirect_chain == [("/assistants", 302)]
    assert not [exchange for exchange in vapi.log if exchange.request.method == "PATCH"]


def test_agents_read_and_change_nothing(agent, url, vapi):
    row = vapi.add("assistant", **drifted())
    assert looks(page(agent)) == []
    html = page(agent, f"/assistants/{row['id']}")
    assert "A manager can set this right." in html
    assert "<fieldset disabled>" in html
    assert ">Save<" not in html

    assert agent.post("/assistants/apply", {"look": [f"{row['id']}:x"]}).status_code == 403
    assert agent.post(f"/assistants/{row['id']}", {"first_message": "Hi"}).status_code == 403
    assert not Assistant.objects.exists()


@pytest.mark.parametrize("path", ["/assistants", "/assistants/x", "/vapi/assistants", "/prompts", "/prompts/booking"])
def test_nobody_else_sees_anything(path):
    client = Client()
    assert client.get(path).status_code in (302, 401)
    assert client.post("/assistants/apply").status_code == 302


def test_the_mapping_is_saved_for_a_new_assistant(manager, url, vapi):
    row = vapi.add("assistant", **in_order("Oak"))
    home, team, person = factories.listing(), factories.team(), factories.agent()
    form = {
        "listing": home.pk,
        "team": team.pk,
        "agent": person.pk,
        "phone_number": "(312) 555-0100",
        "first_message": "Hello!",
        "is_active": "on",
    }

    answer = manager.post(f"/assistants/{row['id']}", form, follow=True)

    assert said(answer) == ["Saved whom Oak speaks for."]
    kept = Assistant.objects.values_list("vapi_id", "name", "listing", "team", "agent", "phone_number", "is_active")
    assert list(kept) == [(row["id"], "Oak", home.pk, team.pk, person.pk, "+13125550100", True)]
    assert str(home) in page(manager)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("phone_number", "+1 312 555 0199", "Elm has this number already."),
        ("phone_number", "call me", "This is not a phone number."),
        ("listing", "999999", "Select a valid choice"),
        ("agent", "x", "Select a valid choice"),
        ("first_message", "x" * 501, "at most 500 characters"),
        ("first_message", "a\0b", "Null characters"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(manager, url, vapi, field, value, word):
    row = vapi.add("assistant", **in_order("Oak"))
    Assistant.objects.create(vapi_id="elm", name="Elm", phone_number="+13125550199")

    answer = manager.post(f"/assistants/{row['id']}", {"is_active": "on", field: value})

    assert answer.status_code == 422
    assert word in answer.content.decode()
    assert Assistant.objects.count() == 1


def test_an_assistant_that_is_gone_or_left_alone_is_shown_so(manager, url, vapi):
    row = vapi.add("assistant", **drifted())
    Assistant.objects.create(vapi_id=row["id"], name="Oak", is_active=False)
    Assistant.objects.create(vapi_id="gone", name="Elm")

    html = page(manager)
    assert 'data-state="alone"' in html
    assert 'data-state="gone"' in html
    assert "1 thing at Vapi is left alone" in html
    assert "Vapi does not have this assistant any more" in page(manager, "/assistants/gone")
    page(manager, "/assistants/never-heard-of", 404)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Fault(Kind.REFUSED, status=401), "Vapi refuses the key."),
        (Fault(Kind.REFUSED, status=429, retry_after="9"), "It asks to come back in 9 s."),
        (Fault(Kind.DROP_BEFORE), "Vapi does not answer at the moment."),
        (Fault(Kind.CUT), "Vapi does not answer at the moment."),
        (Fault(Kind.HTML, status=200), "an answer that makes no sense"),
    ],
)
def test_without_vapi_the_pages_show_what_pete_knows(manager, url, vapi, fault, word):
    row = Assistant.objects.create(vapi_id="oak", name="Oak")
    vapi.faults.add(fault, times=2)

    html = page(manager)

    assert word in html
    assert "1 assistant that Pete knows." in html
    assert "Not compared" in html
    assert looks(html) == []
    html = page(manager, "/assistants/oak")
    assert word in html
    assert "the office's, version" in html or "built in" in html
    assert row.name in html


def test_without_a_key_it_is_said_how_to_get_one(manager, settings):
    settings.VAPI_API_KEY = ""

    assert "set VAPI_API_KEY" in page(manager)
    answer = manager.post("/assistants/apply", {"look": ["a:b"]}, follow=True)
    assert "set VAPI_API_KEY" in said(answer)[0]


def test_an_address_that_vapi_cannot_reach_is_not_given_to_it(manager, url, vapi, settings, monkeypatch):
    row = vapi.add("assistant", **drifted())
    monkeypatch.setattr("calls.sync.wanted._is_local", lambda host: host != "127.0.0.1" and host is not None)

    html = page(manager)

    assert "Vapi cannot reach https://pete.example.com" in html
    assert looks(html) == []
    answer = manager.post("/assistants/apply", {"look": [f"{row['id']}:x"]}, follow=True)
    assert "Vapi cannot reach" in said(answer)[0]


def test_the_version_of_the_last_call_is_shown(manager, url, vapi):
    row = vapi.add("assistant", **in_order(), latestVersion="v7")
    oak = Assistant.objects.create(vapi_id=row["id"], name="Oak")
    call = Call.objects.create(id=call_pk("c1"), vapi_id="c1", assistant=oak)
    for number, body in enumerate([b'{"message": {"assistantVersion": "v6"}}']):
        WebhookEvent.objects.create(
            call=call, fingerprint=call_pk(str(number)), type="x", at=call.created_at, body=body
        )

    html = page(manager, f"/assistants/{row['id']}")

    assert "<dd>v7</dd>" in html
    assert "<dd>v6</dd>" in html


def test_programs_get_the_list_with_its_mapping(url, vapi):
    row = vapi.add("assistant", **drifted())
    vapi.add("phone-number", provider="vapi", number="+13125550100", assistantId=row["id"])
    home = factories.listing()
    oak = Assistant.objects.create(vapi_id=row["id"], name="Old name", listing=home)
    reader = Agent.objects.create_user("reader@example.com", full_name="R", role=Role.AGENT)
    token = issue_token(agent=reader, scopes=["read"])[1]

    for path in ("/vapi/assistants", "/vapi/assistants/"):
        answer = Client().get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200

    found = answer.json()
    assert (found["source"], found["count"], found["problem"]) == ("vapi", 1, None)
    [shape] = found["assistants"]
    differences = shape.pop("differences")
    assert "server.url" in differences
    assert shape == {
        "id": row["id"],
        "vapi_id": row["id"],
        "name": "Oak",
        "assistant": oak.pk,
        "listing": home.pk,
        "agent": None,
        "team": None,
        "phone_number": None,
        "phone_numbers_at_vapi": ["+13125550100"],
        "first_message": "",
        "is_active": True,
        "model": "openai gpt-4o",
        "version": "v1",
        "state": "drift",
        "problems": [],
    }
    assert SECRET not in answer.content.decode()


def test_what_was_done_is_said_once(manager, url, vapi):
    """At the top of the page, where it stays, and not in a toast besides."""
    vapi.add("assistant", **drifted("Oak"))

    html = manager.post("/assistants/apply", {"look": looks(page(manager))}, follow=True).content.decode()

    assert html.count("1 was set right.") == 1


def test_programs_get_what_pete_knows_when_vapi_is_away(manager, url, vapi):
    Assistant.objects.create(vapi_id="oak", name="Oak")
    vapi.faults.add(Fault(Kind.REFUSED, status=503))

    found = manager.get("/vapi/assistants").json()

    assert (found["source"], [one["state"] for one in found["assistants"]]) == ("pete", ["unread"])
    assert found["problem"].startswith("Vapi does not answer")


def test_strangers_and_wrong_tokens_get_a_problem():
    answer = Client().get("/vapi/assistants", headers={"Authorization": "Bearer nope"})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer["Content-Type"] == "application/problem+json"


def test_odd_values_at_vapi_break_no_page(manager, url, vapi, recorder):
    odd: list[dict[str, Any]] = [
        {"name": None, "model": None, "server": "https://x", "serverMessages": "all"},
        {"name": 7, "model": {"tools": "none", "toolIds": [None, 3], "toolRefs": [1, {"toolId": 5}]}},
        {"name": "<script>alert(1)</script>", "model": {"provider": 3, "tools": [None, 1, {"type": "function"}]}},
        {"name": "x", "server": {"url": 5, "headers": ["a"]}, "model": {"tools": [{"function": "f"}]}},
    ]
    rows = [vapi.add("assistant", **fields) for fields in odd]
    vapi.add("phone-number", number=None, server=[], status=None)
    vapi.add("tool", function=None)

    html = page(manager)
    assert "<script>alert(1)" not in html
    for row in rows:
        page(manager, f"/assistants/{row['id']}")
    assert manager.get("/vapi/assistants").status_code == 200
    assert recorder.forgive()


def test_programs_see_the_differences_and_set_right_what_they_looked_at(url, vapi) -> None:
    one = vapi.add("assistant", **drifted())
    boss = program(Role.MANAGER)
    path = "/api/v1/assistants/differences"

    plans = {plan["vapi_id"]: plan for plan in boss.get(path).json()["plans"]}
    look = {one["id"]: plans[one["id"]]["fingerprint"]}
    results = boss.post(path, {"look": look}, content_type="application/json").json()["results"]

    assert plans[one["id"]]["changes"]
    assert SECRET not in str(plans)
    assert [(row["vapi_id"], row["outcome"]) for row in results] == [(one["id"], "applied")]
    again = boss.post(path, {"look": look}, content_type="application/json").json()["results"]
    assert [row["outcome"] for row in again] == ["in order"]
    assert program(Role.AGENT).post(path, {"look": look}, content_type="application/json").status_code == 403


def test_programs_take_up_an_assistant_that_is_new_at_vapi(url, vapi, settings) -> None:
    one = vapi.add("assistant", **drifted("Elm"))
    boss = program(Role.MANAGER)

    made = boss.post("/api/v1/assistants", {"vapi_id": one["id"]}, content_type="application/json")
    gone = boss.post("/api/v1/assistants", {"vapi_id": "nobody"}, content_type="application/json")
    settings.VAPI_API_KEY = ""
    unasked = boss.post("/api/v1/assistants", {"vapi_id": "nobody"}, content_type="application/json")

    assert (made.status_code, made.json()["name"]) == (201, "Elm")
    assert (gone.status_code, unasked.status_code, unasked.json()["code"]) == (400, 409, "vapi_not_ready")
    assert [row.name for row in Assistant.objects.all()] == ["Elm"]


def program(role: Role) -> Client:
    person = Agent.objects.create_user(f"program-{role}@example.com", full_name=f"The {role}", role=role)
    _, secret = issue_token(agent=person, scopes=["read", "write"])
    return Client(headers={"authorization": f"Bearer {secret}"})
