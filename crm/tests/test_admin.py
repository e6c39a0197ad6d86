"""Django admin opens for administrators, page by page."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from crm.models import Agent, ApiToken, OfficeSettings
from crm.tokens import issue_token

REGISTERED = [model for model in admin.site._registry if model._meta.app_label in ("crm", "calls")]


@pytest.fixture
def administrator(db):
    return Agent.objects.create_superuser("ada@example.com", "long enough 123", full_name="Ada")


@pytest.fixture
def browser(administrator):
    client = Client()
    client.force_login(administrator)
    return client


def url(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_every_list_and_form_opens(browser, model):
    assert browser.get(url(model, "changelist")).status_code == 200
    assert browser.get(url(model, "changelist"), {"q": "x"}).status_code == 200
    assert browser.get(url(model, "add")).status_code in (200, 403)


def test_staff_without_the_flag_stay_outside(db):
    client = Client()
    client.force_login(Agent.objects.create_user("al@example.com", full_name="Al"))

    assert client.get(reverse("admin:index")).status_code == 302


def test_a_token_is_seen_without_its_digest_and_revoked(browser, administrator):
    token, secret = issue_token(agent=administrator, scopes=["read"])

    page = browser.get(url(ApiToken, "change", token.pk)).content.decode()
    assert token.prefix in page
    assert token.digest not in page
    assert secret not in page

    browser.post(url(ApiToken, "changelist"), {"action": "revoke", "_selected_action": [token.pk]})
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_person_is_made_and_their_password_never_shown(browser):
    made = browser.post(
        url(Agent, "add"),
        {
            "email": "new@example.com",
            "full_name": "New",
            "role": "agent",
            "timezone": "Europe/London",
            "usable_password": "true",
            "password1": "a long new secret",
            "password2": "a long new secret",
            "working_hours-TOTAL_FORMS": 0,
            "working_hours-INITIAL_FORMS": 0,
        },
    )

    assert made.status_code == 302, made.context["adminform"].errors
    person = Agent.objects.get(email="new@example.com")
    page = browser.get(url(Agent, "change", person.pk)).content.decode()
    assert person.check_password("a long new secret")
    assert person.password not in page


def test_there_is_one_row_of_settings(browser):
    OfficeSettings.load()

    assert browser.get(url(OfficeSettings, "add")).status_code == 403
    assert browser.get(url(OfficeSettings, "change", 1)).status_code == 200
