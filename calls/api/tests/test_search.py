from __future__ import annotations

import pytest

from calls.models import Call, Phase, call_pk
from crm.api.search import KINDS
from crm.api.tests.conftest import problem
from crm.search import anything, outside
from crm.tests import factories

SEARCH = "/api/v1/search"


def found(client, query: str, **more) -> list[tuple[str, str]]:
    return [(hit["kind"], hit["title"]) for hit in client.get(SEARCH, {"q": query, **more}).json()["results"]]


def call(name: str, text: str, **fields) -> Call:
    transcript = [{"role": "user", "text": text, "at": None, "interrupted": False}]
    return Call.objects.create(pk=call_pk(name), vapi_id=name, transcript=transcript, phase=Phase.ENDED, **fields)


@pytest.fixture
def desk(agent) -> None:
    lead = factories.lead(full_name="Sara Clark", owner=agent, phone="+17735550147")
    call("v-1", "Is there parking on Clark Street?", lead=lead)
    factories.listing(address="12 Clark Street", neighborhood="Lakeview")
    factories.listing(address="120 Clark Street", status="let")
    factories.listing(address="9 Clarkson Avenue", unit="3F")


def test_one_box_finds_everything(agent_api, desk) -> None:
    assert found(agent_api, "clark") == [
        ("lead", "Sara Clark"),
        ("listing", "12 Clark Street"),
        ("listing", "9 Clarkson Avenue, 3F"),
        ("listing", "120 Clark Street"),
        ("call", "Sara Clark"),
    ]
    (hit,) = agent_api.get(SEARCH + "/", {"q": "parking"}).json()["results"]
    assert (hit["said"], hit["path"]) == ("there parking on Clark Street", f"/calls/{call_pk('v-1')}")


@pytest.mark.parametrize(
    ("query", "kind", "titles"),
    [
        ("12 clark", "listing", ["12 Clark Street", "120 Clark Street"]),
        ("12 Clerk Street", "listing", ["12 Clark Street"]),
        ("lakevew", "listing", ["12 Clark Street"]),
        ("clarkson 3f", "listing", ["9 Clarkson Avenue, 3F"]),
        ("sarah clark", "lead", ["Sara Clark"]),
        ("12 Clark", "lead", []),
        ("555-0147", "lead,call", ["Sara Clark"]),
        ("timbuktu", "", []), ("", "", []), ("🏠", "", []), ("'; DROP TABLE crm_lead; --", "", []), ("%", "", []),
        ("zz & | ! ( <-> :*", "", []), ("\u202eclark", "listing", ["12 Clark Street"]), ("x" * 200, "", []),
    ],
)  # fmt: skip
def test_typos_and_odd_texts(agent_api, agent, query: str, kind: str, titles: list[str]) -> None:
    factories.lead(full_name="Sara Clark", owner=agent, phone="+17735550147")
    factories.listing(address="12 Clark Street", neighborhood="Lakeview")
    factories.listing(address="120 Clark Street", status="let")
    factories.listing(address="9 Clarkson Avenue", unit="3F")

    assert [title for _, title in found(agent_api, query, kind=kind)][: len(titles) or None] == titles


def test_what_belongs_to_others_is_not_found(agent_api, api, make_agent) -> None:
    stranger = make_agent(team=factories.team())
    lead = factories.lead(full_name="Secret Sam", phone="+13125559999", owner=stranger)
    call("v-9", "My secret is parking.", lead=lead, customer_number="+13125559999")

    for query in ("secret", "sam", "parking", "9999", "secrit sam"):
        assert found(agent_api, query) == found(agent_api, "nobodyatall"), query
    assert [kind for kind, _ in found(api, "secret")] == ["lead", "call"]


def test_only_the_kinds_that_are_asked_for(api, desk) -> None:
    assert {kind for kind, _ in found(api, "clark", kind="lead,call")} == {"lead", "call"}
    assert found(api, "clark", limit=1, kind="listing") == [("listing", "12 Clark Street")]
    assert problem(api.get(SEARCH, {"q": "x", "kind": "secret"})) == (400, "invalid_parameter")
    assert anything.kinds() == KINDS


def test_the_web_is_asked_only_when_it_is_switched_on_and_never_mixed_in(api, desk, settings, monkeypatch) -> None:
    hits = [outside.Hit("Clark lofts", "https://example.com/", "…")]
    monkeypatch.setitem(outside.PROVIDERS, "duckduckgo", lambda words: hits)
    off = api.get(SEARCH, {"q": "clark", "outside": 1}).json()
    settings.OUTSIDE_SEARCH = "duckduckgo"
    on = api.get(SEARCH, {"q": "clark", "outside": 1}).json()

    assert off["outside"] == {"provider": None, "results": [], "problem": None}
    assert [hit["is_outside"] for hit in on["outside"]["results"]] == [True]
    assert on["results"] == off["results"]


def test_the_number_of_queries_does_not_grow(api, django_assert_max_num_queries, desk) -> None:
    for number in range(6):
        call(f"v-{number + 10}", "Clark", lead=factories.lead(full_name=f"Clark {number}", owner=factories.agent()))
    with django_assert_max_num_queries(16):
        assert len(found(api, "clark")) > 10
