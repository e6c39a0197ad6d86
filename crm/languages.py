"""Who reads what in which language: the one a person chose, else what their browser asks for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from django.utils.functional import Promise

    from crm.models import Agent


def choices() -> list[tuple[str, str | Promise]]:
    """Return what a person can choose; languages call themselves what they are called in their own words."""
    return [("", _("Same as the browser")), *settings.LANGUAGES]


def chosen(person: Agent) -> str:
    """Return the code of the language that somebody chose, "" for none or one that is no longer here."""
    return person.language if person.language in dict(settings.LANGUAGES) else ""


def letters_to(person: Agent | None) -> str:
    """Return the language for what is written to somebody who is not there to ask for one."""
    return (chosen(person) if person else "") or settings.LANGUAGE_CODE


@contextmanager
def speaking_to(person: Agent) -> Iterator[None]:
    """Have what is put into words meanwhile be in this person's language and on their clocks."""
    with translation.override(letters_to(person)), timezone.override(ZoneInfo(person.timezone)):
        yield


class PersonLocaleMiddleware(LocaleMiddleware):
    """Django's own, for which a person's choice counts before their browser's. It comes after the sign-in."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        # Programs and strangers bring no session, and are not looked up.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return
        try:
            language = chosen(request.user) if request.user.is_authenticated else ""
        except DatabaseError:
            # What is asked for may do without the database, and say that it is away.
            return
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = language
