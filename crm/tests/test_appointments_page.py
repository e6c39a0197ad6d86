"""/appointments as three people see it: the agent, a team mate, a stranger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from crm.models import Agent, Appointment, Role
from crm.tests import factories

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def at() -> datetime:
    """Tomorrow at noon in Chicago, or close to it."""
    return datetime.now(UTC).replace(hour=18, minute=0, second=0, microsecond=0) + timedelta(days=1)


@pytest.fixture
def team() -> dict[str, Agent]:
    both = factories.team()
    return {
        "agent": factories.agent(hours=(8, 20), team=both, full_name="Ana Reyes"),
        "mate": factories.agent(hours=(8, 20), team=both, full_name="Ben Ito"),
        "stranger": factories.agent(hours=(8, 20), team=factories.team(), full_name="Cara Stone"),
        "manager": factories.agent(role=Role.MANAGER, full_name="Dana Boss"),
    }


@pytest.fixture
def viewing(team: dict[str, Agent], at: datetime) -> Appointment:
    home = factories.listing(team["agent"], team["mate"], team["stranger"], address="77 Secret Lane")
    lead = factories.lead(full_name="Lena Quiet", owner=team["agent"])
    return factories.appointment(team["agent"], home, at, lead=lead)


def sees(client: Client, person: Agent, query: str) -> str:
    client.force_login(person)
    answer = client.get(f"/appointments?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_who_may_see_a_viewing_sees_it_in_agenda_and_grid(
    client: Client, team: dict[str, Agent], viewing: Appointment, at: datetime
) -> None:
    day = f"date={at:%Y-%m-%d}"
    for name in ("agent", "mate", "manager"):
        assert "Lena Quiet" in sees(client, team[name], f"view=agenda&scope=all&{day}"), name
        assert "Lena Quiet" in sees(client, team[name], f"view=day&scope=all&{day}"), name


def test_a_stranger_sees_only_that_the_time_is_taken(
    client: Client, team: dict[str, Agent], viewing: Appointment, at: datetime
) -> None:
    day = f"date={at:%Y-%m-%d}"

    by_agent = sees(client, team["stranger"], f"view=day&scope=all&{day}")
    by_listing = sees(client, team["stranger"], f"view=day&scope=all&by=listing&{day}")
    agenda = sees(client, team["stranger"], f"view=agenda&scope=all&{day}")

    for page in (by_agent, by_listing):
        assert "Lena Quiet" not in page
        assert f'data-viewing="{viewing.pk}"' not in page
        assert '<span class="block-who">Busy</span>' in page
    assert "Lena Quiet" not in agenda
    assert "No viewings in these days." in agenda
    assert "hidden by what you have chosen" not in agenda


def test_a_strangers_viewing_is_not_there(client: Client, team: dict[str, Agent], viewing: Appointment) -> None:
    client.force_login(team["stranger"])
    pk = viewing.pk

    gets = ["", "/move", "/cancel"]
    posts = ["/move", "/cancel", "/restore", "/take-back", "/confirm", "/outcome", "/reopen", "/move-back"]
    assert {client.get(f"/appointments/{pk}{end}", headers={"HX-Request": "true"}).status_code for end in gets} == {404}
    assert {client.post(f"/appointments/{pk}{end}").status_code for end in posts} == {404}
    assert client.get(f"/appointments?appointment={pk}").status_code == 404
    viewing.refresh_from_db()
    assert (viewing.status, viewing.cancel_reason) == ("booked", "")


def test_busy_times_have_a_title_only_for_their_owner(client: Client, team: dict[str, Agent], at: datetime) -> None:
    factories.busy_time(team["agent"], at, at + HOUR, reason="Dentist")

    for name, title in (("agent", True), ("mate", False), ("stranger", False), ("manager", False)):
        page = sees(client, team[name], f"view=day&scope=all&date={at:%Y-%m-%d}")
        assert ("Dentist" in page) is title, name
        assert ('<span class="block-who">Busy</span>' in page) is not title, name


def test_why_names_what_is_in_the_way_only_to_who_may_know(
    client: Client, team: dict[str, Agent], viewing: Appointment, at: datetime
) -> None:
    query = f"/appointments/why?agent={team['agent'].pk}&at={at:%Y-%m-%dT%H:%MZ}"

    client.force_login(team["mate"])
    assert "77 Secret Lane" in client.get(query).content.decode()
    client.force_login(team["stranger"])
    page = client.get(query).content.decode()
    assert "77 Secret Lane" not in page
    assert "Taken" in page


def test_a_link_with_the_viewing_alone_opens_its_panel_in_its_week(
    client: Client, team: dict[str, Agent], viewing: Appointment
) -> None:
    later = viewing.starts_at + timedelta(days=21)
    Appointment.objects.filter(pk=viewing.pk).update(starts_at=later, ends_at=later + HOUR)

    page = sees(client, team["agent"], f"appointment={viewing.pk}")

    assert f'data-open-viewing="{viewing.pk}"' in page
    assert 'class="diary-block is-booked' in page


def test_the_number_of_queries_does_not_grow_with_the_rows(
    client: Client, team: dict[str, Agent], viewing: Appointment, at: datetime, django_assert_num_queries
) -> None:  # type: ignore[no-untyped-def]
    client.force_login(team["manager"])
    query = f"/appointments?scope=all&date={at:%Y-%m-%d}"
    client.get(query)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as first:
        client.get(query)
    for hours in (1, 2):
        factories.appointment(team["mate"], viewing.listing, at + hours * HOUR)
        factories.busy_time(team["stranger"], at, at + HOUR)

    with django_assert_num_queries(len(first)):
        client.get(query)


@pytest.mark.parametrize(
    "query",
    ["view=nope&scope=unclaimed&date=2026-99-99&by=x&agent=-1&listing=abc&status=?&columns=1e9", "date=9999-12-31",
     "agent=99999999999999999999999", "columns=5&view=week&scope=all", "listing=1&by=listing", "date=\x00"],
)  # fmt: skip
def test_nonsense_in_the_address_is_the_usual_page(client: Client, team: dict[str, Agent], query: str) -> None:
    assert 'id="diary"' in sees(client, team["agent"], query)


@pytest.mark.parametrize("query", ["", "at=x&agent=1", "at=2026-01-01T00:00Z", "at=2026-01-01T00:00Z&agent=999999"])
def test_a_question_about_no_time_or_nobody_is_not_found(client: Client, team: dict[str, Agent], query: str) -> None:
    client.force_login(team["agent"])
    assert client.get(f"/appointments/why?{query}").status_code == 404
