"""Where changes come from that no request made: tasks, and the rest of the product."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from celery.signals import task_postrun, task_prerun

from crm.audit import actors, tracking
from crm.audit.actors import Actor, acting
from crm.models.audit import ActorKind

_running: dict[str, ExitStack] = {}


def _begin(task_id: str, task: Any, **kwargs: Any) -> None:
    stack = ExitStack()
    stack.enter_context(acting(Actor(ActorKind.SYSTEM, name="Pete", via=f"task {task.name}")))
    _running[task_id] = stack


def _end(task_id: str, **kwargs: Any) -> None:
    if stack := _running.pop(task_id, None):
        stack.close()


def connect() -> None:
    actors.connect()
    tracking.connect()
    task_prerun.connect(_begin, dispatch_uid="crm.audit.begin")
    task_postrun.connect(_end, dispatch_uid="crm.audit.end")
