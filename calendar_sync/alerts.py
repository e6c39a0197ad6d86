"""E-mail about a calendar that broke: to exactly the agent concerned and the managers, in words, with the cure."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from calendar_sync import tokens
from calendar_sync.models import Notice
from crm.languages import speaking_to
from crm.models import Agent, Role

# In a notice's data: the ids of those who have been written to.
TOLD = "told"


def send(notice_id: int) -> int:
    """Write to those whom a notice concerns, if it is still open; return to how many. Raises what the mailer raises."""
    notice = Notice.objects.select_related("agent").filter(pk=notice_id, resolved_at=None).first()
    if notice is None:
        return 0
    # Whoever was written to before the mailer failed is not written to again.
    told = list(notice.data.get(TOLD, []))
    people = [person for person in concerned(notice) if person.pk not in told]
    for person in people:
        _write(notice, person)
        told.append(person.pk)
        notice.data[TOLD] = told
        notice.save(update_fields=["data"])
    return len(people)


def _is_about_all(notice: Notice) -> bool:
    """Say whether a notice is about this installation and not about one person's connection."""
    return notice.key.startswith(tokens.APPLICATION)


def concerned(notice: Notice) -> Iterable[Agent]:
    """Return the agent and their managers; of what concerns the whole installation, its administrators."""
    active = Agent.objects.filter(is_active=True)
    if _is_about_all(notice):
        return active.filter(Q(role=Role.ADMIN) | Q(is_superuser=True))
    managers = Q(role=Role.MANAGER) & (Q(team=notice.agent.team_id) | Q(team=None)) | Q(role=Role.ADMIN)
    return active.filter(Q(pk=notice.agent_id) | managers)


def _write(notice: Notice, person: Agent) -> None:
    with speaking_to(person):
        subject, body = _letter(notice, person)
    EmailMessage(f"Pete: {' '.join(subject.split())}", body, settings.DEFAULT_FROM_EMAIL, [person.email]).send()


def _letter(notice: Notice, person: Agent) -> tuple[str, str]:
    """Return the subject and the text of what this person is told."""
    is_own = person.pk == notice.agent_id and not _is_about_all(notice)
    whose = _("Your calendar") if is_own else _("Calendar of %s") % notice.agent
    subject = _("No access to Microsoft 365") if _is_about_all(notice) else whose
    link = f"{settings.PUBLIC_URL}{reverse('calendar-health', args=[notice.agent_id])}"
    return subject, f"{notice.said.text}\n\n{notice.said.cure}\n\n{link}\n"
