from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import override_settings
from django.utils import timezone

from crm.exports import agency, sending
from crm.models import Agent, AuditEntry, Lead, Note
from crm.tests import factories, rows
from crm.tokens import issue_token

pytestmark = pytest.mark.django_db


def sent(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.content[:300]
    return b"".join(answer.streaming_content)


def table(client, path):
    return list(csv.DictReader(io.StringIO(sent(client, path).decode(), newline="")))


@pytest.fixture
def manager(client):
    person = factories.agent(role="manager")
    client.force_login(person)
    return person


@pytest.fixture
def administrator(client):
    person = factories.agent(role="admin")
    client.force_login(person)
    return person


def test_a_list_goes_out_as_it_is_seen(client, manager):
    wanted = factories.lead(full_name="=Zoe", stage="qualified", owner=manager, budget="1800.50")
    factories.lead(full_name="Zed", stage="new", owner=manager)
    factories.lead(full_name="Other", stage="qualified")

    found = table(client, "/export/leads.csv?scope=mine&stage=qualified&cursor=x")

    assert [(row["id"], row["full_name"], row["budget"], row["owner"], row["phone"]) for row in found] == [
        (str(wanted.pk), "'=Zoe", "1800.50", manager.email, wanted.phone)
    ]
    assert json.loads(sent(client, "/export/leads.json?scope=mine&stage=qualified"))[0]["full_name"] == "=Zoe"
    assert sent(client, "/export/leads.xlsx").startswith(b"PK")


def test_a_list_is_in_its_order_and_longer_than_a_page(client, manager):
    for n in range(60):
        factories.lead(full_name=f"N{n:02}")

    names = [row["full_name"] for row in table(client, "/export/leads.csv?scope=all&sort=name")]

    assert names == [f"N{n:02}" for n in range(60)]


def test_nobody_takes_out_what_they_do_not_see(client):
    agent, other = factories.agent(), factories.agent()
    client.force_login(agent)
    factories.lead(full_name="Mine", owner=agent)
    hidden = factories.lead(full_name="Theirs", owner=other)
    home = factories.listing(other)
    factories.appointment(other, home, timezone.now(), lead=hidden)

    assert [row["full_name"] for row in table(client, "/export/leads.csv?scope=all")] == ["Mine"]
    assert table(client, "/export/appointments.csv?scope=all") == []
    assert len(table(client, "/export/listings.csv?scope=all")) == 1
    assert client.get(f"/export/person/{hidden.pk}.zip").status_code == 404
    assert client.get("/export/agency.zip").status_code == 403


@pytest.mark.parametrize("path", ["leads.csv", "agency.zip", "person/1.zip"])
def test_a_stranger_signs_in_first(client, path):
    assert client.get(f"/export/{path}").headers["Location"].startswith("/login")


@pytest.mark.parametrize("path", ["leads.exe", "nothing.csv", "person/99999999999999999999.zip"])
def test_what_there_is_not(client, manager, path):
    assert client.get(f"/export/{path}").status_code == 404


@pytest.mark.parametrize("name", ["leads", "listings", "appointments", "users", "calls"])
@pytest.mark.parametrize("query", ["", "scope=x&stage=x&cursor=x&q=%00&rent=x&date=x&since=x", "q=%F0%9F%98%80"])
def test_every_list_goes_out_whatever_the_address_says(client, manager, name, query):
    factories.listing(manager)
    for extension in ("csv", "xlsx", "json"):
        assert sent(client, f"/export/{name}.{extension}?{query}")


def test_rows_are_not_asked_for_one_by_one(client, manager, django_assert_max_num_queries):
    for _ in range(30):
        factories.listing(factories.agent())
    with django_assert_max_num_queries(10):
        assert len(table(client, "/export/listings.csv?scope=all")) == 30


def test_everything_of_one_person(client, manager):
    lead = factories.lead(full_name="Zoe")
    Note.objects.create(lead=lead, text="likes cats", agent=manager)
    Note.objects.create(lead=factories.lead(), text="somebody else")
    factories.appointment(factories.agent(), factories.listing(), timezone.now(), lead=lead)

    file = zipfile.ZipFile(io.BytesIO(sent(client, f"/export/person/{lead.pk}.zip")))

    said = {name: json.loads(file.read(name)) for name in file.namelist()}
    assert said["person.json"]["full_name"] == "Zoe"
    assert [note["text"] for note in said["notes.json"]] == ["likes cats"]
    assert len(said["appointments.json"]) == 1
    assert said["changes.json"][0]["after"]["full_name"] == "Zoe"
    assert {"calls.json", "deliveries.json", "tool_calls.json"} <= set(said)


def test_everything_of_the_agency_without_secrets(client, administrator, tmp_path):
    lead = factories.lead(full_name="Zoe")
    token, secret = issue_token(agent=administrator, scopes=["read"])
    for model in agency.exported():
        if rows.secret_columns(model):
            rows.row(model)
    photo = tmp_path / "uploads" / "listings" / "a.webp"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"a picture")

    with override_settings(DATA_DIR=tmp_path):
        raw = sent(client, "/export/agency.zip")

    file = zipfile.ZipFile(io.BytesIO(raw))
    assert file.testzip() is None
    text = b"".join(file.read(name) for name in file.namelist()).decode()
    for hidden in (secret, token.digest, rows.CANARY, administrator.password):
        if hidden:
            assert hidden not in text
    assert lead.pk in [row["id"] for row in json.loads(file.read("data/crm.lead.json"))]
    assert len(json.loads(file.read("data/crm.auditentry.json"))) <= AuditEntry.objects.count()
    assert file.read("photos/a.webp") == b"a picture"
    assert {Agent, Lead} <= set(agency.exported())


def test_a_list_names_where_it_goes_out(client, manager):
    factories.lead(owner=manager)
    factories.listing(manager)

    for page in ("leads?scope=mine", "listings", "appointments", "calls"):
        name = page.partition("?")[0]
        said = client.get(f"/{page}").content.decode()
        assert (f"/export/{name}.csv" in said) or name == "calls", page


async def test_a_web_process_sends_what_is_there_before_the_rest_is_made():
    made = []

    def chunks():
        for n in range(4):
            made.append(n)
            yield bytes(sending._LEAST)

    request = ASGIRequest({"type": "http", "path": "/", "method": "GET", "headers": []}, io.BytesIO())
    answer = sending.streamed(request, chunks(), "text/plain", "a.txt")
    sent_by = [len(made) async for _part in answer.streaming_content]

    assert sent_by == [1, 2, 3, 4]
