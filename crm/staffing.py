"""Who works here: adding people, changing them, and the link by which somebody sets a password and comes in."""

from __future__ import annotations

import logging
import smtplib
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from crm.errors import CrmError
from crm.languages import speaking_to
from crm.models import Agent, Role
from crm.rights import is_admin, sees_everything

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# What people decide about themselves; the rest is decided by those who manage.
OWN_FIELDS = ["full_name", "phone", "timezone", "language"]


class AdminRequired(CrmError):
    """Managers make, change and become no administrators."""

    code = "admin_required"


class OwnAccount(CrmError):
    """Nobody locks themselves out."""

    code = "own_account"


def may_change(by: Agent, person: Agent) -> bool:
    """Say whether somebody may change a person: oneself in name, phone, zone and hours; managers all but admins."""
    return by.pk == person.pk or (sees_everything(by) and (is_admin(by) or not is_admin(person)))


def refuse_escalation(by: Agent, person: Agent | None, values: Mapping[str, Any]) -> None:
    """Raise AdminRequired or OwnAccount where `by` may not give `person`, or somebody new, these values."""
    concerns_admins = values.get("role") == Role.ADMIN or (person is not None and is_admin(person))
    if concerns_admins and not is_admin(by):
        raise AdminRequired(_("Only an administrator may do this."))
    locks_out = values.get("is_active") is False or values.get("role", by.role) != by.role
    if person is not None and person.pk == by.pk and locks_out:
        raise OwnAccount(_("You cannot change your own role or make yourself inactive."))


def flags_of(role: str) -> dict[str, bool]:
    """Return Django's own flags for a role: administrators enter Django admin, others do not."""
    return {"is_staff": role == Role.ADMIN, "is_superuser": role == Role.ADMIN}


def add_person(*, by: Agent, values: Mapping[str, Any]) -> Agent:
    """Add somebody who cannot sign in yet, see `welcome_link`."""
    refuse_escalation(by, None, values)
    known: dict[str, Any] = {**values, **flags_of(values["role"])}
    return Agent.objects.create_user(**known)


def change_person(*, by: Agent, person: Agent, values: Mapping[str, Any]) -> list[str]:
    """Write what differs and return its names."""
    before = Agent.objects.get(pk=person.pk)
    changed = {name: value for name, value in values.items() if getattr(before, name) != value}
    refuse_escalation(by, before, changed)
    if "role" in changed:
        changed |= flags_of(changed["role"])
    for name, value in changed.items():
        setattr(person, name, value)
    if changed:
        person.save(update_fields=list(changed))
    return list(changed)


def welcome_link(person: Agent) -> str:
    """Return an address, good once and for three days, at which the person sets a password and is signed in."""
    name = urlsafe_base64_encode(force_bytes(person.pk))
    return f"{settings.PUBLIC_URL}{reverse('welcome', args=[name, default_token_generator.make_token(person)])}"


def send_welcome(person: Agent, link: str) -> bool:
    """Send the link to the person; return whether the mail server took it."""
    with speaking_to(person):
        subject, said = _("Your way into Pete"), _("Set your password and come in:")
        body = f"{said}\n{link}\n\n" + _("The link is good once, for three days.") + "\n"
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email]).send()
    except (smtplib.SMTPException, OSError, ValueError) as exc:
        logger.warning("The link for agent %s was not sent: %r", person.pk, exc)
        return False
    return True
