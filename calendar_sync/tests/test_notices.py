"""Who is told what, and how often: on the pages, and by e-mail when a connection broke."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import translation

from calendar_sync import alerts, tasks, tokens
from calendar_sync.models import Notice, NoticeKind
from calendar_sync.notices import raise_notice, resolve_notice
from calendar_sync.tests import factories
from crm.erasure import erase_person
from crm.models import Agent, Role
from crm.models.notices import Notice as BellNotice
from crm.notice_words import line
from crm.tests import factories as crm


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> list[int]:
    """The notices that were to be mailed."""
    notices: list[int] = []
    monkeypatch.setattr(tasks.send_notice, "delay", notices.append)
    return notices


@pytest.fixture
def agent(db) -> Agent:
    return crm.agent(team=crm.team())


def told() -> set[str]:
    return {address for message in mail.outbox for address in message.to}


def test_a_finding_is_told_once(agent):
    first = raise_notice(NoticeKind.CLASH, agent, key="clash:1", text="A clash", cure="Move it")

    again = raise_notice(NoticeKind.CLASH, agent, key="clash:1", text="A clash at ten", data={"n": 2})

    assert again.pk == first.pk
    assert (again.text, again.cure, again.data, again.created_at) == ("A clash at ten", "", {"n": 2}, first.created_at)


def test_the_bell_says_what_to_do(agent):
    """The agent and their manager read the cure where they read what is wrong, and nobody else reads either."""
    raise_notice(
        NoticeKind.CONNECTION, agent, key="connection:1", text="The sign-in was revoked.", cure="Sign in again."
    )

    lines = BellNotice.objects.filter(event="calendar_problem")
    assert {line.data["text"] for line in lines} == {f"{agent}: The sign-in was revoked. Sign in again."}
    assert agent.pk in {line.person_id for line in lines}


def test_each_reader_is_told_in_their_language(agent):
    """A worker that finds something out reads in no language; who reads of it does."""
    agent.language = "es"
    agent.save(update_fields=["language"])
    admin = crm.agent(role=Role.ADMIN)
    with translation.override("es"):
        tokens.mark_broken(factories.connection(agent).pk, "AADSTS50173")
    notice = agent.calendar_notices.get()

    assert alerts.send(notice.pk) == 2
    letters = {letter.to[0]: letter for letter in mail.outbox}
    assert letters[agent.email].subject == "Pete: Su calendario"
    assert "Vuelva a conectar Microsoft 365" in letters[agent.email].body
    assert letters[admin.email].subject == f"Pete: Calendar of {agent}"
    assert "Reconnect Microsoft 365" in letters[admin.email].body
    bell = BellNotice.objects.filter(person=agent).select_related("lead").get()
    for language, words in (("es", "Vuelva a conectar"), ("en", "Reconnect")):
        with translation.override(language):
            assert words in line(bell).text


def test_what_comes_again_is_news(agent):
    first = raise_notice(NoticeKind.CLASH, agent, key="clash:1", text="A clash")
    assert resolve_notice("clash:1")
    assert not resolve_notice("clash:1")

    again = raise_notice(NoticeKind.CLASH, agent, key="clash:1", text="A clash")

    assert (again.pk, again.resolved_at) == (first.pk, None)
    assert again.created_at >= first.created_at


def test_long_words_are_cut(agent):
    notice = raise_notice(NoticeKind.DRIFT, agent, key="drift", text="x" * 900, cure="y" * 900)

    assert (len(notice.text), len(notice.cure)) == (500, 500)


def test_a_broken_connection_is_mailed_once_each_time(agent, sent, django_capture_on_commit_callbacks):
    row = factories.connection(agent)
    with django_capture_on_commit_callbacks(execute=True):
        tokens.mark_broken(row.pk, "AADSTS50173")
        tokens.mark_broken(row.pk, "AADSTS50173")
        raise_notice(NoticeKind.MOVED, agent, key="moved:1", text="A viewing was moved")
    assert len(sent) == 1

    with django_capture_on_commit_callbacks(execute=True):
        resolve_notice(tokens.notice_key(row))
        tokens.mark_broken(row.pk, "AADSTS50173")

    assert len(sent) == 2


def test_exactly_the_agent_and_their_managers_are_written_to(agent):
    crm.agent(team=agent.team)
    crm.agent(team=crm.team(), role=Role.MANAGER)
    crm.agent(team=agent.team, role=Role.MANAGER, is_active=False)
    manager = crm.agent(team=agent.team, role=Role.MANAGER)
    of_all = crm.agent(role=Role.MANAGER)
    admin = crm.agent(role=Role.ADMIN)
    tokens.mark_broken(factories.connection(agent).pk, "AADSTS50173")
    notice = agent.calendar_notices.get()

    assert alerts.send(notice.pk) == 4

    assert told() == {agent.email, manager.email, of_all.email, admin.email}
    own = next(message for message in mail.outbox if message.to == [agent.email])
    assert own.subject == "Pete: Your calendar"
    assert "password reset" in own.body
    assert "Reconnect Microsoft 365" in own.body
    assert f"/users/{agent.pk}" in own.body
    assert alerts.send(notice.pk) == 0


def test_a_fault_of_the_installation_goes_to_its_administrators(agent):
    admin = crm.agent(role=Role.ADMIN)
    tokens.mark_broken(factories.connection(agent).pk, "AADSTS7000222")

    alerts.send(agent.calendar_notices.get().pk)

    assert told() == {admin.email}
    assert mail.outbox[0].subject == "Pete: No access to Microsoft 365"


def test_what_is_over_is_not_mailed(agent):
    notice = raise_notice(NoticeKind.CONNECTION, agent, key="connection:1", text="Broken")
    resolve_notice("connection:1")

    assert alerts.send(notice.pk) == 0
    assert not mail.outbox


def test_a_mailer_that_fails_half_way_writes_to_nobody_twice(agent, monkeypatch):
    crm.agent(role=Role.ADMIN)
    notice = raise_notice(NoticeKind.CONNECTION, agent, key="connection:1", text="Broken")
    write, calls = alerts._write, []

    def failing(about, person):
        calls.append(person.pk)
        if len(calls) == 2:
            raise smtplib.SMTPServerDisconnected
        write(about, person)

    monkeypatch.setattr(alerts, "_write", failing)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        alerts.send(notice.pk)

    assert alerts.send(notice.pk) == 1
    assert len(mail.outbox) == len(told()) == 2


def test_a_notice_goes_with_the_person_it_names(agent):
    home, lead, other = crm.listing(agent), crm.lead(full_name="Zoe"), crm.lead()
    at = datetime(2030, 1, 7, 15, tzinfo=UTC)
    for number, who in enumerate((lead, other)):
        viewing = crm.appointment(agent, home, at + timedelta(hours=number), lead=who)
        Notice.objects.create(
            kind=NoticeKind.MOVED, agent=agent, appointment=viewing, text=f"With {who}", key=str(number)
        )

    erase_person(lead)

    assert [notice.appointment.lead for notice in Notice.objects.all()] == [other]
