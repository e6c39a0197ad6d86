"""After erasure nothing holds the person: every column of the database is looked through, and every file."""

from __future__ import annotations

import io
import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from calls.models import Assistant, Call, ControlAction, ToolCall, WebhookEvent, call_pk
from crm.audit import chain
from crm.erasure import erase_person
from crm.imports.running import path_of, run, take_in
from crm.models import (
    Agent,
    AuditEntry,
    ImportBatch,
    ImportKind,
    ImportStatus,
    Lead,
    Note,
    Notice,
    SavedView,
    Task,
)
from crm.notices import notify
from crm.tests import factories
from crm.traces import marks_of, scrub_everywhere

pytestmark = pytest.mark.django_db
NAME, PHONE, EMAIL = "Zoë Roe-Quimby", "+13125550166", "zoe.quimby@example.com"
TRACES = ("quimby", "3125550166", "555-0166")
SHEET = f"Name,Phone,E-mail\nAnn Other,(312) 555-0101,ann@example.com\n{NAME},(312) 555-0166,{EMAIL}\n"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")


@pytest.fixture
def boss() -> Agent:
    return factories.agent(role="manager", is_superuser=True)


def sheet(boss: Agent, status: str = ImportStatus.CHECKED) -> ImportBatch:
    batch = take_in(io.BytesIO(SHEET.encode()), filename="leads.csv", kind=ImportKind.LEADS, agent=boss)
    ImportBatch.objects.filter(pk=batch.pk).update(status=status)
    return batch


def everywhere(text: str) -> set[str]:
    """Return "table.column" of all columns of any kind that hold the text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE t.table_type = 'BASE TABLE' AND c.table_schema = current_schema()"
        )
        found = set()
        for table, column, kind in cursor.fetchall():
            words = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}" WHERE {words} ILIKE %s)', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.add(f"{table}.{column}")
    return found


def files_with(text: str) -> list[str]:
    folder = Path(django_settings.DATA_DIR)
    return [str(path) for path in folder.rglob("*") if path.is_file() and text in path.read_text("utf-8", "replace")]


def known_everywhere(boss: Agent) -> Lead:
    """Return somebody of whom there is a trace in as many places as somebody leaves one."""
    run(sheet(boss, ImportStatus.RUNNING).pk)
    lead = Lead.objects.get(email=EMAIL)
    lead.phone = "+13125550167"
    lead.save()
    lead.phone = PHONE
    lead.save()
    agent = factories.agent()
    factories.appointment(agent, factories.listing(agent), timezone.now() + timedelta(days=2), lead=lead)
    other = factories.lead(full_name="Ann Other")
    Note.objects.create(lead=other, text=f"Knows {NAME}, ring 312.555.0166 or {EMAIL.upper()}")
    Task.objects.create(lead=None, kind="callback", text=f"Ring {NAME}", due_at=timezone.now(), key="t")
    notify([boss], "assigned", kind="assignment", key="n", lead=other, data={"by": NAME, "n": 13125550166})
    SavedView.objects.create(
        person=boss, page="leads", name="Zoë", query="q=%2B13125550166&mail=zoe.quimby%40example.com"
    )
    of_leads = ContentType.objects.get_for_model(Lead)
    LogEntry.objects.create(
        user=boss, content_type=of_leads, object_id=str(lead.pk), object_repr=NAME, action_flag=CHANGE
    )
    for owner, vapi_id in ((lead, "v-1"), (None, "v-2")):
        _call(owner, boss, vapi_id)
    return lead


def _call(lead: Lead | None, boss: Agent, vapi_id: str) -> None:
    said = f"I am {NAME}, {PHONE}"
    row = Call.objects.create(
        id=call_pk(vapi_id),
        vapi_id=vapi_id,
        lead=lead,
        phase="ENDED",
        customer_number=PHONE,
        summary=said,
        transcript=[{"role": "user", "text": said}],
        context={"name": NAME},
    )
    body = json.dumps({"text": said}, ensure_ascii=False).encode()
    WebhookEvent.objects.create(call=row, fingerprint=uuid.uuid4(), type="x", at=timezone.now(), body=body)
    ToolCall.objects.create(call=row, tool_call_id="t", fingerprint=uuid.uuid4(), name="save_lead", answer=said)
    ControlAction.objects.create(call=row, agent=boss, key=uuid.uuid4(), kind="say", text=f"Hi {NAME}", reason=NAME)


def test_nothing_in_the_database_or_the_files_holds_who_was_forgotten(
    boss, tmp_path, django_capture_on_commit_callbacks
) -> None:
    lead = known_everywhere(boss)
    waiting = sheet(boss)
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "1.log").write_text(f"To: {EMAIL}\n")
    (mail / "2.log").write_text("To: ann@example.com\n")
    chain.seal()
    assert len(everywhere("quimby")) > 15
    assert len(files_with("Quimby") + files_with("quimby@")) >= 2

    with django_capture_on_commit_callbacks(execute=True):
        erase_person(lead)

    assert [everywhere(text) for text in TRACES] == [set(), set(), set()]
    assert [files_with(text) for text in ("Quimby", "quimby@", "555-0166")] == [[], [], []]
    assert (mail / "2.log").exists()
    waiting.refresh_from_db()
    assert (waiting.status, "asked to be forgotten" in waiting.problem) == (ImportStatus.FAILED, True)
    chain.seal()
    assert chain.verify() == []


def test_others_keep_what_is_theirs(boss) -> None:
    lead = known_everywhere(boss)

    erase_person(lead)

    assert Lead.objects.filter(full_name="Ann Other").count() == 2
    assert Note.objects.get().text == "Knows …, ring … or …"
    assert Notice.objects.get(person=boss, event="assigned").data == {"by": "…", "n": None}
    assert everywhere("ann@example.com") >= {"crm_lead.email", "crm_auditentry.after"}
    assert AuditEntry.objects.filter(table_name="crm_lead", row_id=str(lead.pk)).exists()


def test_what_somebody_else_has_too_is_no_mark(boss) -> None:
    lead = factories.lead(full_name="John Smith", email="home@example.com")
    twin = factories.lead(full_name="john smith", email="HOME@example.com")
    one_word = factories.lead(full_name="Summertime", phone=None, email="")

    assert (marks_of(lead).names, marks_of(lead).emails) == (set(), set())
    assert marks_of(lead).phones == {lead.phone}
    assert marks_of(one_word).pattern == ""
    assert scrub_everywhere(marks_of(one_word)) == 0
    erase_person(lead)
    twin.refresh_from_db()
    assert (twin.full_name, twin.email) == ("john smith", "HOME@example.com")


def test_a_caller_named_like_a_quarter_takes_nothing_from_the_office(boss) -> None:
    lead = factories.lead(full_name="South Loop")
    home = factories.listing(neighborhood="South Loop", facts="In the South Loop. Ring +13125550166.")
    next_door = factories.listing(neighborhood="South Loop")
    speaker = Assistant.objects.create(vapi_id="a-1", name="Pete South Loop", first_message="The South Loop desk")
    other = factories.lead(full_name="Ann Other")
    note = Note.objects.create(lead=other, text="Wants the South Loop")
    Lead.objects.filter(pk=lead.pk).update(phone="+13125550166")

    erase_person(Lead.objects.get(pk=lead.pk))

    home.refresh_from_db()
    note.refresh_from_db()
    assert (home.neighborhood, home.facts) == ("South Loop", "In the South Loop. Ring ….")
    assert note.text == "Wants the …"
    speaker.refresh_from_db()
    assert (speaker.name, speaker.first_message) == ("Pete South Loop", "The South Loop desk")
    assert AuditEntry.objects.get(table_name="crm_listing", row_id=str(next_door.pk)).after is not None


def test_a_longer_number_is_another_number(boss) -> None:
    marks = marks_of(factories.lead(phone="+13125550166"))

    assert [marks.scrub(text) for text in ("312 555 0166", "1-312-555-0166.", "931255501661", "3125550166@x")] == [
        "…", "….", "931255501661", "…@x",
    ]  # fmt: skip


def test_a_file_goes_once_it_is_in(boss) -> None:
    batch = sheet(boss, ImportStatus.RUNNING)

    run(batch.pk)

    assert not path_of(batch).exists()
    assert batch.rows.count() == 2
