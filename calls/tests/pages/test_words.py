"""Spanish is complete: no text of the catalogue lacks its translation, and no page asks for one that is not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import trans_real

from calls.demo.load import load_demo
from calls.models import Call
from config import admin_words
from crm.models import Agent, Appointment, Lead, Listing

PATHS = [
    "/dashboard",
    "/wallboard",
    "/calls",
    "/calls?q=nothing-like-it",
    "/calls/{call}",
    "/calls/{call}/tower",
    "/leads?scope=all",
    "/leads/{lead}",
    "/pipeline?scope=all",
    "/appointments",
    "/appointments?view=week&by=agent",
    "/appointments/new",
    "/appointments?appointment={viewing}",
    "/appointments/{viewing}/cancel",
    "/listings",
    "/listings/new",
    "/listings/{listing}",
    "/users",
    "/users/{agent}/calendar",
    "/vapi-agent",
    "/assistants",
    "/prompts",
    "/prompts/qualification",
    "/rehearsals",
    "/analytics",
    "/notifications",
    "/settings",
    "/test-suite",
    "/no-such-page",
]
ADMIN = [
    "/admin/",
    "/admin/crm/lead/",
    "/admin/crm/lead/{lead}/change/",
    "/admin/crm/appointment/?status__exact=booked",
    "/admin/crm/agent/{agent}/change/",
    "/admin/crm/officesettings/",
    "/admin/calls/call/{call}/change/",
    "/admin/calendar_sync/push/",
    "/admin/crm/auditentry/",
    "/admin/crm/lead/{lead}/history/",
]


def catalogue(language: str = "es") -> Path:
    return settings.BASE_DIR / "locale" / language / "LC_MESSAGES" / "django.po"


@pytest.fixture
def asked(monkeypatch) -> set[str]:
    """What is looked up from now on."""
    found: set[str] = set()
    gettext, ngettext = trans_real.gettext, trans_real.ngettext

    def spy(message: str) -> str:
        found.add(message)
        return gettext(message)

    def plural_spy(singular: str, plural: str, number: int) -> str:
        found.add(singular)
        return ngettext(singular, plural, number)

    monkeypatch.setattr(translation._trans, "gettext", spy)
    monkeypatch.setattr(translation._trans, "ngettext", plural_spy)
    return found


def test_nothing_is_left_untranslated_and_every_placeholder_is_kept():
    with catalogue().open("rb") as file:
        messages = [message for message in read_po(file) if message.id]

    assert len(messages) > 1000
    assert [message.id for message in messages if message.fuzzy or not all(_forms(message.string))] == []
    assert [(message.id, str(error)) for message in messages for error in message.check()] == []


def test_no_text_is_in_the_catalogue_twice():
    """gettext's own tools refuse such a catalogue, and `make words` with them."""
    with catalogue().open("rb") as file:
        texts = [message.id for message in read_po(file)]

    assert len(re.findall(r"^msgid ", catalogue().read_text(), re.M)) == len(texts)


@pytest.fixture
def desk(client, db) -> Callable[[str], str]:
    """A desk with its demonstration data; asks for a page of it in Spanish."""
    load_demo(timezone.now())
    client.force_login(Agent.objects.create_superuser("root@example.com", full_name="Ana Ruiz"))
    rows = {"call": Call, "lead": Lead, "viewing": Appointment, "listing": Listing, "agent": Agent}
    places = {name: str(model.objects.values_list("pk", flat=True).first()) for name, model in rows.items()}

    def page(path: str) -> str:
        answer = client.get(path.format(**places), headers={"accept-language": "es"})
        assert answer.status_code == (404 if path == "/no-such-page" else 200), path
        return answer.content.decode()

    return page


def test_a_page_in_spanish_has_no_text_without_translation(desk, asked):
    for path in PATHS:
        assert '<html lang="es"' in re.sub(r"\s+", " ", desk(path))[:400], path

    assert " | ".join(sorted(asked - _known())) == ""


def test_django_admin_in_spanish_has_no_text_without_translation(desk, asked):
    for path in ADMIN:
        desk(path)

    assert " | ".join(sorted(asked - _known())) == ""


def test_django_admin_calls_our_tables_and_columns_in_spanish(desk):
    page = desk("/admin/crm/lead/") + desk("/admin/crm/lead/{lead}/change/") + desk("/admin/")

    texts = ("Nombre completo", "Etapa", "Interesados", "Colas", "Estado")
    assert [text for text in texts if text not in page] == []
    assert re.findall(r">\s*(Full name|Stage|Owner|Created at|Leads?|Health|Queues)\s*<", page, re.IGNORECASE) == []


def test_every_column_has_a_name_that_is_translated():
    """A new column's name is put into config/admin_words.py, where `make words` finds it."""
    models = [model for model in apps.get_models() if model._meta.app_label in admin_words.APPS]
    with translation.override("en"):
        names = {str(field.verbose_name) for model in models for field in model._meta.local_fields}
        names |= {str(name) for model in models for name in (model._meta.verbose_name, model._meta.verbose_name_plural)}

    assert names - admin_words.NAMES - _known() == set()
    assert admin_words.NAMES - names == set()


def test_a_person_chooses_the_language_of_the_pages(client, db):
    client.force_login(Agent.objects.create_user("a@example.com", full_name="Ana Ruiz"))

    client.post("/language", {"language": "es", "next": "/leads"})

    assert "Interesados" in client.get("/leads").content.decode()


def _forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else string


def _known() -> set[str]:
    """Return what has a translation: the catalogue's texts and those of Django and its packages."""
    keys = trans_real.translation("es")._catalog.keys()
    names = {name for _, name in settings.LANGUAGES}
    return names | {key[0] if isinstance(key, tuple) else key.split("\x04")[-1] for key in keys} | {""}
