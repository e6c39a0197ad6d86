"""Moving in: what would come of a file, bringing it in, taking it back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from crm.imports import reading, running
from crm.imports.fields import Wrong, day, money, number
from crm.models import AuditEntry, ImportBatch, ImportRow, Lead, LeadMerge, Listing, Note
from crm.tests import factories
from crm.tests.imports.test_reading import workbook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.CELERY_TASK_ALWAYS_EAGER = True


@pytest.fixture
def manager(client):
    person = factories.agent(role="manager")
    client.force_login(person)
    return person


@pytest.fixture
def move_in(client, manager, django_capture_on_commit_callbacks):
    """Upload, check, and bring in unless told otherwise; return the batch."""

    def go(content, *, kind="leads", runs=True, **choices):
        content = content if isinstance(content, bytes) else content.encode()
        answer = client.post("/imports", {"kind": kind, "file": SimpleUploadedFile("leads.csv", content)})
        assert answer.status_code == 302, answer.content.decode()
        batch = ImportBatch.objects.latest("pk")
        mapping = {f"column-{name}": place for name, place in batch.mapping.items()}
        for step in ("check", "run")[: 2 if runs else 1]:
            with django_capture_on_commit_callbacks(execute=True):
                assert client.post(f"/imports/{batch.pk}/{step}", mapping | choices).status_code == 302
        batch.refresh_from_db()
        return batch

    return go


def outcomes(batch):
    return [(row.line, row.outcome) for row in batch.rows.all()]


def test_leads_come_in_with_everything_about_them(move_in, manager):
    batch = move_in(
        "Name,Phone Number,E-mail,Status,Max rent,Beds,Move-in date,Assigned to\n"
        f'Zoë Roe,(312) 555-0188,ZOE@Example.com,Qualified,"$1,800.50",2 beds,12/31/2030,{manager.email.upper()}\n'
    )

    lead = Lead.objects.get()
    assert (lead.full_name, lead.phone, lead.email, lead.stage) == (
        "Zoë Roe",
        "+13125550188",
        "zoe@example.com",
        "qualified",
    )
    assert (lead.budget, lead.bedrooms, lead.move_in_on, lead.owner, lead.source) == (
        Decimal("1800.50"),
        2,
        date(2030, 12, 31),
        manager,
        "import",
    )
    assert [entry.text for entry in lead.entries.all()] == ["Brought in from leads.csv"]
    assert (batch.status, batch.done_rows, outcomes(batch)) == ("done", 1, [(2, "created")])


def test_a_check_brings_nothing_in(move_in):
    there = factories.lead(phone="+13125550101", full_name="There")
    batch = move_in(
        "name,phone\nNew,3125550100\nThere,3125550101\nNew again,+1 312 555 0100\nBad,12\n,\n,,\n", runs=False
    )

    assert list(Lead.objects.all()) == [there]
    assert outcomes(batch) == [(2, "created"), (3, "same"), (4, "repeated"), (5, "wrong")]
    assert {row.line: row.text for row in batch.rows.exclude(text="")} == {
        3: "There",
        4: "The same as row 2.",
        5: "Phone: 12 is no phone number.",
    }


def test_what_is_wrong_is_said_in_the_language_of_who_moves_in(move_in, manager):
    """By a worker, which has no browser to go by."""
    type(manager).objects.filter(pk=manager.pk).update(language="es")
    with translation.override("en"):
        batch = move_in("name,phone\nBad,12\n", runs=False)

    assert batch.rows.get().text == "Teléfono: 12 no es un número de teléfono."


def test_what_is_there_is_changed_only_when_asked_for(move_in):
    lead = factories.lead(phone="+13125550101", full_name="Old", timeline="soon", stage="lost", lost_reason="price")
    given = "name,phone,timeline,budget\nNew,3125550101,,1500\n"

    assert outcomes(move_in(given)) == [(2, "same")]
    lead.refresh_from_db()
    assert lead.full_name == "Old"
    batch = move_in(given, updates="yes")
    lead.refresh_from_db()
    assert (lead.full_name, lead.timeline, lead.budget, lead.lost_reason) == ("New", "soon", 1500, "price")
    assert batch.rows.get().text == "Name: Old → New, Budget: – → 1500.00"


def test_everything_is_taken_back_but_what_was_worked_with(move_in, client, django_capture_on_commit_callbacks):
    changed = factories.lead(phone="+13125550101", full_name="Old")
    touched = factories.lead(phone="+13125550102", full_name="Old too")
    batch = move_in("name,phone\nA,3125550110\nB,3125550111\nNew,3125550101\nNew too,3125550102\n", updates="yes")
    Note.objects.create(lead=Lead.objects.get(full_name="B"), text="called her")
    Lead.objects.filter(pk=touched.pk).update(full_name="Edited since")

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/imports/{batch.pk}/undo")

    batch.refresh_from_db()
    changed.refresh_from_db()
    assert batch.status == "undone"
    assert outcomes(batch) == [(2, "undone"), (3, "kept"), (4, "undone"), (5, "kept")]
    assert sorted(Lead.objects.values_list("full_name", flat=True)) == ["B", "Edited since", "Old"]


def test_a_lead_that_was_merged_is_found_by_its_other_number(move_in):
    kept = factories.lead(full_name="Kept")
    LeadMerge.objects.create(kept=kept, gone_lead_id=1, gone={}, number="+13125550199")

    assert outcomes(move_in("name,phone\nX,3125550199\n")) == [(2, "same")]


def test_listings_come_in_with_their_agents(move_in, manager):
    other = factories.agent()
    batch = move_in(
        "Street,Apt,Rent,Beds,Baths,Pets allowed,Available,Agents\n"
        f"1 Oak St,2B,1800,studio,1.5,yes,2030-01-01,{manager.email}; {other.email}\n"
        "1 Oak St,2B,1900,1,1,no,,\n"
        ",3,100,1,1,no,,\n",
        kind="listings",
    )

    home = Listing.objects.get()
    assert (str(home), home.rent, home.bedrooms, home.bathrooms, home.pets) == (
        "1 Oak St, 2B",
        1800,
        0,
        Decimal("1.5"),
        True,
    )
    assert set(home.agents.all()) == {manager, other}
    assert outcomes(batch) == [(2, "created"), (3, "repeated"), (4, "wrong")]
    assert batch.rows.get(line=4).text == "Address: is missing."


def test_a_workbook_comes_in(move_in):
    move_in(workbook([["name", "phone", "budget"], ["Zoe", 3125550188, 1800.5]]))

    assert Lead.objects.values_list("full_name", "phone", "budget").get() == ("Zoe", "+13125550188", Decimal("1800.50"))


def test_more_than_one_lot_comes_in_and_goes_on_where_it_was_killed(move_in, monkeypatch):
    monkeypatch.setattr(running, "LOT", 3)
    content = "name,phone\n" + "".join(f"N{n},312555{n:04}\n" for n in range(8)) + "again,3125550000\n"
    batch = move_in(content, runs=False)
    lots = []

    def killed(self, rows):
        lots.append(rows)
        if len(lots) == 3:
            raise KeyboardInterrupt
        return given(self, rows)

    given = running._Passage._outcomes
    ImportRow.objects.all().delete()
    ImportBatch.objects.update(status="running", done_rows=0)
    monkeypatch.setattr(running._Passage, "_outcomes", killed)
    with pytest.raises(KeyboardInterrupt):
        running.run(batch.pk)
    assert Lead.objects.count() == 6
    running.run(batch.pk)

    assert Lead.objects.count() == 8
    assert outcomes(batch)[-1] == (10, "repeated")
    assert len(outcomes(batch)) == 9


def test_a_file_that_breaks_off_says_so_and_can_be_taken_back(move_in, monkeypatch):
    def broken(path, encoding=""):
        yield from list(given(path, encoding))
        raise reading.UnreadableFile("The workbook is damaged.")

    given = reading.lines
    batch = move_in("name\nA\n", runs=False)
    monkeypatch.setattr(reading, "lines", broken)
    monkeypatch.setattr(running, "LOT", 1)
    ImportRow.objects.all().delete()
    ImportBatch.objects.update(status="running", done_rows=0)
    running.run(batch.pk)

    batch.refresh_from_db()
    assert (batch.status, batch.problem, Lead.objects.count()) == ("failed", "The workbook is damaged.", 1)


def test_ragged_rows_have_their_answers(move_in):
    batch = move_in("name,phone\nA\nB,3125550188,,\nC,3125550189,x\n", runs=False)

    assert outcomes(batch) == [(2, "created"), (3, "created"), (4, "wrong")]
    assert batch.rows.get(line=4).text == "It has 3 cells and the heading has 2."


def test_what_came_of_every_row_is_a_file(move_in, client):
    batch = move_in("name,phone\nA,x\n")

    said = client.get(f"/imports/{batch.pk}/rows.csv").getvalue().decode()
    assert said.splitlines() == ["row,outcome,what,id", "2,Not brought in,Phone: x is no phone number.,"]


def test_the_audit_knows_of_each_lead(move_in):
    move_in("name\nA\nB\n")

    assert AuditEntry.objects.filter(table_name="crm_lead", action="I").count() == 2


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"\x89PNG\0", "not text"), (b"PK\x03\x04", "damaged"), (b"\n", "empty")]
)
def test_a_file_that_is_no_table_is_refused_and_not_kept(client, manager, content, words, tmp_path):
    answer = client.post("/imports", {"kind": "leads", "file": SimpleUploadedFile("x.csv", content)})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert ImportBatch.objects.count() == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_too_large_is_refused(client, manager, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_FILE", 1_000)

    answer = client.post("/imports", {"kind": "leads", "file": SimpleUploadedFile("x.csv", b"name\n" + b"x\n" * 999)})

    assert answer.status_code == 422


def test_only_managers_move_in(client, move_in):
    batch = move_in("name\nA\n", runs=False)
    client.force_login(factories.agent())

    for path in ("", f"/{batch.pk}", f"/{batch.pk}/rows.csv"):
        assert client.get(f"/imports{path}").status_code == 403
    for step in ("check", "run", "undo"):
        assert client.post(f"/imports/{batch.pk}/{step}").status_code == 403
    assert Lead.objects.count() == 0


def test_a_needed_column_is_asked_for(client, move_in):
    batch = move_in("Street,Apt,Rent,Beds\n1 Oak,2,100,1\n", kind="listings", runs=False)

    client.post(f"/imports/{batch.pk}/check", {"column-address": "0", "column-rent": "99999999999999"})

    page = client.get(f"/imports/{batch.pk}").content.decode()
    assert "Choose a column for: Rent, Bedrooms." in page


def test_nothing_is_brought_in_twice(client, move_in):
    batch = move_in("name\nA\n")

    client.post(f"/imports/{batch.pk}/run")

    batch.refresh_from_db()
    assert (batch.status, Lead.objects.count()) == ("done", 1)


@pytest.mark.parametrize(
    ("given", "amount"),
    [("$1,800.50", "1800.50"), ("1.800,50 €", "1800.50"), ("1800/mo", "1800.00"), ("USD 1,800", "1800.00")],
)
def test_money_as_people_write_it(given, amount):
    assert str(money(given)) == amount


@pytest.mark.parametrize("given", ["2030-12-31", "12/31/2030", "31.12.2030", "2030-12-31T00:00:00"])
def test_days_as_people_write_them(given):
    assert day(given) == date(2030, 12, 31)


@pytest.mark.parametrize(
    ("read", "given"),
    [
        (money, "x"),
        (money, "-5"),
        (money, "1e9"),
        (day, "31/31/2030"),
        (day, "0001-01-01"),
        (number(50), "51"),
        (number(50), "²"),
    ],
    ids=range(7),
)
def test_what_makes_no_sense_is_wrong(read, given):
    with pytest.raises(Wrong):
        read(given)
