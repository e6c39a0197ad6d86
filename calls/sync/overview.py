"""Assistants as staff see them: what is at Vapi beside whom and what each one speaks for here."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext as _

from calls.client import VapiClient
from calls.errors import VapiRefused, VapiUnavailable
from calls.models import Assistant, WebhookEvent
from calls.sync.compare import Kind, Plan, Resource, text_of
from calls.sync.survey import Survey, speaks_through, survey
from calls.sync.wanted import obstacle

logger = logging.getLogger(__name__)

# Each of three lists may take this long, and somebody waits for the page.
TIMEOUT_SECONDS = 4.0


@dataclass
class Line:
    """One assistant: at Vapi (`resource`), here (`row`), or both."""

    vapi_id: str
    name: str
    row: Assistant | None = None
    resource: Resource | None = None
    plan: Plan | None = None
    # The plans of everything it needs: its own, its shared tools', its numbers'.
    plans: list[Plan] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    is_read: bool = False

    @property
    def state(self) -> str:
        """Return alone, unread, gone, drift, trouble or order."""
        if self.row is not None and not self.row.is_active:
            return "alone"
        if not self.is_read:
            return "unread"
        if self.resource is None:
            return "gone"
        if any(plan.changes for plan in self.plans):
            return "drift"
        return "trouble" if any(plan.problems for plan in self.plans) else "order"

    @property
    def model(self) -> str:
        return speaks_through(self.resource or {})

    @property
    def version(self) -> str:
        return text_of((self.resource or {}).get("latestVersion"))

    @property
    def changes_count(self) -> int:
        return sum(len(plan.changes) for plan in self.plans)


@dataclass
class Overview:
    """All of them, and why Vapi could not be asked, if so."""

    lines: list[Line]
    found: Survey | None
    trouble: str = ""

    def line(self, vapi_id: str) -> Line | None:
        return next((line for line in self.lines if line.vapi_id == vapi_id), None)

    @property
    def others(self) -> list[Plan]:
        """Return the plans of numbers and shared tools."""
        return [plan for plan in self.found.plans if plan.kind is not Kind.ASSISTANT] if self.found else []

    @property
    def drifted(self) -> list[Plan]:
        return self.found.drifted if self.found else []


def overview() -> Overview:
    """Return the assistants, compared with what Pete needs if Vapi can be asked."""
    found, trouble = read()
    rows = list(Assistant.objects.select_related("listing", "agent", "team"))
    return Overview(_lines(found, rows), found, trouble)


def read() -> tuple[Survey | None, str]:
    """Ask Vapi; return what it says, or why not in words for staff."""
    blocked = obstacle()
    if not settings.VAPI_API_KEY:
        return None, blocked
    try:
        with VapiClient(timeout=TIMEOUT_SECONDS) as client:
            return survey(client), blocked
    except VapiUnavailable as exc:
        logger.warning("Vapi could not be read: %s", exc)
        if exc.retry_after is None:
            return None, _("Vapi does not answer at the moment. Try again. What is shown is what Pete knows.")
        said = _(
            "Vapi does not answer at the moment. It asks to come back in %(n)s s. What is shown is what Pete knows."
        )
        return None, said % {"n": f"{exc.retry_after:g}"}
    except VapiRefused as exc:
        logger.error("Vapi refuses to be read: %s", exc)
        if exc.status in (401, 403):
            return None, _("Vapi refuses the key. Put the private key from Vapi's dashboard into VAPI_API_KEY.")
        return None, _("Vapi gave an answer that makes no sense. Check VAPI_API_URL.")


def _lines(found: Survey | None, rows: Sequence[Assistant]) -> list[Line]:
    lines = {row.vapi_id: Line(row.vapi_id, row.name, row, is_read=found is not None) for row in rows}
    for vapi_id, resource in (found.assistants if found else {}).items():
        line = lines.setdefault(vapi_id, Line(vapi_id, "", is_read=True))
        line.name, line.resource = text_of(resource.get("name"), line.name or _("Without a name")), resource
        line.numbers = found.numbers_of(vapi_id) if found else []
        line.plan = found.plan(vapi_id) if found else None
        line.plans = found.plans_of(vapi_id) if found else []
    return sorted(lines.values(), key=lambda line: (line.name.casefold(), line.vapi_id))


def last_version_spoken(row: Assistant) -> str:
    """Return the version label that Vapi named in the assistant's last message, "" when none was."""
    call = row.calls.order_by("-created_at").first()
    event = WebhookEvent.objects.filter(call=call).order_by("-pk").first() if call else None
    if event is None:
        return ""
    try:
        message = json.loads(bytes(event.body)).get("message")
    except (ValueError, AttributeError):
        return ""
    return text_of(message.get("assistantVersion")) if isinstance(message, dict) else ""
