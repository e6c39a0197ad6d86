"""What the buttons on the pages about people do. Each returns the sentence that is said afterwards."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable, Mapping

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calendar_sync import choice, connect, outbox, reconcile, upkeep
from calendar_sync.health import Person
from calendar_sync.models import Calendar, ConnectionStatus, Notice, NoticeKind, Push, PushStatus
from crm.api.permissions import may_manage
from crm.errors import CrmError
from crm.languages import speaking_to
from crm.models import Agent

logger = logging.getLogger(__name__)

Action = Callable[[Person, Agent, Mapping[str, str]], str]


def may(user: Agent, subject: Agent, action: str) -> bool:
    """Say whether `user` may do this: anything with one's own calendar, a manager with everybody's.

    Connecting is not among these actions: nobody signs in for another.
    """
    return may_manage(user) or (user.pk == subject.pk and action != "send-link")


def did_not_work() -> str:
    return _("Microsoft did not answer. Try again in a minute.")


def send_link(person: Person, user: Agent, form: Mapping[str, str]) -> str:
    """Write to an agent where to connect; the link leads through their own sign-in."""
    link = connect.shareable_link(person.agent)
    with speaking_to(person.agent):
        subject, body = _("Connect your calendar to Pete"), _invitation(person.agent, user, link)
    mail = EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [person.agent.email])
    try:
        mail.send()
    except (smtplib.SMTPException, OSError) as exc:
        logger.warning("The link to connect was not sent to agent %s: %r", person.agent.pk, exc)
        raise CrmError(_("The mail server did not take the message. Send this link yourself: %s") % link) from exc
    return _("The link was sent to %s.") % person.agent.email


def _invitation(agent: Agent, manager: Agent, link: str) -> str:
    return _(
        "Hello %(name)s,\n\n%(manager)s asks you to connect your Microsoft 365 calendar to Pete, so that no viewing is "
        "offered while you are busy, and viewings appear in your Outlook.\n\nOpen this link, sign in to Pete and then "
        "to Microsoft:\n%(link)s\n"
    ) % {"name": agent.get_short_name(), "manager": manager, "link": link}


def sync(person: Person, user: Agent, form: Mapping[str, str]) -> str:
    """Have what is read brought up to date; a connection that was broken is tried first."""
    connection = person.connection
    if connection is None or not person.can_sync:
        raise CrmError(_("There is nothing to read: no calendar is connected."))
    if connection.status != ConnectionStatus.CONNECTED and not upkeep.attend(connection.pk, force=True):
        raise CrmError(_("It still does not work: see what Microsoft says below the name."))
    # The page shows a round under way from this.
    Calendar.objects.filter(connection=connection, is_read=True).update(hinted_at=timezone.now())
    choice.request_sync(connection)
    return _("%s's calendar is being read.") % person.agent


def retry(person: Person, user: Agent, form: Mapping[str, str]) -> str:
    """Take up again what could not be written: one viewing, or all of this person's."""
    rows = Push.objects.filter(connection=person.connection, status=PushStatus.FAILED)
    if form.get("push"):
        rows = rows.filter(pk=_number(form["push"]))
    if form.get("notice"):
        rows = rows.filter(pk__in=Notice.objects.filter(pk=_number(form["notice"])).values("push"))
    count = sum(outbox.retry(pk) for pk in rows.order_by("pk").values_list("pk", flat=True))
    if not count:
        raise CrmError(_("There is nothing to try again: it has been written meanwhile."))
    return ngettext("%(n)s viewing is being written again.", "%(n)s viewings are being written again.", count) % {
        "n": count
    }


def repair(person: Person, user: Agent, form: Mapping[str, str]) -> str:
    """Put right what differs between Pete and Outlook."""
    count = sum(reconcile.repair(notice.pk) for notice in person.drift)
    if not count:
        return _("Nothing differs any more.")
    return ngettext("%(n)s difference was repaired.", "%(n)s differences were repaired.", count) % {"n": count}


def done(person: Person, user: Agent, form: Mapping[str, str]) -> str:
    """Put away a notice that only asks to be read."""
    notices = Notice.objects.filter(agent=person.agent, kind__in=[NoticeKind.MOVED, NoticeKind.CLASH], resolved_at=None)
    if not notices.filter(pk=_number(form.get("notice"))).update(resolved_at=timezone.now()):
        raise CrmError(_("This has been put away already."))
    return _("Put away.")


def disconnect(person: Person, user: Agent, form: Mapping[str, str]) -> str:
    if not choice.disconnect(person.agent):
        raise CrmError(_("There is nothing to disconnect."))
    logger.info("Agent %s disconnected the calendar of agent %s", user.pk, person.agent.pk)
    return _("Microsoft 365 is disconnected. %s uses Pete's own calendar again.") % person.agent


def _number(text: str | None) -> int:
    """Return an id that a form holds, 0 for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0


ACTIONS: dict[str, Action] = {
    "disconnect": disconnect,
    "done": done,
    "repair": repair,
    "retry": retry,
    "send-link": send_link,
    "sync": sync,
}
