"""The language is the person's: on their pages, in every browser, and in what is sent to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client
from django.utils import translation

from crm import notice_mail, notices, staffing, telling
from crm.languages import speaking_to
from crm.models import Agent, Notice, NoticeKind, OutgoingMessage
from crm.tests import factories
from crm.tests.pages.people import signed_in

pytestmark = pytest.mark.django_db
ENGLISH, SPANISH = {"accept-language": "en"}, {"accept-language": "es"}


@pytest.fixture
def ana() -> Agent:
    return factories.agent(full_name="Ana Reyes", email="ana.r@example.com", language="es", timezone="Europe/Madrid")


def heading(client: Client, **headers: str) -> str:
    answer = client.get("/leads", headers=headers)
    return "Interesados" if "Interesados" in answer.content.decode() else answer.headers["Content-Language"]


def test_the_menu_sets_the_language_of_the_person_in_every_browser():
    leo = factories.agent(full_name="Leo Bell")
    here, elsewhere = signed_in(leo), signed_in(leo)

    answer = here.post("/language", {"language": "es", "next": "/leads"})

    leo.refresh_from_db()
    assert (answer.headers["Location"], leo.language) == ("/leads", "es")
    assert heading(elsewhere, **ENGLISH) == "Interesados"
    assert elsewhere.get("/leads", headers=ENGLISH).headers["Content-Language"] == "es"


def test_without_a_choice_pages_follow_the_browser_and_a_choice_wins(ana: Agent):
    leo = factories.agent(full_name="Leo Bell")
    assert heading(signed_in(leo), **SPANISH) == "Interesados"
    assert heading(signed_in(leo), **ENGLISH) == "en"

    Agent.objects.filter(pk=ana.pk).update(language="en")
    assert heading(signed_in(ana), **SPANISH) == "en"


def test_signed_out_pages_follow_the_browser_and_then_the_cookie(client: Client):
    assert client.get("/login", headers=SPANISH).headers["Content-Language"] == "es"
    client.post("/language", {"language": "en", "next": "/login"})
    assert client.get("/login", headers=SPANISH).headers["Content-Language"] == "en"


@pytest.mark.parametrize("language", ["", "tlh", "es\n", "../es"])
def test_a_language_that_is_not_there_changes_nothing(ana: Agent, language: str):
    assert signed_in(ana).post("/language", {"language": language}).status_code == 302
    ana.refresh_from_db()
    assert ana.language == "es"


def test_a_language_that_is_gone_follows_the_browser(ana: Agent):
    Agent.objects.filter(pk=ana.pk).update(language="tlh")
    assert heading(signed_in(ana), **SPANISH) == "Interesados"


def test_a_stranger_costs_no_query(client: Client, django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        assert client.get("/login").status_code == 200


def test_without_the_database_the_language_is_the_browsers(monkeypatch: Any):
    """What needs no database, /ready for one, still answers whoever is signed in."""
    client = signed_in(factories.agent(language="es"))

    def away(self: Any) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(SessionStore, "load", away)
    assert client.get("/health", headers=ENGLISH).json() == {"status": "ok"}


def test_notices_by_e_mail_are_in_the_readers_language_and_on_their_clocks(ana: Agent, mailoutbox: Any):
    data = {"listing": "12 Elm", "starts_at": "2026-06-18T13:00:00+00:00"}
    notices.notify([ana], "viewing_moved", kind=NoticeKind.VIEWING_CHANGE, key="moved:1", data=data)
    Notice.objects.update(email_due_at=datetime(2026, 1, 1, tzinfo=UTC))

    notice_mail.send_due()

    (letter,) = mailoutbox
    assert letter.subject.startswith("Pete: Visita ")
    assert "jueves 18 de junio, 15:00" in letter.body
    assert "/notifications?show=wishes" in letter.body


def test_the_way_in_is_in_the_language_of_who_comes_in(ana: Agent, mailoutbox: Any):
    with translation.override("en"):
        staffing.send_welcome(ana, "http://desk/welcome/x")
        staffing.send_welcome(factories.agent(email="leo@example.com"), "http://desk/welcome/x")

    assert [letter.subject for letter in mailoutbox] == ["Su acceso a Pete", "Your way into Pete"]


def test_an_agent_reads_of_their_viewing_in_their_language_whoever_books_it(ana: Agent):
    appointment = factories.appointment(ana, factories.listing(ana), datetime(2026, 11, 24, 14, tzinfo=UTC))
    by = factories.agent(full_name="Dana Whitfield", language="en")
    with translation.override("en"):
        telling.tell(appointment, telling.BOOKED, [telling.AGENT], by=by)

    message = OutgoingMessage.objects.get()
    assert message.subject.startswith("Dana Whitfield ha reservado una visita")
    assert message.subject.endswith("mar 24 nov, 15:00 CET.")


def test_who_chose_nothing_is_written_to_in_english_whoever_writes():
    leo = factories.agent(full_name="Leo Bell")
    with translation.override("es"), speaking_to(leo):
        assert translation.get_language() == "en"
