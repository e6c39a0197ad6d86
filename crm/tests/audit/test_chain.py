"""The audit is not changed, and who changes it all the same is found out."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from config.doctor import IllError
from crm.audit import chain, checks
from crm.audit.erasing import erase_leads
from crm.models import AuditEntry, AuditSeal, Lead, Note
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_file(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def sealed():
    for _ in range(4):
        factories.lead(full_name="Bo")
    chain.seal()
    return list(AuditEntry.objects.order_by("pk"))


def execute(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@contextmanager
def guards_off():
    """What somebody with the database's own rights can do."""
    for table in ("crm_auditentry", "crm_auditseal"):
        execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_not_changed")
    yield
    for table in ("crm_auditentry", "crm_auditseal"):
        execute(f"ALTER TABLE {table} ENABLE TRIGGER audit_not_changed")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE crm_auditentry SET actor_name = 'nobody'",
        "UPDATE crm_auditentry SET before = NULL, after = NULL, salt = NULL",
        "DELETE FROM crm_auditentry",
        "UPDATE crm_auditseal SET hash = ''",
        "DELETE FROM crm_auditseal",
    ],
)
def test_the_database_refuses(sealed, sql):
    with pytest.raises(IntegrityError, match="The audit is not changed"), transaction.atomic():
        execute(sql)

    assert AuditEntry.objects.count() == AuditSeal.objects.count() == 4


def test_the_database_refuses_to_empty_it(sealed):
    execute("ALTER TABLE crm_auditentry ENABLE TRIGGER audit_not_emptied")

    with pytest.raises(IntegrityError, match="The audit is not changed"), transaction.atomic():
        execute("TRUNCATE crm_auditentry")


def test_what_was_not_touched_is_sound(sealed):
    assert chain.verify() == []
    assert checks.audit() == "4 changes are sealed, and the newest of them fit."
    call_command("verify_audit")


def test_entries_are_sealed_once_in_whatever_order_they_are_committed(sealed):
    assert chain.seal() == 0
    factories.lead()

    assert chain.seal() == 1
    assert list(AuditSeal.objects.order_by("position").values_list("position", flat=True)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("UPDATE crm_auditentry SET actor_name = 'x' WHERE id = %s", "entry was changed"),
        ("UPDATE crm_auditentry SET after = '{}' WHERE id = %s", "entry was changed"),
        ("UPDATE crm_auditentry SET at = at + interval '1 us' WHERE id = %s", "entry was changed"),
        ("DELETE FROM crm_auditentry WHERE id = %s", "entry is gone"),
        ("DELETE FROM crm_auditseal WHERE entry_id = %s", "a link before is gone"),
        (
            "UPDATE crm_auditentry e SET actor_name = 'x', digest = crm_audit_digest(e) WHERE id = %s",
            "entry was changed",
        ),
    ],
)
def test_whoever_gets_past_the_guards_is_found_out(sealed, sql, finding):
    with guards_off():
        execute(sql, sealed[1].pk)

    assert finding in [fault.text.partition(": ")[2] for fault in chain.verify()]
    with pytest.raises(IllError):
        checks.audit()
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("verify_audit")


def test_a_digest_made_anew_does_not_fit_its_link(sealed):
    with guards_off():
        execute("UPDATE crm_auditentry SET actor_name = 'x' WHERE id = %s", sealed[1].pk)
        execute("UPDATE crm_auditentry e SET digest = crm_audit_digest(e) WHERE id = %s", sealed[1].pk)

    assert [fault.text for fault in chain.verify()] == ["link 2: link does not fit"]


def test_an_entry_slipped_in_later_is_found(sealed):
    with guards_off():
        execute("UPDATE crm_auditentry SET at = now() - interval '3 days' WHERE id = %s", sealed[0].pk)
        execute("UPDATE crm_auditentry e SET digest = crm_audit_digest(e) WHERE id = %s", sealed[0].pk)
        execute("DELETE FROM crm_auditseal WHERE entry_id = %s", sealed[0].pk)

    assert "entry was slipped in" in [fault.text for fault in chain.verify()]


def test_a_shorter_chain_is_not_as_long_as_its_noted_head(sealed):
    assert chain.noted_heads() == [chain.head()]
    earlier = chain.head()
    with guards_off():
        execute("DELETE FROM crm_auditseal WHERE position = 4")
        execute("DELETE FROM crm_auditentry WHERE id = %s", sealed[3].pk)

    assert chain.verify(heads=[]) == []
    assert [fault.entry_id for fault in chain.verify()] == [None]
    with pytest.raises(CommandError):
        call_command("verify_audit", "--head", earlier)


def test_a_person_is_forgotten_and_the_chain_holds():
    lead, other = factories.lead(full_name="Gone Girl"), factories.lead(full_name="Stays")
    note = Note.objects.create(lead=lead, text="about her")
    note.text = "more about her"
    note.save()
    chain.seal()
    number = lead.pk
    lead.delete()
    chain.seal()

    # The lead came and went; the note came, was changed and went with it.
    assert erase_leads([number]) == 5

    kept = str(list(AuditEntry.objects.values_list("before", "after")))
    assert "Gone Girl" not in kept
    assert "about her" not in kept
    assert "Stays" in kept
    assert Lead.objects.get() == other
    assert chain.verify() == []
    with pytest.raises(IntegrityError), transaction.atomic():
        execute("UPDATE crm_auditentry SET before = NULL, after = NULL, salt = NULL")


@pytest.mark.parametrize("given", ["x", "12", "a:b", ":"])
def test_a_head_that_is_none_is_refused(given):
    with pytest.raises(CommandError, match="is no head"):
        call_command("verify_audit", "--head", given)
