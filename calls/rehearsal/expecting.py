"""The part of a scenario that says how it must end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from calls.models import Phase, Stage
from calls.rehearsal.document import Field
from calls.rehearsal.scenario import Expected, ExpectedViewing, Office, read_moment
from crm.models import AppointmentStatus

LEAD_FIELDS = (
    "full_name", "phone", "email", "budget", "timeline", "property_type", "location", "bedrooms", "pets", "stage",
)  # fmt: skip
CALL_FIELDS: dict[str, Callable[[Field], str]] = {
    "stage": lambda given: given.choice(Stage.values),
    "phase": lambda given: given.choice(Phase.values),
    "ended_reason": lambda given: given.text(),
    "ended_class": lambda given: given.text(),
    "direction": lambda given: given.choice(("inbound", "outbound", "web")),
    "status": lambda given: given.text(),
}
KNOWN = (
    "viewings", "leads", "lead", "callbacks", "follow_ups", "emails", "calls", "call", "context", "heard", "said",
    "tool_calls",
)  # fmt: skip


def read_expected(given: Field, office: Office) -> Expected:
    """Read what must be in the database at the end. Viewings are always looked at: none named, none wanted."""
    fields = given.mapping(KNOWN)
    if not fields:
        given.fail("should say how the story ends.")
    texts: dict[str, Any] = {
        name: tuple(each.text() for each in fields[name].items()) for name in ("heard", "said") if name in fields
    }
    counts: dict[str, Any] = {
        name: fields[name].integer()
        for name in ("leads", "callbacks", "follow_ups", "calls", "tool_calls")
        if name in fields
    }
    return Expected(
        viewings=tuple(_viewing(each, office) for each in fields["viewings"].items()) if "viewings" in fields else (),
        lead=_plain(fields["lead"], LEAD_FIELDS) if "lead" in fields else {},
        emails=tuple(each.text() for each in fields["emails"].items()) if "emails" in fields else None,
        call=_call(fields["call"]) if "call" in fields else {},
        context=_plain(fields["context"], None) if "context" in fields else {},
        **texts,
        **counts,
    )


def _plain(given: Field, known: tuple[str, ...] | None) -> dict[str, Any]:
    fields = given.mapping(known) if known else given.pairs()
    return {name: value.plain() for name, value in fields.items()}


def _call(given: Field) -> dict[str, str]:
    return {name: CALL_FIELDS[name](value) for name, value in given.mapping(tuple(CALL_FIELDS)).items()}


def _viewing(given: Field, office: Office) -> ExpectedViewing:
    fields = given.mapping(("when", "with", "home", "status"), ("when",))
    try:
        moment = read_moment(fields["when"].text())
    except ValueError:
        fields["when"].fail("should be a day and time such as “Tuesday 15:00” or “2026-06-02 15:00”.")
    if moment.at is None:
        fields["when"].fail("names a day without a time.")
    return ExpectedViewing(
        line=given.line,
        when=moment,
        agent=fields["with"].choice([agent.name for agent in office.agents]) if "with" in fields else "",
        home=fields["home"].choice([home.address for home in office.homes]) if "home" in fields else "",
        status=fields["status"].choice(AppointmentStatus.values) if "status" in fields else "booked",
    )
