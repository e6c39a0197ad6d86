"""Who is told of what, once, and where."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from crm import notice_causes, notice_mail, notices, signals
from crm.claims import claim
from crm.lead_editing import create_lead, edit_lead
from crm.models import (
    Agent,
    Appointment,
    Lead,
    LeadStage,
    Notice,
    NoticeKind,
    NoticeWishes,
    OutgoingMessage,
    Role,
    Task,
    TaskKind,
)
from crm.notes import write_note
from crm.notice_words import line
from crm.quiet import quiet_until
from crm.tests import factories

pytestmark = pytest.mark.django_db
NOON = factories.at(date(2027, 6, 1), 12)


@pytest.fixture
def team():
    return factories.team()


@pytest.fixture
def ana(team) -> Agent:
    return factories.agent(team=team, full_name="Ana Reyes", email="ana.r@example.com")


@pytest.fixture
def mate(team) -> Agent:
    return factories.agent(team=team, full_name="Leo Bell")


@pytest.fixture
def stranger() -> Agent:
    return factories.agent(full_name="Kim Wu")


@pytest.fixture
def boss() -> Agent:
    return factories.agent(role=Role.MANAGER, full_name="Dana Whitfield")


def told(*people: Agent) -> list[list[str]]:
    return [[line(row).text for row in notices.unread(person).select_related("lead")] for person in people]


def qualify(lead: Lead, by: Agent) -> None:
    edit_lead(lead=lead, values={"stage": LeadStage.QUALIFIED}, agent=by, actor="staff")


def test_a_hot_lead_of_nobody_is_told_to_everybody_until_somebody_claims_it(ana, mate, stranger, boss):
    lead = factories.lead(full_name="Sara Santos")
    qualify(lead, boss)
    edit_lead(lead=lead, values={"location": "Pilsen"}, agent=boss, actor="staff")
    assert told(ana, mate, stranger, boss) == [["Sara Santos is ready to view and belongs to nobody"]] * 4

    claim(lead, ana)

    assert told(ana, mate, stranger, boss) == [[], [], [], []]


def test_a_new_lead_that_is_not_hot_or_not_nobodys_is_no_news(ana, boss):
    create_lead(values={"phone": "+13125550001"}, agent=boss, actor="staff")
    create_lead(values={"phone": "+13125550002", "stage": "qualified", "owner": ana}, agent=ana, actor="staff")
    assert told(ana, boss) == [[], []]


def test_whoever_is_given_a_lead_hears_by_whom_and_nobody_else_does(ana, mate, stranger, boss):
    lead = factories.lead(full_name="Sara Santos")
    edit_lead(lead=lead, values={"owner": ana}, agent=boss, actor="staff")
    assert told(ana, mate, stranger, boss) == [["Dana Whitfield gave you Sara Santos"], [], [], []]


def test_a_lead_that_went_out_of_sight_is_seen_no_more(ana, stranger, boss):
    lead = factories.lead()
    edit_lead(lead=lead, values={"owner": ana}, agent=boss, actor="staff")
    edit_lead(lead=lead, values={"owner": stranger}, agent=boss, actor="staff")

    assert told(ana) == [[]]
    assert len(told(stranger)[0]) == 1


def announce(signal, viewing: Appointment, **more) -> None:
    signal.send_robust(sender=Appointment, appointment=viewing, **more)


def test_changes_of_a_viewing_reach_who_shows_it_and_who_owns_the_lead(ana, mate, stranger):
    lead = factories.lead(owner=mate, full_name="Sara Santos")
    viewing = factories.appointment(ana, factories.listing(ana, address="1 Oak Street"), NOON, lead=lead)
    for signal in (signals.appointment_booked, signals.appointment_booked, signals.appointment_cancelled):
        announce(signal, viewing)

    seen_by_ana, seen_by_mate, seen_by_stranger = told(ana, mate, stranger)
    assert [text.split(":")[0] for text in seen_by_ana] == ["Viewing cancelled", "Viewing booked"]
    assert "Sara Santos at 1 Oak Street, Tuesday 1 June, 12:00" in seen_by_ana[0]
    assert seen_by_mate == seen_by_ana
    assert seen_by_stranger == []


def test_who_did_it_is_not_told_of_it(ana):
    viewing = factories.appointment(ana, factories.listing(ana), NOON)
    announce(signals.appointment_booked, viewing, by=ana)
    assert told(ana) == [[]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@Ana please call", ["Ana Reyes"]),
        ("ask @leo bell, @dana", ["Leo Bell", "Dana Whitfield"]),
        ("@ana.r@example.com", ["Ana Reyes"]),
        ("mail ana.r@example.com", []),
        ("@Anabel", []),
        ("nobody", []),
    ],
)
def test_a_note_reaches_whom_it_names(ana, mate, boss, text, names):
    lead = factories.lead()
    write_note(lead=lead, text=text, agent=factories.agent(full_name="Omar Ali"))
    rows = Notice.objects.filter(event="mentioned").select_related("person")
    assert {row.person.full_name for row in rows} == set(names)


def test_two_anas_are_not_told_apart_by_their_first_name(ana):
    factories.agent(full_name="Ana Cruz")
    assert notice_causes.mentioned("@Ana") == []
    assert notice_causes.mentioned("@Ana Reyes") == [ana]


def test_a_task_that_falls_due_is_told_once(ana, boss):
    now = timezone.now()
    Task.objects.create(kind=TaskKind.CALLBACK, text="Call back", due_at=now, assignee=ana, key="1")
    Task.objects.create(kind=TaskKind.CALLBACK, text="Nobody's", due_at=now, lead=factories.lead(), key="2")
    Task.objects.create(kind=TaskKind.CALLBACK, text="Later", due_at=now + timedelta(hours=1), assignee=ana, key="3")

    assert notice_causes.tell_of_due_tasks(now) == 2
    assert notice_causes.tell_of_due_tasks(now) == 0
    assert [len(lines) for lines in told(ana, boss)] == [1, 1]


def test_managers_hear_of_a_hot_lead_that_waits(ana, boss):
    lead = factories.lead(stage=LeadStage.QUALIFIED)
    late = timezone.now() + timedelta(minutes=16)

    assert notice_causes.tell_of_waiting_leads() == 0
    assert notice_causes.tell_of_waiting_leads(late) == 1
    assert notice_causes.tell_of_waiting_leads(late) == 0
    assert [row.lead for row in notices.unread(boss)] == [lead]
    assert told(ana) == [[]]


def test_a_message_that_failed_for_good_is_told(ana, boss):
    message = OutgoingMessage(pk=7, lead=factories.lead(owner=ana, full_name="Sara"), subject="Your viewing")
    signals.message_failed.send(sender=OutgoingMessage, message=message)
    assert told(ana, boss) == [["An e-mail to Sara did not go out: Your viewing"], []]


def test_wishes_decide_where(ana):
    NoticeWishes.objects.create(person=ana, channels={"sla": [], "mention": ["email"], "hot_lead": ["page"]})
    for kind in (NoticeKind.SLA, NoticeKind.MENTION, NoticeKind.HOT_LEAD, NoticeKind.ASSIGNMENT):
        notices.notify([ana], "assigned", kind=kind, key=kind)

    rows = {row.kind: (row.in_page, row.in_browser, bool(row.email_due_at)) for row in Notice.objects.all()}
    assert rows == {
        "mention": (False, False, True),
        "hot_lead": (True, False, False),
        # What the grid does not know yet is as for everybody.
        "assignment": (True, True, False),
    }


def test_in_quiet_hours_the_browser_is_silent_and_mail_waits(ana):
    NoticeWishes.objects.create(
        person=ana, channels={"sla": ["page", "browser", "email"]}, quiet_from=time(0, 0), quiet_until=time(23, 59)
    )
    notices.notify([ana], "task_due", kind=NoticeKind.SLA, key="k")

    row = Notice.objects.get()
    assert (row.in_page, row.in_browser) == (True, False)
    assert row.email_due_at is not None
    assert row.email_due_at > timezone.now() or timezone.now().astimezone(factories.CHICAGO).time() >= time(23, 59)


@pytest.mark.parametrize(
    ("hour", "until"),
    [
        (23, datetime(2027, 6, 2, 7, tzinfo=factories.CHICAGO)),
        (3, datetime(2027, 6, 1, 7, tzinfo=factories.CHICAGO)),
        (12, None),
    ],
)
def test_quiet_hours_go_over_midnight(hour, until):
    wishes = NoticeWishes(quiet_from=time(22), quiet_until=time(7))
    now = datetime(2027, 6, 1, hour, tzinfo=factories.CHICAGO).astimezone(UTC)
    assert quiet_until(wishes, now, "America/Chicago") == until


def test_mail_for_a_person_is_one_letter_and_goes_once(ana):
    NoticeWishes.objects.create(person=ana, channels={"sla": ["page", "email"]})
    lead = factories.lead(owner=ana, full_name="Sara")
    data = {"by": "Dana"}
    for key in ("a", "b"):
        notices.notify([ana], "assigned", kind=NoticeKind.SLA, key=key, lead=lead, data=data)

    assert (notice_mail.send_due(), notice_mail.send_due()) == (1, 0)

    (letter,) = mail.outbox
    assert letter.to == ["ana.r@example.com"]
    assert letter.body.count("Dana gave you Sara") == 2


def test_words_stand_in_for_what_an_old_line_lacks(ana):
    notices.notify([ana], "viewing_booked", kind=NoticeKind.SLA, key="k")
    notices.notify([ana], "gone_event", kind=NoticeKind.SLA, key="l")
    assert sorted(told(ana)[0]) == ["Something changed for unknown caller", "Viewing booked: unknown caller at ?, ?"]
