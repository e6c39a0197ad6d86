"""Shortcuts that are one letter can be switched off, by each person for themselves (WCAG 2.1.4)."""

from __future__ import annotations

import pytest

from crm.models import Agent
from crm.tests import factories
from crm.tests.pages.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def leo() -> Agent:
    return factories.agent(full_name="Leo Bell")


def test_each_person_switches_letters_off_and_on_again(leo: Agent):
    here, other = signed_in(leo), signed_in(factories.agent())
    assert 'data-letter-keys="off"' not in here.get("/leads").content.decode()

    at = "http://testserver/leads?scope=all"
    answer = here.post("/letter-keys", {"keys": "off"}, headers={"referer": at})

    assert answer.headers["Location"] == at
    page = here.get("/leads").content.decode()
    assert 'data-letter-keys="off"' in page
    assert 'name="keys" value="on"' in page
    assert 'data-letter-keys="off"' not in other.get("/leads").content.decode()
    here.post("/letter-keys", {"keys": "on"})
    leo.refresh_from_db()
    assert leo.has_letter_keys


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_nowhere_else(leo: Agent, where: str):
    answer = signed_in(leo).post("/letter-keys", {"keys": "off"}, headers={"referer": where})
    assert answer.headers["Location"] == "/dashboard"


def test_what_is_neither_on_nor_off_is_refused(leo: Agent):
    assert signed_in(leo).post("/letter-keys", {"keys": "perhaps"}).status_code == 400
    assert signed_in(leo).get("/letter-keys").status_code == 405
