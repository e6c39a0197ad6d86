"""Working through tasks: made, done, put off, handed on. Each leaves a line in the lead's timeline."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from crm.models import Agent, EntryKind, Lead, Task, TaskKind
from crm.timeline import add_timeline, open_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MORNING = time(9)


@transaction.atomic
def add_task(
    *,
    lead: Lead | None,
    text: str,
    due_at: datetime,
    assignee: Agent | None,
    agent: Agent,
    key: str,
    kind: str = TaskKind.FOLLOW_UP,
    actor: str = "staff",
) -> Task:
    """Make a task, once per `key`, and show it in the timeline."""
    task = open_task(lead, kind, text, due_at=due_at, key=key, assignee=assignee)
    data = {"task": task.pk, "due_at": due_at.isoformat()}
    if lead is not None:
        add_timeline(lead, EntryKind.TASK, text, data=data, agent=agent, actor=actor, key=f"task:{key}"[:200])
    return task


@transaction.atomic
def edit_task(task: Task, values: Mapping[str, Any], agent: Agent, *, actor: str = "staff") -> None:
    """Write what differs. `done` ticks off or opens again; the rest are the task's own fields."""
    words = {name: values[name] for name in ("lead", "kind", "text") if name in values}
    changed = {name: value for name, value in words.items() if getattr(task, name) != value}
    for name, value in changed.items():
        setattr(task, name, value)
    if changed:
        task.save(update_fields=list(changed))
    if "due_at" in values and values["due_at"] != task.due_at:
        put_off(task, values["due_at"], agent, actor=actor)
    if "assignee" in values and values["assignee"] != task.assignee:
        hand_on(task, values["assignee"], agent, actor=actor)
    if "done" in values:
        (finish if values["done"] else reopen)(task, agent, actor=actor)


@transaction.atomic
def finish(task: Task, agent: Agent, *, actor: str = "staff") -> bool:
    """Mark a task done; return whether it was open. Done twice is done once."""
    done_at = timezone.now()
    if not Task.objects.filter(pk=task.pk, done_at=None).update(done_at=done_at):
        return False
    task.done_at = done_at
    _note(task, f"Done: {task.text}", agent, actor)
    return True


@transaction.atomic
def reopen(task: Task, agent: Agent, *, actor: str = "staff") -> bool:
    """Take `finish` back."""
    if not Task.objects.filter(pk=task.pk, done_at__isnull=False).update(done_at=None):
        return False
    task.done_at = None
    _note(task, f"Open again: {task.text}", agent, actor)
    return True


@transaction.atomic
def put_off(task: Task, due_at: datetime, agent: Agent, *, actor: str = "staff") -> None:
    """Make a task due at another time."""
    task.due_at = due_at
    task.save(update_fields=["due_at"])
    local = timezone.localtime(due_at)
    _note(task, f"Due {date_format(local, 'D j M, H:i')}: {task.text}", agent, actor)


@transaction.atomic
def hand_on(task: Task, assignee: Agent | None, agent: Agent, *, actor: str = "staff") -> None:
    """Give a task to somebody, or to nobody."""
    task.assignee = assignee
    task.save(update_fields=["assignee"])
    _note(task, f"For {assignee or 'nobody'}: {task.text}", agent, actor)


def _note(task: Task, text: str, agent: Agent, actor: str) -> None:
    if task.lead is not None:
        add_timeline(task.lead, EntryKind.TASK, text, data={"task": task.pk}, agent=agent, actor=actor)


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
