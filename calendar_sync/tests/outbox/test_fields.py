"""What an agent writes into a viewing's event is theirs: only what changed in Pete is written, and only there."""

from __future__ import annotations

import pytest

from calendar_sync import fields, outbox, pushing
from calendar_sync.events import BEGIN, END
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import ELEVEN, TEN, only_link, statuses
from crm import booking
from crm.lead_editing import edit_lead

pytestmark = pytest.mark.django_db
NOTES = "<p>Bring the <b>second</b> key &amp; a torch.</p>"


@pytest.fixture
def outlook(desk):
    return desk.sandbox.outlook(ADA)


def body(desk) -> str:
    return desk.event().fields["body"]["content"]


def shown(desk, outlook) -> str:
    """Return the body as Outlook shows it before anybody edits it."""
    lines = body(desk).replace("\n", "<br>\r\n")
    return f"<html><body><div>{lines}</div></body></html>"


def add_notes(desk, outlook, html: str | None = None) -> None:
    html = html or shown(desk, outlook).replace("</body>", f"{NOTES}</body>")
    outlook.edit(desk.event().id, body={"contentType": "html", "content": html}, subject="With Jane")


def rename(desk, name: str = "Jane Smith") -> None:
    edit_lead(lead=desk.lead, values={"full_name": name}, agent=desk.agent, actor="staff")
    desk.settle()


@pytest.mark.parametrize("is_read", [True, False])
def test_a_move_in_pete_leaves_the_agents_own_words_alone(desk, outlook, is_read):
    appointment = desk.booked()
    add_notes(desk, outlook)
    if is_read:
        Calendar.objects.update(hinted_at=TEN)
        sync_calendar(Calendar.objects.get().pk)
    before = body(desk)

    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    desk.settle()

    assert (desk.event().start, body(desk), desk.event().fields["subject"]) == (ELEVEN, before, "With Jane")


def test_nothing_new_is_no_write(desk):
    appointment = desk.booked()
    etag = desk.event().etag

    outbox.enqueue(appointment)
    pushing.push_due()

    assert (desk.asked("PATCH"), desk.event().etag, statuses()) == ([], etag, ["done"] * 2)


def test_new_words_replace_petes_lines_and_nothing_else(desk, outlook):
    desk.booked()
    add_notes(desk, outlook)

    rename(desk)

    assert NOTES in body(desk)
    assert "Lead: Jane Smith" in body(desk)
    assert "Jane Doe" not in body(desk)
    assert body(desk).count(BEGIN) == body(desk).count(END) == 1
    assert desk.event().fields["subject"].endswith("Jane Smith")
    # And once more, now that it is HTML.
    rename(desk, "Jane <Miller>")
    assert NOTES in body(desk)
    assert "Lead: Jane &lt;Miller&gt;" in body(desk)
    assert body(desk).count(BEGIN) == 1


def test_whoever_takes_the_marks_away_gets_the_lines_above_their_own(desk, outlook):
    desk.booked()
    add_notes(desk, outlook, f"<html><body lang=en>{NOTES}</body></html>")

    rename(desk)

    assert body(desk).startswith(f"<html><body lang=en><div>{BEGIN}")
    assert body(desk).endswith(f"{NOTES}</body></html>")


def test_a_subject_of_ones_own_stays_until_pete_has_another(desk, outlook):
    desk.booked()
    outlook.edit(desk.event().id, subject="With Jane")

    desk.listing.access_notes = "Ring twice."
    desk.listing.save()
    outbox.enqueue(only_link().appointment)
    desk.settle()

    assert desk.event().fields["subject"] == "With Jane"
    assert "Ring twice." in body(desk)


def test_notes_are_kept_by_who_connects_again(desk, outlook):
    desk.booked()
    add_notes(desk, outlook)
    link = only_link()
    outbox.forget_event(link)
    link.generation = 1
    link.save()

    outbox.enqueue(link.appointment)
    desk.settle()

    assert NOTES in body(desk)
    assert desk.event().id == only_link().event_id


BLOCK = f"{BEGIN}\nnew\n{END}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<p>a</p><p>{BEGIN}<br>old<br>{END}</p><p>b</p>", "<p>a</p><p>BLOCK</p><p>b</p>"),
        (f"<p>a {BEGIN}</p><p>old</p><p>{END} b</p>", "<p>a BLOCK b</p>"),
        (f"<div>{BEGIN}<b>old {END}</b></div>", "<div>BLOCK<b></b></div>"),
        (f"<p>{BEGIN.replace(' ', '&nbsp;')} old\r\n{END.replace(' ', chr(10))}</p>", "<p>BLOCK</p>"),
        ("<p>mine</p>", "<div>BLOCK</div><br>\r\n<p>mine</p>"),
        ("<html><body>&nbsp;</body></html>", "<html><body><div>BLOCK</div></body></html>"),
        ("", "<html><body><div>BLOCK</div></body></html>"),
    ],
)
def test_lines_are_replaced_whatever_outlook_made_of_them(before, after):
    block = BLOCK.replace("\n", "<br>\r\n")

    assert fields.merged(before, BLOCK, is_ours=False) == after.replace("BLOCK", block)
