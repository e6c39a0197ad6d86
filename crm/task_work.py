"""Working through tasks: made, done, put off, handed on. Each leaves a line in the lead's timeline."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from crm.models import Agent, EntryKind, Lead, Task, TaskKind
from crm.timeline import add_timeline, open_task

if TYPE_CHECKING:
    from collections.abc import Callable

MORNING = time(9)


@transaction.atomic
def add_task(
    *,
    lead: Lead,
    text: str,
    due_at: datetime,
    assignee: Agent | None,
    agent: Agent,
    key: str,
    kind: str = TaskKind.FOLLOW_UP,
) -> Task:
    """Make a task, once per `key`, and show it in the timeline."""
    task = open_task(lead, kind, text, due_at=due_at, key=key, assignee=assignee)
    data = {"task": task.pk, "due_at": due_at.isoformat()}
    add_timeline(lead, EntryKind.TASK, text, data=data, agent=agent, actor="staff", key=f"task:{key}"[:200])
    return task


@transaction.atomic
def finish(task: Task, agent: Agent) -> bool:
    """Mark a task done; return whether it was open. Done twice is done once."""
    done_at = timezone.now()
    if not Task.objects.filter(pk=task.pk, done_at=None).update(done_at=done_at):
        return False
    task.done_at = done_at
    _note(task, f"Done: {task.text}", agent)
    return True


@transaction.atomic
def reopen(task: Task, agent: Agent) -> bool:
    """Take `finish` back."""
    if not Task.objects.filter(pk=task.pk, done_at__isnull=False).update(done_at=None):
        return False
    task.done_at = None
    _note(task, f"Open again: {task.text}", agent)
    return True


@transaction.atomic
def put_off(task: Task, due_at: datetime, agent: Agent) -> None:
    """Make a task due at another time."""
    task.due_at = due_at
    task.save(update_fields=["due_at"])
    local = timezone.localtime(due_at)
    _note(task, f"Due {date_format(local, 'D j M, H:i')}: {task.text}", agent)


@transaction.atomic
def hand_on(task: Task, assignee: Agent | None, agent: Agent) -> None:
    """Give a task to somebody, or to nobody."""
    task.assignee = assignee
    task.save(update_fields=["assignee"])
    _note(task, f"For {assignee or 'nobody'}: {task.text}", agent)


def _note(task: Task, text: str, agent: Agent) -> None:
    if task.lead is not None:
        add_timeline(task.lead, EntryKind.TASK, text, data={"task": task.pk}, agent=agent, actor="staff")


def _morning(now: datetime, days: int) -> datetime:
    """Return nine o'clock on the local clock, so many days on."""
    return datetime.combine(timezone.localdate(now) + timedelta(days=days), MORNING, timezone.get_current_timezone())


# How far a task can be put off with one press.
SNOOZES: dict[str, Callable[[datetime], datetime]] = {
    "hour": lambda now: now.replace(second=0, microsecond=0) + timedelta(hours=1),
    "tomorrow": lambda now: _morning(now, 1),
    "monday": lambda now: _morning(now, 7 - timezone.localdate(now).weekday()),
    "week": lambda now: _morning(now, 7),
}
