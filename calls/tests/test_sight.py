"""The board shows each person what is theirs: page, API and socket, for the agent, a team mate and a stranger."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client

from calls import board, consumers
from calls.models import Assistant, Call, Phase
from calls.refold import project_many
from calls.rights import visible_calls
from calls.shapes import tile_shape, with_related
from calls.sight import Sight
from calls.tests.ledger import START, call, conversation, deliver
from calls.tests.test_consumers import Socket
from crm.models import Agent, Lead, Role
from crm.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people() -> dict[str, Agent]:
    agent = factories.agent(team=factories.team())
    return {
        "agent": agent,
        "mate": factories.agent(team=agent.team),
        "stranger": factories.agent(team=factories.team()),
        "manager": factories.agent(role=Role.MANAGER),
    }


def show(row: Call) -> None:
    board.publish(project_many([row.pk]).entries)


def live(**fields: Any) -> Call:
    row = call(**fields)
    conversation(row, number=None)
    show(row)
    return row


def test_it_says_what_the_rights_say(people):
    """Every kind of call against every person: the shape's audience and the query agree."""
    leads = [None, factories.lead(), *(factories.lead(owner=person) for person in people.values())]
    shown_by_mate = factories.lead(owner=people["stranger"])
    factories.appointment(people["mate"], factories.listing(people["mate"]), START, lead=shown_by_mate)
    speakers = [None] + [
        Assistant.objects.create(vapi_id=f"a{number}", name="A", **fields)
        for number, fields in enumerate([{"agent": people["agent"]}, {"team": people["stranger"].team}, {}])
    ]
    for lead, assistant in itertools.product([*leads, shown_by_mate], speakers):
        call(lead=lead, assistant=assistant)

    for person in people.values():
        sight = Sight.of(person)
        seen = {str(row.pk) for row in with_related(Call.objects.all()) if sight.sees(tile_shape(row))}
        assert seen == {str(pk) for pk in visible_calls(person).values_list("pk", flat=True)}


def test_page_and_api_show_what_is_theirs(people):
    theirs = live(lead=factories.lead(owner=people["agent"], full_name="Olga Own"))
    nobodys = live(lead=factories.lead(full_name="Nina Nobody"))
    for name, expected in {
        "agent": {theirs.pk, nobodys.pk}, "mate": {theirs.pk, nobodys.pk}, "stranger": {nobodys.pk},
        "manager": {theirs.pk, nobodys.pk},
    }.items():  # fmt: skip
        client = Client()
        client.force_login(people[name])
        page = client.get("/dashboard").content.decode()
        wall = client.get("/wallboard").content.decode()
        snapshot = client.get("/api/v1/live").json()

        assert {shape["id"] for shape in snapshot["calls"]} == {str(pk) for pk in expected}
        assert ("Olga Own" in page) == (theirs.pk in expected)
        assert "Nina Nobody" in page
        assert "Nina Nobody" not in wall
        assert "A flat, please." not in wall
        assert f"<dd>{len(expected)}</dd>" in wall


async def tell(row: Call, seconds: float) -> None:
    await sync_to_async(deliver)(row, "transcript", seconds, role="user", transcriptType="final", transcript="More.")
    await nudge(row)


async def nudge(row: Call) -> None:
    await sync_to_async(show)(row)
    seq = (await sync_to_async(board.snapshot)())["seq"]
    await get_channel_layer().group_send(board.GROUP, {"type": "board.changed", "seq": seq})


@sync_to_async
def own(lead: Lead, owner: Agent | None) -> None:
    Lead.objects.filter(pk=lead.pk).update(owner=owner)


async def test_a_call_that_is_claimed_by_others_leaves_the_board_at_once(people):
    lead = await sync_to_async(factories.lead)()
    row, other = await sync_to_async(live)(lead=lead), await sync_to_async(live)()
    async with Socket("/ws/live", people["stranger"]) as stranger, Socket("/ws/live", people["mate"]) as mate:
        for socket in (stranger, mate):
            assert len((await socket.next("snapshot"))["calls"]) == 2

        await own(lead, people["agent"])
        await tell(row, 11)

        again = await stranger.next("snapshot", "call")
        assert (again["type"], [shape["id"] for shape in again["calls"]]) == ("snapshot", [str(other.pk)])
        assert (await mate.next("call"))["call"]["id"] == str(row.pk)

        # Nothing of it arrives any more, and everything else does.
        await tell(row, 12)
        await tell(other, 13)
        assert (await stranger.next("snapshot", "call"))["call"]["id"] == str(other.pk)

        await own(lead, None)
        await tell(row, 14)
        assert (await stranger.next("call"))["call"]["id"] == str(row.pk)


async def test_one_call_s_socket_is_shut_to_strangers(people):
    lead = await sync_to_async(factories.lead)(owner=people["agent"])
    row = await sync_to_async(live)(lead=lead)

    assert await Socket(f"/ws/calls/{row.pk}", people["mate"]).connect()
    assert not await Socket(f"/ws/calls/{row.pk}", people["stranger"]).connect()


async def test_who_changes_teams_sees_the_other_team_s_calls(people, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.1)
    lead = await sync_to_async(factories.lead)(owner=people["agent"])
    row = await sync_to_async(live)(lead=lead)
    async with Socket("/ws/live", people["stranger"]) as socket:
        assert (await socket.next("snapshot"))["calls"] == []
        await Agent.objects.filter(pk=people["stranger"].pk).aupdate(team=people["agent"].team_id)

        assert [shape["id"] for shape in (await socket.next("snapshot"))["calls"]] == [str(row.pk)]


def test_claiming_a_lead_has_its_live_calls_shown_anew(people, monkeypatch):
    from crm import claims

    lead = factories.lead()
    row, _ = live(lead=lead), live()
    touched: list[Any] = []
    monkeypatch.setattr("calls.projection.touch", lambda *ids: touched.extend(ids))

    claims.claim(lead, people["agent"])

    assert touched == [row.pk]
    assert Call.objects.get(pk=row.pk).phase != Phase.ENDED
