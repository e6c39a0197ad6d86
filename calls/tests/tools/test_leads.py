from __future__ import annotations

from datetime import timedelta

import pytest

from calls.tests.tools.conftest import NOW, NUMBER, at, caller
from crm.models import AuditEntry, Lead, OutgoingMessage, Task
from crm.tests import factories

# --- save_lead


def test_what_the_caller_says_lands_on_their_lead(ask) -> None:
    answer = ask(
        "save_lead", full_name="Jane Roe", budget="$1,800 a month", timeline="3 months", bedrooms="two", pets=True
    )

    lead = Lead.objects.get()
    assert answer.text == (
        "Saved: full name Jane Roe, budget $1,800 a month, timeline 3 months, bedrooms 2 and pets yes."
    )
    assert answer.facts == {
        "full_name": "Jane Roe",
        "budget": 1800,
        "timeline": "3 months",
        "bedrooms": 2,
        "pets": "yes",
    }
    assert (lead.phone, lead.full_name, lead.budget, lead.timeline, lead.bedrooms, lead.stage) == (
        NUMBER,
        "Jane Roe",
        1800,
        "3 months",
        2,
        "qualified",
    )


def test_another_number_does_not_become_the_callers(ask) -> None:
    other = factories.lead(phone="+13125550000", full_name="Other Person")

    ask("save_lead", full_name="Jane Q Roe", phone=other.phone)

    other.refresh_from_db()
    assert other.full_name == "Other Person"
    assert Lead.objects.get(phone=NUMBER).full_name == "Jane Q Roe"


@pytest.mark.parametrize("arguments", [{}, {"shoe_size": 9}, {"budget": "lots"}, {"bedrooms": []}, {"full_name": None}])
def test_nothing_to_save_is_said_so(ask, arguments: dict) -> None:
    answer = ask("save_lead", **arguments)

    assert answer.code == "bad_arguments"
    assert not Lead.objects.exists()


def test_an_address_that_is_none_is_asked_for_again(ask) -> None:
    answer = ask("save_lead", full_name="Jane Roe", email="jane at")

    assert answer.code == "bad_email"
    assert not Lead.objects.exists()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("jane@example.com", "jane@example.com"),
        (" Jane@Example.COM. ", "jane@example.com"),
        ("jane dot roe at example dot com", "jane.roe@example.com"),
        ("j underscore roe at example dot co dot uk", "j_roe@example.co.uk"),
        ("jane @ example.com", "jane@example.com"),
    ],
)
def test_addresses_are_read_as_they_are_said(ask, said: str, written: str) -> None:
    assert ask("save_lead", email=said).facts == {"email": written}


# --- request_callback


def test_a_callback_at_a_time_becomes_a_task_due_then(ask) -> None:
    answer = ask("request_callback", reason="Wants a person", when="tomorrow at 10")

    task = Task.objects.get()
    assert answer.text == "Noted: a colleague will call back, Wednesday 2 June at 10 AM, tomorrow."
    assert (task.kind, task.due_at, task.lead.phone, task.call_id) == (
        "callback",
        at(2, 10),
        NUMBER,
        caller().call_id,
    )
    assert "Wants a person" in task.text


@pytest.mark.parametrize(
    ("when", "due_at"),
    [
        (None, NOW + timedelta(minutes=15)),
        ("after work", NOW + timedelta(minutes=15)),
        ("this afternoon", at(1, 12)),
        ("Thursday", at(3, 9)),
        ("Thursday evening", at(3, 17)),
    ],
)
def test_a_loose_wish_is_due_when_it_may_first_suit(ask, when: str | None, due_at: object) -> None:
    answer = ask("request_callback", when=when)

    task = Task.objects.get()
    assert answer.ok
    assert task.due_at == due_at
    assert (when or "") in task.text


def test_a_callback_in_the_past_is_refused(ask) -> None:
    assert ask("request_callback", when="yesterday at 3").code == "past_time"
    assert not Task.objects.exists()


def test_the_same_wish_twice_is_one_task(ask) -> None:
    for _ in range(2):
        ask("request_callback", reason="x")
        ask("request_callback", reason="x", when="tomorrow at 10")

    assert Task.objects.count() == 2


# --- send_confirmation_email


@pytest.fixture
def booked(ask, home) -> None:
    ask("set_appointment", start_time="Thursday at three", attendee_name="Jane Roe")


def test_a_confirmation_is_queued_once(ask, home, booked) -> None:
    answer = ask("send_confirmation_email", attendee_email="jane@example.com")
    ask("send_confirmation_email")

    message = OutgoingMessage.objects.get()
    assert answer.text == "A confirmation is on its way to jane@example.com."
    assert (message.to, message.lead.phone, message.subject) == (
        "jane@example.com",
        NUMBER,
        "Your viewing: 412 Oak Street",
    )
    assert "When: Thursday 3 June at 3 PM (CDT)\nWhere: 412 Oak Street\nWith: Anna Agent" in message.body
    assert Lead.objects.get().email == "jane@example.com"


def test_a_moved_viewing_is_confirmed_anew(ask, booked) -> None:
    ask("send_confirmation_email", attendee_email="jane@example.com")
    ask("reschedule_appointment", new_start_time="four")
    ask("send_confirmation_email")

    assert OutgoingMessage.objects.count() == 2


def test_the_viewing_just_booked_is_meant_among_several(ask, booked) -> None:
    ask("set_appointment", start_time="Friday at ten", attendee_name="Jane Roe")

    ask("send_confirmation_email", attendee_email="jane@example.com")

    assert OutgoingMessage.objects.get().appointment.starts_at == at(4, 10)


def test_refusals_of_a_confirmation(ask, home) -> None:
    assert ask("send_confirmation_email", attendee_email="not an email").code == "bad_email"
    assert ask("send_confirmation_email", attendee_email="jane@example.com").code == "no_viewing"
    ask("set_appointment", start_time="Thursday at three")
    assert ask("send_confirmation_email", attendee_email="jane@example.com").code == "bad_arguments"
    ask("set_appointment", start_time="Thursday at three", attendee_name="Jane Roe")
    assert ask("send_confirmation_email").text.startswith("[bad_email] I have no e-mail address.")
    assert not OutgoingMessage.objects.exists()


def test_the_audit_names_the_assistant_and_its_call(ask) -> None:
    ask("save_lead", full_name="Jane Roe", timeline="soon")

    made = AuditEntry.objects.filter(table_name="crm_lead").values_list("actor_kind", "actor_id", "via")
    assert set(made) == {("assistant", "call-1", "call call-1")}
