"""Words for notices: what happened, why this person hears of it, what to do. In the reader's language and zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from crm import wording
from crm.models import Notice


@dataclass(frozen=True)
class Event:
    """How one kind of event is told. Names in the texts are those of the notice's data, and `lead`."""

    icon: str
    text: str | Promise
    why: str | Promise
    act: str | Promise
    tone: str = ""


_YOURS = _("It is your viewing, or your lead.")
EVENTS = {
    "hot_unclaimed": Event(
        "flame",
        _("%(lead)s is ready to view and belongs to nobody"),
        _("Everybody hears of a qualified lead without an owner, until somebody claims it."),
        _("Open the lead"),
        "bad",
    ),
    "hot_waits": Event(
        "timer",
        _("%(lead)s has waited %(minutes)s minutes for somebody to claim them"),
        _("Managers hear of a qualified lead that nobody claimed in time."),
        _("Open the lead"),
        "bad",
    ),
    "assigned": Event("user-check", _("%(by)s gave you %(lead)s"), _("You are the owner now."), _("Open the lead")),
    "mentioned": Event(
        "at-sign", _("%(by)s mentioned you: “%(text)s”"), _("A note names you after an @."), _("Open the lead")
    ),
    "viewing_booked": Event(
        "calendar-check",
        _("Viewing booked: %(lead)s at %(listing)s, %(starts_at)s"),
        _YOURS,
        _("Open the viewing"),
        "ok",
    ),
    "viewing_moved": Event(
        "calendar-clock",
        _("Viewing moved: %(lead)s at %(listing)s, now %(starts_at)s"),
        _YOURS,
        _("Open the viewing"),
        "warn",
    ),
    "viewing_cancelled": Event(
        "calendar-x",
        _("Viewing cancelled: %(lead)s at %(listing)s, %(starts_at)s"),
        _YOURS,
        _("Open the viewing"),
        "bad",
    ),
    "task_due": Event(
        "phone-call",
        _("Due %(due_at)s: %(text)s (%(lead)s)"),
        _("The task is yours, or nobody's and you manage."),
        _("Open the lead"),
        "warn",
    ),
    "message_failed": Event(
        "mail",
        _("An e-mail to %(lead)s did not go out: %(text)s"),
        _("The lead is yours, or nobody's and you manage."),
        _("Open the lead"),
        "bad",
    ),
    "calendar_problem": Event(
        "unlink", "%(text)s", _("It is your calendar, or you manage whose it is."), _("See the calendar"), "bad"
    ),
    "assistants_drifted": Event(
        "bot",
        _("At Vapi not as Pete needs it: %(names)s. Callers may hear tools fail."),
        _("Managers hear what the nightly comparison of the assistants finds."),
        _("See what differs and set it right"),
        "warn",
    ),
    "assistants_refused": Event(
        "bot",
        _("Vapi refuses Pete's key: nobody can see whether assistants are right. Put a valid one into VAPI_API_KEY."),
        _("Managers hear what the nightly comparison of the assistants finds."),
        _("See the assistants"),
        "bad",
    ),
}
UNKNOWN = Event("bell", _("Something changed for %(lead)s"), _("It concerns you."), _("Open"))


@dataclass(frozen=True)
class Line:
    """A notice as a page, a browser or an e-mail shows it."""

    notice: Notice
    event: Event
    text: str
    url: str


def line(notice: Notice) -> Line:
    """Put a notice, read with its lead, into words."""
    event = EVENTS.get(notice.event, UNKNOWN)
    words = _Words({name: _word(name, value) for name, value in _in_language(notice.data).items()})
    words["lead"] = wording.person(notice.lead)
    return Line(notice, event, str(event.text) % words, url_of(notice))


def url_of(notice: Notice) -> str:
    """Return where the notice leads: its own address, or the lead's page."""
    if notice.url or notice.lead_id is None:
        return notice.url
    try:
        return reverse("lead", args=[notice.lead_id])
    except NoReverseMatch:
        return ""


def _in_language(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with what was put into words in the language in force ("text:es") in place of the first one."""
    own = f":{get_language()}"
    return data | {name.removesuffix(own): value for name, value in data.items() if name.endswith(own)}


class _Words(dict[str, str]):
    """Data of an older release may lack a word."""

    def __missing__(self, name: str) -> str:
        return "?"


def _word(name: str, value: Any) -> str:
    if name.endswith("_at"):
        return wording.when(datetime.fromisoformat(value), timezone.now())
    return str(value)
