"""/users/new and /users/<id>/edit: who may add and change whom, working hours, and the way in."""

from __future__ import annotations

import re
import smtplib
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from crm.models import Agent, Role, WorkingHours
from crm.tests import factories
from crm.tests.pages.people import People, signed_in

pytestmark = pytest.mark.django_db
NEW = {"full_name": "Nia New", "email": "nia@example.com", "timezone": "America/New_York", "role": "agent"}
STRONG = "a-quiet-harbour-42"


@pytest.fixture
def people() -> People:
    return People.create()


@pytest.fixture
def admin() -> Agent:
    return factories.agent(role=Role.ADMIN, is_staff=True, is_superuser=True, full_name="Ada Admin")


def edited(by: Agent, person: Agent, **changes: Any) -> int:
    """Change a person as the form sends it; return the status."""
    kept = {
        "full_name": person.full_name,
        "email": person.email,
        "timezone": person.timezone,
        "role": person.role,
        "is_active": "on",
    }
    return signed_in(by).post(f"/users/{person.pk}/edit", kept | changes).status_code


def test_managers_add_people_who_come_in_by_a_link_good_once(people: People, mailoutbox: Any):
    manager = signed_in(people.manager)
    answer = manager.post(
        "/users/new", NEW | {"team": people.agent.team_id, "is_bookable": "on", "phone": "3125550143"}
    )
    nia = Agent.objects.get(email="nia@example.com")
    assert answer.headers["Location"] == f"/users/{nia.pk}/edit"
    assert (nia.team, nia.phone, nia.is_bookable, nia.is_staff) == (people.agent.team, "+13125550143", True, False)
    assert not nia.has_usable_password()

    page = manager.post(f"/users/{nia.pk}/link").content.decode()
    link = re.search(r"(/welcome/[^\s\"]+)", mailoutbox[0].body)[1]
    assert mailoutbox[0].to == ["nia@example.com"]
    assert link in page

    theirs = Client()
    form = theirs.get(link, follow=True)
    assert form.headers["Referrer-Policy"] == "same-origin"
    weak = theirs.post(form.redirect_chain[-1][0], {"new_password1": "12345678", "new_password2": "12345678"})
    assert "_auth_user_id" not in theirs.session
    assert b"too common" in weak.content
    theirs.post(form.redirect_chain[-1][0], {"new_password1": STRONG, "new_password2": STRONG})
    assert theirs.session["_auth_user_id"] == str(nia.pk)
    assert "used up" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("name", ["agent", "mate", "stranger"])
def test_agents_add_nobody_and_change_only_themselves(people: People, name: str):
    person = people.each()[name]
    assert signed_in(person).get("/users/new").status_code == 403
    assert signed_in(person).post("/users/new", NEW).status_code == 403
    for other in people.each().values():
        mine = other.pk == person.pk
        for path in ("edit", "hours", "link"):
            status = signed_in(person).post(f"/users/{other.pk}/{path}", {}).status_code
            assert (status == 403) is (not mine or path == "link"), (other, path)
    assert Agent.objects.count() == 4

    assert edited(person, person, full_name="My Name", role="admin", team="", email="x@example.com") == 302
    now = Agent.objects.get(pk=person.pk)
    assert (now.full_name, now.role, now.team, now.email) == ("My Name", Role.AGENT, person.team, person.email)


def test_managers_neither_make_nor_touch_administrators(people: People, admin: Agent):
    assert signed_in(people.manager).post("/users/new", NEW | {"role": "admin"}).status_code == 422
    assert edited(people.manager, people.agent, role="admin") == 422
    assert edited(people.manager, admin, full_name="Mine") == 403
    assert signed_in(people.manager).post(f"/users/{admin.pk}/link").status_code == 403
    assert not Agent.objects.filter(role=Role.ADMIN).exclude(pk=admin.pk).exists()

    assert edited(admin, people.manager, role="admin") == 302
    assert Agent.objects.get(pk=people.manager.pk).is_superuser
    assert edited(admin, people.manager, role="agent") == 302
    assert not Agent.objects.get(pk=people.manager.pk).is_superuser


def test_nobody_locks_themselves_out(admin: Agent):
    assert edited(admin, admin, role="agent", is_active="") == 302
    now = Agent.objects.get(pk=admin.pk)
    assert (now.role, now.is_active) == (Role.ADMIN, True)


def test_who_left_is_signed_out_and_gets_no_link(people: People):
    theirs = signed_in(people.agent)
    assert edited(people.manager, people.agent, is_active="") == 302
    assert theirs.get("/leads").status_code == 302
    assert signed_in(people.manager).post(f"/users/{people.agent.pk}/link").status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "agentless"),
        ("email", "TAKEN@example.com"),
        ("phone", "call me"),
        ("timezone", "Mars/Base"),
        ("timezone", "localtime"),
        ("full_name", "\0"),
        ("full_name", "x" * 151),
        ("team", "99999999999999999999"),
        ("role", "king"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_kept(people: People, field: str, value: str):
    factories.agent(email="taken@example.com")
    before = Agent.objects.count()
    answer = signed_in(people.manager).post("/users/new", NEW | {field: value})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert Agent.objects.count() == before
    assert edited(people.manager, people.agent, **{field: value}) == 422


def test_a_week_is_written_as_people_write_it(people: People):
    week = {"day_0": "9-17", "day_1": "9:00–12:00, 13.30-18:00", "day_5": "22:00-24:00", "day_6": ""}
    assert signed_in(people.agent).post(f"/users/{people.agent.pk}/hours", week).status_code == 302
    rows = WorkingHours.objects.filter(agent=people.agent).order_by("weekday", "start_minute")
    assert list(rows.values_list("weekday", "start_minute", "end_minute")) == [
        (0, 540, 1020),
        (1, 540, 720),
        (1, 810, 1080),
        (5, 1320, 1440),
    ]
    page = signed_in(people.agent).get(f"/users/{people.agent.pk}/edit").content.decode()
    assert "09:00–12:00, 13:30–18:00" in page


@pytest.mark.parametrize("text", ["17-9", "9-25", "9:75-10", "9-12, 11-14", "nine to five", "9", "9-9"])
def test_a_week_that_cannot_be_is_refused_whole(people: People, text: str):
    before = list(WorkingHours.objects.filter(agent=people.agent).values_list("pk", flat=True))
    answer = signed_in(people.agent).post(f"/users/{people.agent.pk}/hours", {"day_0": "9-17", "day_1": text})
    assert answer.status_code == 422
    assert list(WorkingHours.objects.filter(agent=people.agent).values_list("pk", flat=True)) == before


def test_without_a_mail_server_the_link_is_shown(people: People, monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise smtplib.SMTPException

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)
    page = signed_in(people.manager).post(f"/users/{people.agent.pk}/link").content.decode()
    assert "could not be sent" in page
    assert "/welcome/" in page


def test_a_forged_link_is_worth_nothing(people: People):
    assert "used up" in Client().get("/welcome/MQ/abc-def").content.decode()
    assert "used up" in Client().get("/welcome/%00/set-password").content.decode()


def test_the_list_leads_there(people: People):
    assert "/users/new" in signed_in(people.manager).get("/users").content.decode()
    page = signed_in(people.agent).get("/users").content.decode()
    assert "/users/new" not in page
    assert re.findall(r"/users/(\d+)/edit", page) == [str(people.agent.pk)]
