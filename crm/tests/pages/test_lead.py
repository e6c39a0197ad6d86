"""/leads/<id>, its composer and its tasks: who may look, who may write, and what is left in the timeline."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Agent, Appointment, Lead, Listing, Note, OutgoingMessage, Task
from crm.tests import factories
from crm.tests.pages.people import People, htmx, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.create()


@pytest.fixture
def lead(people: People) -> Lead:
    return factories.lead(owner=people.agent, full_name="Ines Castillo", email="ines@example.com")


def fresh(lead: Lead) -> Lead:
    return Lead.objects.get(pk=lead.pk)


def texts(lead: Lead) -> list[str]:
    return [entry.text for entry in lead.entries.all()]


def answers(people: People, path: str, **data: Any) -> dict[str, int]:
    """Return the status each person gets; POST when there is data."""
    asked = {name: signed_in(person) for name, person in people.each().items()}
    return {name: (client.post(path, data) if data else client.get(path)).status_code for name, client in asked.items()}


def test_somebody_elses_lead_does_not_exist(people: People, lead: Lead):
    assert answers(people, f"/leads/{lead.pk}") == {"agent": 200, "mate": 200, "stranger": 404, "manager": 200}
    assert signed_in(people.agent).get(f"/leads/{10**17}").status_code == 404


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("notes", {"text": "x"}),
        ("stage", {"stage": "viewed"}),
        ("owner", {"owner": ""}),
        ("claim", {"x": "1"}),
        ("facts/budget", {"budget": "1500"}),
        ("messages", {"subject": "x", "body": "x", "nonce": "n"}),
        ("viewings", {"slot": "x", "nonce": "n"}),
        ("tasks", {"text": "x", "due_at": "2027-01-04T09:00", "nonce": "n"}),
    ],
)
def test_a_stranger_changes_nothing(people: People, lead: Lead, path: str, data: dict[str, str]):
    assert signed_in(people.stranger).post(f"/leads/{lead.pk}/{path}", data).status_code == 404
    assert texts(lead) == []


def test_what_is_seen_for_a_viewing_is_read_and_not_written(people: People, lead: Lead):
    factories.appointment(people.stranger, factories.listing(people.stranger), timezone.now(), lead=lead)
    assert answers(people, f"/leads/{lead.pk}")["stranger"] == 200
    assert signed_in(people.stranger).post(f"/leads/{lead.pk}/notes", {"text": "x"}).status_code == 403
    assert not Note.objects.exists()


def test_nobodys_lead_is_claimed_before_it_is_changed(people: People):
    lead = factories.lead()
    client = signed_in(people.stranger)
    assert client.post(f"/leads/{lead.pk}/stage", {"stage": "viewed"}).status_code == 403
    assert client.post(f"/leads/{lead.pk}/claim").status_code == 302
    assert fresh(lead).owner == people.stranger
    assert signed_in(people.agent).post(f"/leads/{lead.pk}/claim").status_code == 404
    assert client.post(f"/leads/{lead.pk}/release").status_code == 302
    assert fresh(lead).owner is None


def test_the_second_to_claim_hears_who_was_first(people: People):
    lead = factories.lead()
    signed_in(people.mate).post(f"/leads/{lead.pk}/claim")
    answer = signed_in(people.agent).post(f"/leads/{lead.pk}/claim", headers=htmx())
    assert "Max Mate" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert fresh(lead).owner == people.mate


def test_a_note_stands_in_the_timeline(people: People, lead: Lead):
    signed_in(people.mate).post(f"/leads/{lead.pk}/notes", {"text": "Prefers evenings"})
    assert "Prefers evenings" in signed_in(people.agent).get(f"/leads/{lead.pk}").content.decode()
    assert signed_in(people.agent).post(f"/leads/{lead.pk}/notes", {"text": "  "}).status_code == 422
    assert Note.objects.count() == 1


def test_a_task_is_kept_once_done_and_open_again(people: People, lead: Lead):
    client = signed_in(people.agent)
    data = {"text": "Call back", "due_at": "2027-01-04T09:00", "assignee": people.mate.pk, "nonce": "abc"}
    for _ in range(2):
        client.post(f"/leads/{lead.pk}/tasks", data)
    task = Task.objects.get()
    assert task.assignee == people.mate

    answer = client.post(f"/tasks/{task.pk}/done", headers=htmx("lead-now"))
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]
    assert Task.objects.get().done_at is not None
    client.post(undo, headers=htmx())
    assert Task.objects.get().done_at is None
    assert texts(lead) == ["Open again: Call back", "Done: Call back", "Call back"]

    # From the live desk, which shows nothing of the lead besides.
    answer = client.post(f"/tasks/{task.pk}/done", headers=htmx())
    assert (answer.status_code, json.loads(answer.headers["HX-Trigger"])["toast"]["text"]) == (204, "Done.")


def test_a_task_is_put_off_and_handed_on(people: People, lead: Lead):
    client = signed_in(people.agent)
    task = Task.objects.create(lead=lead, kind="follow_up", text="Call", due_at=timezone.now(), key="k")
    client.post(f"/tasks/{task.pk}/snooze", {"until": "tomorrow"})
    task.refresh_from_db()
    assert timezone.localtime(task.due_at).hour == 9
    assert timezone.localdate(task.due_at) == timezone.localdate() + timedelta(days=1)
    client.post(f"/tasks/{task.pk}/assign", {"assignee": people.mate.pk})
    assert Task.objects.get().assignee == people.mate
    assert client.post(f"/tasks/{task.pk}/assign", {"assignee": people.stranger.pk}).status_code == 404
    assert client.post(f"/tasks/{task.pk}/snooze", {"until": "never"}).status_code == 404
    assert signed_in(people.stranger).post(f"/tasks/{task.pk}/done").status_code == 404


def test_what_was_put_off_is_due_again_when_it_was(people: People, lead: Lead):
    client = signed_in(people.agent)
    due_at = timezone.now() - timedelta(minutes=7)
    task = Task.objects.create(lead=lead, kind="follow_up", text="Call", due_at=due_at, key="k")
    answer = client.post(f"/tasks/{task.pk}/snooze", {"until": "tomorrow"}, headers=htmx("lead-now"))
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]

    assert signed_in(people.stranger).post(undo).status_code == 404
    assert client.post(undo, headers=htmx()).status_code == 204

    task.refresh_from_db()
    assert task.due_at == due_at
    for wrong in (
        "",
        "soon",
        "2026-02-31T10:00:00Z",
        "2026-01-01T10:00",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ):
        assert client.post(f"/tasks/{task.pk}/put-back", QUERY_STRING=urlencode({"to": wrong})).status_code == 404


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("phone", "(312) 555-0147", "+13125550147"),
        ("phone", "", None),
        ("budget", "1,950.50", None),
        ("budget", "1950.50", "1950.50"),
        ("full_name", "  Ines  ", "Ines"),
        ("move_in_on", "2027-02-01", "2027-02-01"),
        ("bedrooms", "2", 2),
    ],
)
def test_a_fact_is_written_in_place(people: People, lead: Lead, name: str, typed: str, kept: Any):
    answer = signed_in(people.agent).post(f"/leads/{lead.pk}/facts/{name}", {name: typed}, headers=htmx())
    if typed == "1,950.50":
        assert answer.status_code == 422
        return
    value = getattr(fresh(lead), name)
    assert (value if isinstance(value, int | None) else str(value)) == kept
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("name", "typed"),
    [("phone", "123"), ("email", "ines@"), ("budget", "-1"), ("budget", "NaN"), ("bedrooms", "900"), ("source", "")],
)
def test_a_fact_that_makes_no_sense_is_refused_beside_its_field(people: People, lead: Lead, name: str, typed: str):
    before = fresh(lead)
    answer = signed_in(people.agent).post(f"/leads/{lead.pk}/facts/{name}", {name: typed}, headers=htmx())
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()
    assert getattr(fresh(lead), name) == getattr(before, name)
    assert signed_in(people.agent).get(f"/leads/{lead.pk}/facts/password").status_code == 404


def test_a_number_that_is_anothers_is_named_only_to_those_who_see_it(people: People, lead: Lead):
    factories.lead(owner=people.stranger, full_name="Secret Name", phone="+13125550199")
    answer = signed_in(people.agent).post(f"/leads/{lead.pk}/facts/phone", {"phone": "3125550199"}, headers=htmx())
    assert "Another lead has this number" in answer.content.decode()
    answer = signed_in(people.manager).post(f"/leads/{lead.pk}/facts/phone", {"phone": "3125550199"}, headers=htmx())
    assert "Secret Name" in answer.content.decode()


def undo_of(answer: Any) -> str:
    return json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]


@pytest.mark.parametrize(
    ("fact", "before", "given"),
    [
        ("budget", Decimal("1500.00"), "1850"),
        ("move_in_on", date(2027, 5, 1), "2027-06-01"),
        ("bedrooms", None, "2"),
        ("email", "was@example.com", "is@example.com"),
    ],
)
def test_a_fact_of_any_kind_is_put_back(people: People, fact: str, before: Any, given: str):
    lead = factories.lead(owner=people.agent, **{fact: before})
    client = signed_in(people.agent)
    undo = undo_of(client.post(f"/leads/{lead.pk}/facts/{fact}", {fact: given}, headers=htmx()))
    assert client.post(undo, headers=htmx()).headers["HX-Trigger"] == "undone"
    lead.refresh_from_db()
    assert getattr(lead, fact) == before


def test_an_edit_is_undone_unless_somebody_changed_it_since(people: People, lead: Lead):
    client = signed_in(people.agent)
    first = undo_of(client.post(f"/leads/{lead.pk}/facts/full_name", {"full_name": "Inés"}, headers=htmx()))
    client.post(first, headers=htmx())
    assert fresh(lead).full_name == "Ines Castillo"

    late = undo_of(client.post(f"/leads/{lead.pk}/facts/full_name", {"full_name": "I."}, headers=htmx()))
    signed_in(people.mate).post(f"/leads/{lead.pk}/facts/full_name", {"full_name": "Ines C."})
    assert "changed it since" in json.loads(client.post(late, headers=htmx()).headers["HX-Trigger"])["toast"]["text"]
    assert fresh(lead).full_name == "Ines C."
    other = factories.lead(owner=people.agent)
    client.post(late.replace(f"/leads/{lead.pk}/", f"/leads/{other.pk}/"), headers=htmx())
    assert fresh(other).full_name == ""


def test_a_stage_taken_back_is_as_old_as_it_was(people: People, lead: Lead):
    long_ago = timezone.now() - timedelta(days=9)
    Lead.objects.filter(pk=lead.pk).update(stage_changed_at=long_ago)
    client = signed_in(people.agent)
    undo = undo_of(client.post(f"/leads/{lead.pk}/stage", {"stage": "viewed"}, headers=htmx("lead-now")))
    client.post(undo, headers=htmx())
    assert (fresh(lead).stage, fresh(lead).stage_changed_at) == ("new", long_ago)


def test_leads_are_handed_over_within_the_team(people: People, lead: Lead):
    client = signed_in(people.agent)
    assert client.post(f"/leads/{lead.pk}/owner", {"owner": people.stranger.pk}).status_code == 404
    client.post(f"/leads/{lead.pk}/owner", {"owner": people.mate.pk})
    assert fresh(lead).owner == people.mate


# --- Viewings and messages


@pytest.fixture
def home(people: People) -> Listing:
    return factories.listing(people.agent)


def offered(agent: Agent, lead: Lead) -> list[str]:
    html = signed_in(agent).get(f"/leads/{lead.pk}", {"compose": "viewing"}).content.decode()
    return re.findall(r'name="slot" value="([^"]+)"', html)


def test_a_viewing_is_booked_at_a_time_that_was_offered(people: People, lead: Lead, home: Listing):
    slot = offered(people.agent, lead)[0]
    client = signed_in(people.agent)
    for _ in range(2):
        assert client.post(f"/leads/{lead.pk}/viewings", {"slot": slot, "nonce": "once"}).status_code == 302
    booked = Appointment.objects.get()
    assert (booked.lead, booked.listing, booked.agent, booked.source) == (lead, home, people.agent, "staff")
    assert fresh(lead).stage == "viewing_booked"


def test_a_time_that_was_taken_meanwhile_is_refused_and_others_are_offered(people: People, lead: Lead, home: Listing):
    slot = offered(people.agent, lead)[0]
    other = factories.lead(owner=people.mate)
    signed_in(people.mate).post(f"/leads/{other.pk}/viewings", {"slot": slot, "nonce": "first"})

    answer = signed_in(people.agent).post(f"/leads/{lead.pk}/viewings", {"slot": slot, "nonce": "second"})
    assert answer.status_code == 409
    assert "taken" in answer.content.decode()
    assert 'name="slot"' in answer.content.decode()
    assert Appointment.objects.get().lead == other
    junk = signed_in(people.agent).post(f"/leads/{lead.pk}/viewings", {"slot": "junk", "nonce": "third"})
    assert junk.status_code == 409


def test_an_e_mail_is_queued_once_and_its_state_shown(people: People, lead: Lead):
    client = signed_in(people.agent)
    for _ in range(2):
        client.post(f"/leads/{lead.pk}/messages", {"subject": "Hello", "body": "Text", "nonce": "n"})
    message = OutgoingMessage.objects.get()
    assert (message.to, message.subject) == ("ines@example.com", "Hello")
    assert "E-mail on its way" in client.get(f"/leads/{lead.pk}").content.decode()
    Lead.objects.update(email="")
    refused = client.post(f"/leads/{lead.pk}/messages", {"subject": "Hello", "body": "Text", "nonce": "m"})
    assert refused.status_code == 422


# --- Timeline and neighbours


def test_the_timeline_folds_changes_gathers_calls_and_is_filtered(people: People, lead: Lead):
    call = "6a0f4f7e-9c5f-4f4e-8f7a-0a4d3f1f9a11"
    now = timezone.now()
    for n, text in enumerate(["Changed budget", "Changed pets"]):
        lead.entries.create(kind="change", text=text, at=now - timedelta(minutes=n))
    for n, (key, text) in enumerate([("call-report", "Wants two rooms"), ("call-ended", "Call ended")]):
        lead.entries.create(kind="call", text=text, key=f"{key}:{call}", call_id=call, at=now - timedelta(hours=1 + n))
    html = signed_in(people.agent).get(f"/leads/{lead.pk}").content.decode()
    assert "2 changes" in html
    assert html.count('class="entry is-call"') == 1
    assert "Wants two rooms" in html
    only = signed_in(people.agent).get(f"/leads/{lead.pk}", {"show": "call"}).content.decode()
    assert "2 changes" not in only


def test_the_number_of_queries_does_not_grow_with_the_history(people: People, lead: Lead):
    client = signed_in(people.agent)

    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            client.get(f"/leads/{lead.pk}")
        return len(made)

    def fill(count: int) -> None:
        for n in range(count):
            lead.entries.create(kind="note", text="x", agent=people.mate)
            lead.entries.create(kind="change", text="x", data={"owner": [None, people.mate.pk]})
            task = {"text": "x", "due_at": timezone.now(), "assignee": people.mate}
            Task.objects.create(lead=lead, kind="follow_up", key=f"{n}-{count}", **task)

    fill(1)
    queries()
    with_one = queries()
    fill(5)
    assert queries() == with_one


def test_the_neighbours_are_those_of_the_list_it_was_opened_from(people: People):
    rows = [factories.lead(owner=people.agent, full_name=f"Lead {n}", source="zillow") for n in range(3)]
    factories.lead(owner=people.stranger, source="zillow")
    html = signed_in(people.agent).get(f"/leads/{rows[1].pk}", {"scope": "all", "source": "zillow"}).content.decode()
    assert "2 of 3" in html
    assert f'href="/leads/{rows[2].pk}?scope=all&amp;source=zillow"' in html
    assert f'href="/leads/{rows[0].pk}?scope=all&amp;source=zillow"' in html
