"""Telling people: one line for each person and cause, written in the transaction that causes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from crm import nudges
from crm.models import Agent, Channel, Lead, Notice, NoticeKind, NoticeWishes
from crm.quiet import quiet_until
from crm.rights import sees_everything, visible_leads

# More people than this are told by one word to every page.
MOST_GROUPS = 20


def notify(
    people: Iterable[Agent],
    event: str,
    *,
    kind: NoticeKind,
    key: str,
    lead: Lead | None = None,
    url: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Tell each of `people` of `event` once for `key`, where they want to be told. `crm.notice_words` has the words."""
    told = {person.pk: person for person in people if person.is_active}
    if not told:
        return
    now = timezone.now()
    wishes = NoticeWishes.objects.in_bulk(list(told))
    rows = [
        row
        for pk, person in told.items()
        if (row := _row(person, wishes.get(pk) or NoticeWishes(person=person), kind, now)) is not None
    ]
    for row in rows:
        row.event, row.key, row.lead, row.url, row.data = event, key[:200], lead, url[:200], data or {}
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    _nudge([row.person_id for row in rows])


def _row(person: Agent, wishes: NoticeWishes, kind: NoticeKind, now: datetime) -> Notice | None:
    """Return a line without its words, None when the person wants nothing of that kind."""
    wanted = [channel for channel in Channel if wishes.wants(kind, channel)]
    if not wanted:
        return None
    quiet = quiet_until(wishes, now, person.timezone)
    return Notice(
        person=person,
        kind=kind,
        in_page=Channel.PAGE in wanted,
        in_browser=Channel.BROWSER in wanted and quiet is None,
        email_due_at=(quiet or now) if Channel.EMAIL in wanted else None,
        created_at=now,
        read_at=None if Channel.PAGE in wanted else now,
    )


def settle(key: str, *, but: Agent | None = None) -> None:
    """Mark what was told under `key` as read for everybody (`but` one): the cause is gone."""
    rows = Notice.objects.filter(key=key, read_at=None)
    rows = rows.exclude(person=but) if but else rows
    ids = list(rows.values_list("person_id", flat=True))
    if ids:
        rows.update(read_at=timezone.now(), email_due_at=None)
        _nudge(ids)


def email_again(notices: QuerySet[Notice]) -> int:
    """Have these lines e-mailed to their people by the next round; return how many."""
    return notices.filter(person__is_active=True).update(email_due_at=timezone.now())


def told_to(person: Agent) -> QuerySet[Notice]:
    """Return what stands on this person's page; not what is about a lead that went out of their sight."""
    rows = Notice.objects.filter(person=person, in_page=True)
    if sees_everything(person):
        return rows
    return rows.filter(Q(lead=None) | Q(lead__in=visible_leads(person).values("pk")))


def unread(person: Agent) -> QuerySet[Notice]:
    return told_to(person).filter(read_at=None)


def _nudge(agent_ids: list[int]) -> None:
    if len(agent_ids) > MOST_GROUPS:
        nudges.tell_everybody("notices")
    else:
        nudges.tell_people(agent_ids, "notices")


def tell_again(person: Agent) -> None:
    """Have this person's open pages count again."""
    _nudge([person.pk])
