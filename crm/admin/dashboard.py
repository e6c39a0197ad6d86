"""The first page of Django admin: whether the queues and syncs keep up, and what the doctor finds.

Apps register what they count; the doctor's checks, some of which wait for an answer, come after the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery.app import app_or_default
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.shortcuts import render
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from config import doctor
from crm.models import MessageStatus, Notice, OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import Promise

TASK_QUEUE = "celery"
# More tasks than this and the workers do not keep up.
LONG_QUEUE = 200


@dataclass(frozen=True)
class Figure:
    """One number of the page. `table` ("app_model") and `query` lead to the rows."""

    label: str
    value: str | int
    is_ill: bool = False
    table: str = ""
    query: str = ""

    @property
    def url(self) -> str:
        try:
            return reverse(f"admin:{self.table}_changelist") + self.query if self.table else ""
        except NoReverseMatch:
            return ""


_sections: dict[str, tuple[str | Promise, Callable[[], Iterable[Figure]]]] = {}


def register(name: str, title: str | Promise, figures: Callable[[], Iterable[Figure]]) -> None:
    """Have the page show a section with these figures."""
    _sections[name] = (title, figures)


def with_health(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the sections to the page's context."""
    sections = [{"title": title, "figures": list(figures())} for title, figures in _sections.values()]
    return context | {"sections": sections, "title": _("Health")}


@staff_member_required(login_url="admin:login")
def checks(request: HttpRequest) -> HttpResponse:
    """Run the doctor; the page asks for this once it is shown."""
    results = sorted(doctor.examine(), key=lambda result: (result.ok, not result.required))
    return render(request, "admin/parts/checks.html", {"results": results, "at": timezone.localtime()})


def queued_tasks() -> int | None:
    """Return how many tasks wait for a worker; None when the broker does not answer."""
    try:
        with app_or_default().connection_for_read(connect_timeout=2) as broker:
            return int(broker.default_channel.client.llen(TASK_QUEUE))
    except (OperationalError, OSError):
        return None


def _queues() -> Iterable[Figure]:
    tasks = queued_tasks()
    yield Figure(_("Tasks waiting"), "?" if tasks is None else tasks, tasks is None or tasks > LONG_QUEUE)
    messages = OutgoingMessage.objects.filter(status=MessageStatus.QUEUED)
    table = "crm_outgoingmessage"
    yield Figure(_("Messages waiting"), messages.count(), table=table, query="?status__exact=queued")
    failed = OutgoingMessage.objects.filter(status=MessageStatus.FAILED).count()
    yield Figure(_("Messages not sent"), failed, failed > 0, table, "?status__exact=failed")
    due = Notice.objects.filter(email_due_at__lte=timezone.now()).count()
    yield Figure(_("Notices to e-mail"), due, table="crm_notice")


def _urls() -> list[URLPattern]:
    return [path("checks/", checks, name="checks")]


register("queues", gettext_lazy("Queues"), _queues)
# The site asks for addresses of its own by this name.
admin.site.extra_urls = _urls  # type: ignore[attr-defined]
