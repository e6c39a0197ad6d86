"""Taking back an edit of a lead: what was and what became, signed, for a few minutes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import Field

from crm.errors import CrmError
from crm.lead_editing import edit_lead
from crm.models import Agent, Lead

_SALT = "pete.undo.lead"
GOOD_FOR_SECONDS = 600


class TooLate(CrmError):
    """The edit cannot be taken back any more."""

    code = "too_late"


def values_of(lead: Lead, names: list[str]) -> dict[str, Any]:
    """Return these fields as JSON can hold them; an owner is an id."""
    return {name: _plain(lead, name) for name in names}


def _plain(lead: Lead, name: str) -> Any:
    if name == "owner":
        return lead.owner_id
    return _field(name).value_to_string(lead) if getattr(lead, name) is not None else None


def _field(name: str) -> Field[Any, Any]:
    field = Lead._meta.get_field(name)
    assert isinstance(field, Field)
    return field


def token(lead: Lead, before: dict[str, Any], *, stage_since: datetime | None = None) -> str:
    """Return what takes the lead from what it is now back to `before`; a stage taken back is as old as it was."""
    # As the database has it: a form's 1850 is 1850.00 there.
    lead.refresh_from_db(fields=list(before))
    kept = {"lead": lead.pk, "before": before, "after": values_of(lead, list(before))}
    if stage_since is not None:
        kept["since"] = stage_since.isoformat()
    return signing.dumps(kept, salt=_SALT)


@transaction.atomic
def take_back(text: str, lead: Lead, agent: Agent) -> None:
    """Put the fields back, unless somebody changed them meanwhile. Raises TooLate."""
    try:
        kept = signing.loads(text, salt=_SALT, max_age=GOOD_FOR_SECONDS)
    except signing.BadSignature as exc:
        raise TooLate("It is too late to undo that.") from exc
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    if kept["lead"] != lead.pk or values_of(locked, list(kept["before"])) != kept["after"]:
        raise TooLate("Somebody has changed it since.")
    edit_lead(lead=lead, values=_read(kept["before"]), agent=agent, actor="staff")
    if "since" in kept:
        Lead.objects.filter(pk=lead.pk).update(stage_changed_at=datetime.fromisoformat(kept["since"]))


def _read(plain: dict[str, Any]) -> dict[str, Any]:
    """Return values as the model has them."""
    values = {}
    for name, value in plain.items():
        if name == "owner":
            values[name] = Agent.objects.filter(pk=value).first() if value else None
        else:
            values[name] = _field(name).to_python(value)
    return values
