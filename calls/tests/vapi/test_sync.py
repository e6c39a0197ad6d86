"""Drift at Vapi: found, shown, set right, and left alone where it is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from calls.client import VapiClient
from calls.models import Assistant
from calls.sync import apply as module
from calls.sync.apply import Outcome, apply
from calls.sync.survey import survey
from calls.sync.wanted import Wanted
from calls.tests.vapi.conftest import OLD, PUBLIC, SECRET, drifted, in_order
from calls.tools import tool_definitions
from calls.vapi_sandbox import Fault, Kind, Vapi
from crm.tests import factories

pytestmark = pytest.mark.django_db
OURS = f"{PUBLIC}/vapi/webhook"


def patches(vapi: Vapi) -> list[tuple[str, dict[str, Any]]]:
    sent = [exchange.request for exchange in vapi.log if exchange.request.method == "PATCH"]
    return [(request.segments[0], json.loads(request.body)) for request in sent]


def paths(found: Any) -> dict[str, list[str]]:
    return {plan.name: [change.path for change in plan.changes] for plan in found.plans}


def set_right(client: VapiClient, **options: Any) -> list[tuple[str, Outcome, str]]:
    found = survey(client)
    results = apply(client, found, found.drifted, **options)
    return [(result.plan.name, result.outcome, result.detail) for result in results]


def names(assistant: dict[str, Any]) -> list[str]:
    return [tool["function"]["name"] if "function" in tool else tool["type"] for tool in assistant["model"]["tools"]]


def test_an_assistant_that_is_right_needs_nothing(client, vapi):
    vapi.add("assistant", **in_order())

    assert paths(survey(client)) == {"Elm": []}
    assert set_right(client) == []
    assert patches(vapi) == []


def test_every_difference_is_shown_and_no_secret(client, vapi):
    vapi.add("assistant", **drifted(server={"url": OLD, "headers": {"X-Vapi-Secret": "an-old-secret"}}))

    [plan] = survey(client).plans

    shown = {change.path: (change.before, change.after) for change in plan.changes}
    assert shown["server.url"] == (OLD, OURS)
    assert shown["server.headers.X-Vapi-Secret"] == ("another secret", "Pete's secret")
    assert shown["serverMessages"][0].startswith("without assistant.started, conversation-update, hang")
    assert {"tool-calls,", "transcript,"} <= set(shown["serverMessages"][0].split(" "))
    assert "status-update" not in shown["serverMessages"][0]
    assert shown["serverMessages"][1] == "with them, beside the 2 there"
    assert shown["tools.update_system_prompt"][0] == "missing"
    assert shown["tools.get_availability.function.description"][0] == "Check available times"
    assert '"user_id"' in shown["tools.get_availability.function.parameters"][0]
    assert shown["tools.get_availability.server.url"] == (OLD, OURS)
    assert SECRET not in str(shown)
    assert "an-old-secret" not in str(shown)


def test_it_is_set_right_and_what_pete_does_not_know_stays(client, vapi):
    row = vapi.add("assistant", **drifted(maxDurationSeconds=900))

    assert set_right(client) == [("Oak", Outcome.APPLIED, "now v2")]

    [(kind, body)] = patches(vapi)
    assert (kind, sorted(body)) == ("assistant", ["model", "server", "serverMessages"])
    now = vapi.rows["assistant"][row["id"]]
    assert now["server"] == {
        "url": OURS,
        "timeoutSeconds": 12,
        "headers": {"X-Team": "north", "X-Vapi-Secret": SECRET},
    }
    assert now["serverMessages"][:2] == ["end-of-call-report", "status-update"]
    assert set(Wanted.load().messages) <= set(now["serverMessages"])
    assert (now["model"]["temperature"], now["model"]["messages"]) == (0.3, drifted()["model"]["messages"])
    assert names(now)[:3] == ["endCall", "get_availability", "their_own"]
    wanted = {definition["function"]["name"] for definition in tool_definitions()}
    assert sorted(names(now)) == sorted(wanted | {"endCall", "their_own"})
    checked = now["model"]["tools"][1]
    assert checked["function"]["strict"] is False
    assert checked["messages"] == [{"type": "request-start", "content": "One moment."}]
    assert checked["server"] == {"url": OURS, "timeoutSeconds": 20, "headers": {"X-Vapi-Secret": SECRET}}
    assert (now["maxDurationSeconds"], now["firstMessage"]) == (900, "Hello")


def test_the_second_time_nothing_is_sent(client, vapi):
    for number in range(3):
        vapi.add("assistant", **drifted(f"Oak {number}"))
    vapi.add("phone-number", provider="vapi", number="+13125550100", server={"url": OLD})

    assert {outcome for _, outcome, _ in set_right(client)} == {Outcome.APPLIED}
    sent = len(patches(vapi))
    assert sent == 4
    assert set_right(client) == []
    assert len(patches(vapi)) == sent


def test_a_strict_tool_is_made_lenient(client, vapi):
    row = in_order()
    row["model"]["tools"][1]["function"]["strict"] = True
    made = vapi.add("assistant", **row)

    assert paths(survey(client)) == {"Elm": ["tools.get_availability.function.strict"]}
    assert [outcome for _, outcome, _ in set_right(client)] == [Outcome.APPLIED]
    assert vapi.rows["assistant"][made["id"]]["model"]["tools"][1]["function"]["strict"] is False


def test_nulls_that_vapi_answers_are_not_sent_back(client, vapi, recorder):
    model = drifted()["model"] | {"toolIds": None, "temperature": None}
    model["tools"] = [*model["tools"], None]
    row = vapi.add("assistant", **drifted(model=model, server=None, serverMessages=None, voice=None))

    assert [outcome for _, outcome, _ in set_right(client)] == [Outcome.APPLIED]
    assert "null" not in json.dumps(patches(vapi))
    now = vapi.rows["assistant"][row["id"]]
    # Vapi's defaults were in force: they go on.
    assert {"hang", "conversation-update", "transcript"} <= set(now["serverMessages"])
    # What the description does not allow is answered all the same, on pages of all kinds.
    assert all("None is not" in line or "oneOf" in line or "given schemas" in line for line in recorder.forgive())


def test_shared_tools_are_set_right_once_for_all_and_not_doubled(client, vapi):
    old = {"name": "save_lead", "description": "Old", "parameters": {"type": "object", "properties": {}}}
    shared = vapi.add("tool", type="function", function=old, server={"url": OLD})
    foreign = vapi.add("tool", type="function", function={"name": "save_lead", "description": "Nobody's"})
    for name in ("Oak", "Elm"):
        row = in_order(name)
        row["model"]["toolIds"] = [shared["id"]]
        vapi.add("assistant", **row)

    found = survey(client)
    assert [plan.kind for plan in found.plans] == ["tool", "assistant", "assistant"]
    assert paths(found)["Oak"] == ["tools.save_lead.copies"]
    assert [outcome for _, outcome, _ in set_right(client)] == [Outcome.APPLIED] * 3

    now = vapi.rows["tool"][shared["id"]]
    assert now["server"]["url"] == OURS
    assert "Keep what the caller" in now["function"]["description"]
    assert vapi.rows["tool"][foreign["id"]]["function"]["description"] == "Nobody's"
    assert all("save_lead" not in names(row) for row in vapi.rows["assistant"].values())
    assert set_right(client) == []


def test_versions_that_hold_a_tool_back_are_told(client, vapi):
    [save_lead] = [each for each in tool_definitions() if each["function"]["name"] == "save_lead"]
    shared = vapi.add("tool", **save_lead)
    row = in_order()
    row["model"]["tools"] = [each for each in row["model"]["tools"] if each != save_lead]
    row["model"] |= {"toolRefs": [{"toolId": shared["id"], "version": "v1"}], "toolIds": ["gone"]}
    vapi.add("assistant", **row)
    vapi.edit("tool", shared["id"], messages=[])

    plan = survey(client).plan(next(iter(vapi.rows["assistant"])))

    assert plan is not None
    assert plan.changes == []
    assert plan.problems == [
        "It names a tool that is not at Vapi any more: gone.",
        "It is held at v1 of the tool save_lead, whose newest is v2.",
    ]


def test_a_change_that_lands_in_a_draft_is_told(client, vapi):
    vapi.add("assistant", **drifted())
    vapi.drafts = True

    [(_, outcome, detail)] = set_right(client)

    assert outcome is Outcome.NOT_PUBLISHED
    assert "publish the draft" in detail


def test_an_assistant_without_a_model_gets_all_but_tools(client, vapi):
    vapi.add("assistant", name="New")

    found = survey(client)
    assert found.plans[0].problems == ["It has no model. Choose one in Vapi's dashboard; then it can be given tools."]
    assert [outcome for _, outcome, _ in set_right(client)] == [Outcome.APPLIED]
    assert sorted(patches(vapi)[0][1]) == ["server", "serverMessages"]


def test_what_is_switched_off_here_is_left_alone(client, vapi):
    row = vapi.add("assistant", **drifted())
    number = vapi.add("phone-number", provider="vapi", number="+1312", assistantId=row["id"], server={"url": OLD})
    Assistant.objects.create(vapi_id=row["id"], name="Oak", is_active=False)

    found = survey(client)

    assert found.plans == []
    assert [one["id"] for one in found.left_alone] == [row["id"], number["id"]]


@pytest.mark.parametrize(
    ("number", "differs"),
    [
        ({"assistant": True}, []),
        ({"assistant": True, "server": {"url": OLD}}, ["server.url", "server.headers.X-Vapi-Secret"]),
        ({"number": "+13125550100"}, ["server.url", "server.headers.X-Vapi-Secret"]),
        ({"server": {"url": OLD}}, ["server.url", "server.headers.X-Vapi-Secret"]),
        ({"server": {"url": OURS, "headers": {"Authorization": f"Bearer {SECRET}"}}}, []),
        # Somebody else's.
        ({"server": {"url": "https://elsewhere.example.com/hook"}}, None),
        ({"squadId": "s"}, None),
        ({"assistantId": "unknown"}, None),
        ({}, None),
    ],
)
def test_phone_numbers_of_pete_ask_pete(client, vapi, number, differs):
    row = vapi.add("assistant", **in_order())
    Assistant.objects.create(vapi_id="other", name="Oak", phone_number="+13125550100")
    if number.pop("assistant", False):
        number["assistantId"] = row["id"]
    made = vapi.add("phone-number", provider="twilio", twilioAccountSid="AC", **{"number": "+13125550999"} | number)

    plan = survey(client).plan(made["id"])

    assert (None if plan is None else [change.path for change in plan.changes]) == differs
    set_right(client)
    if differs:
        assert patches(vapi) == [
            ("phone-number", {"provider": "twilio", "server": vapi.rows["phone-number"][made["id"]]["server"]})
        ]
        assert vapi.rows["phone-number"][made["id"]]["server"]["url"] == OURS


def test_a_credential_takes_the_place_of_the_header(client, vapi, settings):
    settings.VAPI_CREDENTIAL_ID = "c9b8e1de-5d14-4a36-9a4e-2f2a5c1a7a11"
    row = vapi.add("assistant", **drifted())

    set_right(client)

    server = vapi.rows["assistant"][row["id"]]["server"]
    assert server["credentialId"] == settings.VAPI_CREDENTIAL_ID
    assert "X-Vapi-Secret" not in server["headers"]
    assert set_right(client) == []


def test_signatures_need_a_credential(client, vapi, settings):
    settings.VAPI_WEBHOOK_SECRET, settings.VAPI_HMAC_SECRET = "", "hmac"
    vapi.add("assistant", **in_order(server={"url": OURS}))

    assert "VAPI_CREDENTIAL_ID" in survey(client).plans[0].problems[0]


# --- When something goes wrong ---


@pytest.mark.parametrize(
    ("fault", "outcome", "word"),
    [
        (Fault(Kind.REFUSED, "PATCH", status=500), Outcome.FAILED, "did not answer"),
        (Fault(Kind.REFUSED_AFTER, "PATCH", status=503), Outcome.FAILED, "did not answer"),
        (Fault(Kind.DROP_AFTER, "PATCH"), Outcome.FAILED, "did not answer"),
        (Fault(Kind.CUT, "PATCH"), Outcome.FAILED, "did not answer"),
        (Fault(Kind.SLOW, "PATCH", seconds=1.5), Outcome.FAILED, "did not answer"),
        (Fault(Kind.HTML, "PATCH", status=200), Outcome.FAILED, "not JSON"),
        (Fault(Kind.REFUSED, "PATCH", status=400), Outcome.FAILED, "Refused by the fault script."),
        (Fault(Kind.REFUSED, "PATCH", status=404), Outcome.FAILED, "not at Vapi any more"),
    ],
)
def test_one_that_fails_does_not_hold_up_the_others(client, vapi, fault, outcome, word):
    for name in ("Ash", "Elm", "Oak"):
        vapi.add("assistant", **drifted(name))
    middle = next(key for key, row in vapi.rows["assistant"].items() if row["name"] == "Elm")
    vapi.faults.add(Fault(fault.kind, fault.method, f"/assistant/{middle}", fault.status, fault.seconds))

    first, second, third = set_right(client)

    assert (first[1], third[1]) == (Outcome.APPLIED, Outcome.APPLIED)
    assert second[1] is outcome
    assert word in second[2]
    # Again, and all is well.
    assert all(result[1] in (Outcome.APPLIED, Outcome.IN_ORDER) for result in set_right(client))
    assert paths(survey(client)) == {"Ash": [], "Elm": [], "Oak": []}


def test_a_busy_vapi_that_does_not_say_how_long_is_left_in_peace(client, vapi):
    for name in ("Ash", "Elm"):
        vapi.add("assistant", **drifted(name))
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=429))

    assert [(outcome, detail) for _, outcome, detail in set_right(client)] == [
        (Outcome.FAILED, "Vapi is busy; try again later"),
        (Outcome.NOT_TRIED, "Vapi asks to come back later"),
    ]


def test_a_number_in_an_id_is_no_status(client, vapi):
    for number in range(2):
        vapi.add("assistant", **drifted(), id=f"42942942-0000-4000-8000-00000000000{number}")
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=500))

    assert [outcome for _, outcome, _ in set_right(client)] == [Outcome.FAILED, Outcome.APPLIED]


def test_when_vapi_asks_to_wait_the_rest_is_not_tried(client, vapi):
    for name in ("Ash", "Elm", "Oak"):
        vapi.add("assistant", **drifted(name))
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=429, retry_after="30"))

    assert set_right(client) == [
        ("Ash", Outcome.FAILED, "Vapi is busy; try again in 30 s"),
        ("Elm", Outcome.NOT_TRIED, "Vapi asks to come back in 30 s"),
        ("Oak", Outcome.NOT_TRIED, "Vapi asks to come back in 30 s"),
    ]
    assert len(patches(vapi)) == 1


def test_a_key_that_is_withdrawn_meanwhile_ends_it(client, vapi):
    for name in ("Ash", "Elm"):
        vapi.add("assistant", **drifted(name))
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=401))

    assert [outcome for _, outcome, _ in set_right(client)] == [Outcome.FAILED, Outcome.NOT_TRIED]


def test_after_three_failures_in_a_row_the_rest_is_not_tried(client, vapi):
    for number in range(5):
        vapi.add("assistant", **drifted(f"Oak {number}"))
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=500), times=5)

    outcomes = [outcome for _, outcome, _ in set_right(client)]
    assert outcomes == [Outcome.FAILED] * module._MOST_FAILURES_IN_A_ROW + [Outcome.NOT_TRIED] * 2


def test_what_the_dashboard_changed_meanwhile_is_neither_lost_nor_overwritten(client, vapi):
    row = vapi.add("assistant", **drifted())
    found = survey(client)
    model = drifted()["model"] | {"messages": [{"role": "system", "content": "New words"}]}
    vapi.edit("assistant", row["id"], model=model)

    [result] = apply(client, found, found.drifted)

    assert result.outcome is Outcome.APPLIED
    assert vapi.rows["assistant"][row["id"]]["model"]["messages"][0]["content"] == "New words"


def test_what_was_not_looked_at_is_not_applied(client, vapi):
    row = vapi.add("assistant", **drifted())
    found = survey(client)
    looked_at = {plan.vapi_id: plan.fingerprint for plan in found.plans}
    vapi.edit("assistant", row["id"], server={"url": "https://third.example.com"})

    [result] = apply(client, found, found.drifted, looked_at=looked_at)
    assert result.outcome is Outcome.CHANGED
    assert patches(vapi) == []

    fresh = survey(client)
    [result] = apply(client, fresh, fresh.drifted, looked_at={fresh.plans[0].vapi_id: fresh.plans[0].fingerprint})
    assert result.outcome is Outcome.APPLIED


# --- The command ---


def run(capsys: Any, *arguments: str) -> tuple[str, str]:
    """Return what the command prints and what it ends with, "" for exit code 0."""
    try:
        call_command("sync_assistants", *arguments)
    except CommandError as exc:
        return capsys.readouterr().out, str(exc)
    return capsys.readouterr().out, ""


def test_the_command_shows_and_changes_nothing(url, vapi, capsys):
    vapi.add("assistant", **drifted())
    vapi.add("assistant", **in_order())

    out, end = run(capsys)

    assert end == ""
    assert f"    server.url: {OLD} → {OURS}" in out
    assert "Assistant Elm: in order" in out
    assert "    tools.get_availability.function.parameters:\n" in out
    assert '      +     "days_ahead": {\n' in out
    assert "    tools.save_lead: missing → added\n" in out
    assert out.endswith("1 of 2 differ. Set them right with --apply.\n")
    assert patches(vapi) == []
    assert not Assistant.objects.exists()
    assert run(capsys, "--check")[1] == "1 differ."


def test_the_command_sets_right_and_keeps_rows(url, vapi, capsys):
    row = vapi.add("assistant", **drifted())
    vapi.add("phone-number", provider="vapi", number="+13125550100", assistantId=row["id"])

    out, end = run(capsys, "--apply")

    assert (end, out.splitlines()[-2:]) == ("", ["Assistant Oak: applied (now v2)", "1 set right, 1 in order, 0 not."])
    assert list(Assistant.objects.values_list("vapi_id", "name", "phone_number")) == [
        (row["id"], "Oak", "+13125550100")
    ]
    assert run(capsys, "--apply", "--check")[1] == ""


def test_the_command_ends_with_an_error_when_something_could_not_be_set_right(url, vapi, capsys):
    vapi.add("assistant", **drifted("Ash"))
    vapi.add("assistant", **drifted("Oak"))
    vapi.faults.add(Fault(Kind.REFUSED, "PATCH", status=500))

    out, end = run(capsys, "--apply")

    assert end.startswith("1 could not be set right")
    assert "Assistant Oak: applied" in out


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Fault(Kind.REFUSED, status=401), "Check VAPI_API_KEY"),
        (Fault(Kind.REFUSED, status=429, retry_after="7"), "come back in 7 s"),
        (Fault(Kind.DROP_BEFORE), "does not answer"),
        (Fault(Kind.HTML, status=200), "not JSON"),
    ],
)
def test_the_command_says_what_keeps_it_from_reading(url, vapi, capsys, fault, word):
    vapi.faults.add(fault)

    assert word in run(capsys)[1]


def test_the_command_says_what_is_missing(url, vapi, settings, capsys):
    settings.VAPI_API_KEY = ""
    assert "set VAPI_API_KEY" in run(capsys)[1]

    settings.VAPI_API_KEY = vapi.key
    settings.VAPI_API_URL, settings.PUBLIC_URL = "https://api.vapi.ai", "http://127.0.0.1:8000"
    assert run(capsys, "--apply")[1].startswith("Vapi cannot reach http://127.0.0.1:8000")
    assert vapi.log == []


def test_a_number_that_another_assistant_has_here_is_not_taken(url, vapi, capsys):
    row = vapi.add("assistant", **drifted(name="x" * 40))
    vapi.add("phone-number", provider="vapi", number="+13125550100", assistantId=row["id"])
    home = factories.listing()
    Assistant.objects.create(vapi_id="other", name="Elm", phone_number="+13125550100", listing=home)

    assert run(capsys, "--apply")[1] == ""

    assert list(Assistant.objects.order_by("pk").values_list("name", "phone_number")) == [
        ("Elm", "+13125550100"),
        ("x" * 40, None),
    ]
