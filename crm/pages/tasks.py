"""/tasks/<id>: done, open again, put off, handed on."""

from __future__ import annotations

from datetime import datetime
from typing import cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm import task_work
from crm.models import Agent, Task
from crm.pages.lead_parts import is_htmx, shown_anew
from crm.pages.said import done, undone
from crm.rights import assignable, may_work_on_task, visible_leads

# A task was never due further away than this.
_YEARS = 50


def _task_of(request: HttpRequest, task_id: int) -> Task:
    """Return a task this person may work on: of a lead they may change, or their own."""
    person = cast(Agent, request.user)
    task = get_object_or_404(Task.objects.select_related("lead", "assignee"), pk=task_id)
    if may_work_on_task(person, task):
        return task
    if task.lead is None or not visible_leads(person).filter(pk=task.lead.pk).exists():
        raise Http404
    raise PermissionDenied(_("Claim this lead first, or ask its owner."))


def _answer(request: HttpRequest, task: Task) -> HttpResponse:
    """Return the lead's page, or what htmx shows of it; where only the task was shown, nothing."""
    person = cast(Agent, request.user)
    if is_htmx(request) and request.htmx.target != "lead-now":  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    if task.lead is None or not visible_leads(person).filter(pk=task.lead.pk).exists():
        return HttpResponse(status=204) if is_htmx(request) else redirect("dashboard")
    return shown_anew(request, task.lead)


def _back(task: Task) -> HttpResponse:
    return redirect("lead", task.lead_id) if task.lead_id else redirect("dashboard")


@login_required
@require_POST
def finish(request: HttpRequest, task_id: int) -> HttpResponse:
    task = _task_of(request, task_id)
    task_work.finish(task, cast(Agent, request.user))
    return done(request, _answer(request, task), _("Done."), undo=reverse("task-reopen", args=[task.pk]))


@login_required
@require_POST
def reopen(request: HttpRequest, task_id: int) -> HttpResponse:
    task = _task_of(request, task_id)
    task_work.reopen(task, cast(Agent, request.user))
    return undone(request, _back(task))


@login_required
@require_POST
def snooze(request: HttpRequest, task_id: int) -> HttpResponse:
    task, until = _task_of(request, task_id), task_work.SNOOZES.get(request.POST.get("until", ""))
    if until is None:
        raise Http404
    undo = f"{reverse('task-put-back', args=[task.pk])}?{urlencode({'to': task.due_at.isoformat()})}"
    task_work.put_off(task, until(timezone.now()), cast(Agent, request.user))
    return done(request, _answer(request, task), _("Put off."), undo=undo)


@login_required
@require_POST
def put_back(request: HttpRequest, task_id: int) -> HttpResponse:
    """Make a task due again when it was, before it was put off."""
    task, was = _task_of(request, task_id), _instant(request.GET.get("to", ""))
    task_work.put_off(task, was, cast(Agent, request.user))
    return undone(request, _back(task))


def _instant(text: str) -> datetime:
    """Return an instant of these years. Raises Http404 for anything else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or timezone.is_naive(found) or abs(found.year - timezone.now().year) > _YEARS:
        raise Http404
    return found


@login_required
@require_POST
def assign(request: HttpRequest, task_id: int) -> HttpResponse:
    task, wanted, person = _task_of(request, task_id), request.POST.get("assignee", ""), cast(Agent, request.user)
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None
    assignee = get_object_or_404(assignable(person), pk=number) if number else None
    task_work.hand_on(task, assignee, person)
    return done(request, _answer(request, task), _("Handed on to %(name)s.") % {"name": assignee or _("nobody")})
