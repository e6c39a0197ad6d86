"""/calls, as the agent, a team mate, a stranger and a manager see it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.models import Assistant, Call, Stage, call_pk
from crm.models import Agent
from crm.tests import factories

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 3, 8, 18, tzinfo=UTC)


def call(name: str, *said: str, **fields: Any) -> Call:
    lines = [{"role": "user", "text": text, "at": DAY.isoformat(), "interrupted": False} for text in said]
    ended = {"phase": "ENDED", "ended_class": "customer_ended", "created_at": DAY, "transcript": lines}
    return Call.objects.create(id=call_pk(name), vapi_id=name, **ended | fields)


def shown(answer: Any) -> list[str]:
    return [row.call.vapi_id for row in answer.context["rows"]]


def counts(answer: Any) -> dict[str, int]:
    return {tab.name: tab.count for tab in answer.context["tabs"]}


@pytest.fixture
def office(agent: Agent, stranger: Agent) -> None:
    call("agents", "Is the garden flat free?", lead=factories.lead(owner=agent, full_name="Olga Own"))
    call("strangers", "Is the garden flat free?", lead=factories.lead(owner=stranger, full_name="Tina Their"))
    call("nobodys", "Hello?", lead=factories.lead(full_name="Nina Nobody"))


def test_each_sees_their_own_team_s_and_nobody_s_calls_and_counts(see, office, agent, mate, stranger, manager):
    pages = {person: see(person, "/calls") for person in (agent, mate, stranger, manager)}

    assert {person.full_name: set(shown(page)) for person, page in pages.items()} == {
        "Ana Soto": {"agents", "nobodys"},
        "Ben Mate": {"agents", "nobodys"},
        "Cy Stranger": {"strangers", "nobodys"},
        "Mo Manager": {"agents", "nobodys", "strangers"},
    }
    assert {person.full_name: counts(page) for person, page in pages.items()} == {
        "Ana Soto": {"mine": 1, "unclaimed": 1, "team": 1, "all": 2},
        "Ben Mate": {"mine": 0, "unclaimed": 1, "team": 1, "all": 2},
        "Cy Stranger": {"mine": 1, "unclaimed": 1, "team": 1, "all": 2},
        "Mo Manager": {"mine": 0, "unclaimed": 1, "team": 0, "all": 3},
    }
    assert "Tina" not in pages[mate].content.decode()


@pytest.mark.parametrize("words", ["gardens", "garden free", '"garden flat"', "tina", "Own"])
def test_search_finds_words_and_names_but_only_of_visible_calls(see, office, mate, words):
    page = see(mate, f"/calls?q={words}")

    assert set(shown(page)) == (set() if words == "tina" else {"agents"})
    assert counts(page)["all"] == (0 if words == "tina" else 1)


def test_search_finds_a_live_call_and_a_number(see, manager):
    call("live", "Do you allow parrots?", phase="LISTENING", customer_number="+13125550199")
    call("other", "Do you allow dogs?")

    assert shown(see(manager, "/calls?q=parrot")) == ["live"]
    assert shown(see(manager, "/calls?q=555-0199")) == ["live"]
    assert shown(see(manager, "/calls?q=dogs -parrots")) == ["other"]


def test_the_found_words_are_marked_and_what_callers_say_stays_text(see, manager):
    call("one", "Hello.", "A <b>bold</b> word about the garden \ue000x\ue001")

    page = see(manager, "/calls?q=gardens")

    text = page.content.decode()
    hit = page.context["rows"][0].hit
    assert (hit.line, [piece for piece, is_found in hit.pieces if is_found]) == (1, ["garden"])
    assert "about the <mark>garden</mark>" in text
    assert "<b>bold" not in text


def test_every_filter_narrows(see, manager, agent):
    assistant = Assistant.objects.create(vapi_id="a", name="A")
    home = factories.listing(agent)
    fits = call(
        "fits", assistant=assistant, listing=home, ended_class="silence", stage=Stage.BOOKING, direction="web",
        alerts=[{"code": "silence", "at": DAY.isoformat()}],
    )  # fmt: skip
    factories.appointment(agent, home, DAY, call_id=fits.pk)
    call("not", created_at=DAY - timedelta(days=1))

    for query in (
        f"assistant={assistant.pk}", f"listing={home.pk}", "ended=silence", "stage=BOOKING", "direction=web",
        "alert=on", "booked=on", "since=2026-03-08", "until=2026-03-08&since=2026-03-08",
    ):  # fmt: skip
        assert shown(see(manager, f"/calls?{query}")) == ["fits"], query
    assert shown(see(manager, "/calls?until=2026-03-07")) == ["not"]
    assert shown(see(manager, "/calls?ended=live")) == []


def test_days_are_the_office_s_also_when_the_clocks_change(see, manager):
    """8 March 2026 has 23 hours in Chicago: from 06:00 to 05:00 UTC."""
    for name, at in (
        ("before", datetime(2026, 3, 8, 5, 59, tzinfo=UTC)), ("first", datetime(2026, 3, 8, 6, tzinfo=UTC)),
        ("last", datetime(2026, 3, 9, 4, 59, tzinfo=UTC)), ("after", datetime(2026, 3, 9, 5, tzinfo=UTC)),
    ):  # fmt: skip
        call(name, created_at=at)

    assert shown(see(manager, "/calls?since=2026-03-08&until=2026-03-08")) == ["last", "first"]


@pytest.mark.parametrize(
    "query",
    [
        "assistant=x", "assistant=99999999999999999999", "listing=0", "ended=x", "stage=x", "direction=x", "since=x",
        "until=9999-12-31", "since=0001-01-01", "scope=x", "cursor=x", "cursor=%00", "q=%00", "q=%27", "q=!!!",
        "q=" + "x" * 500,
    ],
)  # fmt: skip
def test_what_makes_no_sense_narrows_nothing(see, office, manager, query):
    answer = see(manager, f"/calls?{query}")

    assert answer.status_code == 200
    assert query.startswith("q=") or len(shown(answer)) == 3


def test_pages_follow_each_other_without_gaps(see, manager):
    names = [f"call-{number:03}" for number in range(120)]
    for number, name in enumerate(names):
        call(name, created_at=DAY + timedelta(seconds=number // 2))

    first = see(manager, "/calls")
    second = see(manager, f"/calls{first.context['page'].next}")
    third = see(manager, f"/calls{second.context['page'].next}")
    back = see(manager, f"/calls{third.context['page'].previous}")

    assert sorted(shown(first) + shown(second) + shown(third)) == names
    assert third.context["page"].next == ""
    assert shown(back) == shown(second)


def test_the_number_of_statements_does_not_grow_with_the_calls(see, manager, agent):
    see(manager, "/calls")
    counted = []
    for wave in range(2):
        for number in range(1 + 2 * wave):
            home = factories.listing(agent)
            row = call(f"{wave}-{number}", "garden", lead=factories.lead(owner=agent), listing=home)
            factories.appointment(agent, home, DAY + timedelta(hours=3 * wave + number), call_id=row.pk)
        with CaptureQueriesContext(connection) as seen:
            see(manager, "/calls?q=garden")
        counted.append(len(seen))
    assert counted[0] == counted[1]


def test_empty_lists_say_why(see, manager):
    assert "No calls yet." in see(manager, "/calls").content.decode()
    call("one")
    assert "No calls under this tab." in see(manager, "/calls?scope=mine").content.decode()
    assert "1 call hidden by this filter." in see(manager, "/calls?alert=on").content.decode()


def test_a_phone_folds_the_filters_and_says_how_many_are_set(client, db):
    """Without JavaScript, too: the switch is the browser's own, and the words of the search are never folded."""
    client.force_login(factories.agent())

    for query, said in [
        ("", "Filters"),
        ("?q=rent", "Filters"),
        ("?q=rent&booked=on&direction=inbound", "Filters (2)"),
    ]:
        text = client.get(f"/calls{query}").content.decode()
        switch = re.search(
            r'<details class="filter-fold">\s*<summary[^>]*>.*?</svg>\s*([^<]*?)\s*</summary>', text, re.S
        )
        assert switch[1] == said
        assert text.index('name="q"') < text.index("filter-fold") < text.index('name="direction"')
