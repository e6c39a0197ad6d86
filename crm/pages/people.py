"""/users/new and /users/<id>/edit: adding people, changing them, their hours, and their way in."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from crm import staffing
from crm.errors import CrmError
from crm.models import Agent
from crm.pages.person_forms import PersonForm, WeekForm
from crm.pages.said import done
from crm.rights import sees_everything
from crm.working_hours import replace_working_hours


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Add somebody; they get their way in from their own page afterwards."""
    by = cast(Agent, request.user)
    if not sees_everything(by):
        raise PermissionDenied(_("Only managers add people."))
    form = PersonForm(request.POST or None, by=by, initial={"timezone": by.timezone, "is_bookable": True})
    if request.method == "POST" and form.is_valid():
        person = _kept(form, lambda: staffing.add_person(by=by, values=form.cleaned_data))
        if person:
            text = _("%(name)s is here. Send the link to let them in.") % {"name": person}
            return done(request, redirect("person-edit", person.pk), text)
    return render(request, "crm/people/new.html", {"place": "users", "form": form}, status=_status(form))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, person_id: int) -> HttpResponse:
    """One person: who they are, beside their hours and their way in."""
    by, person = _both(request, person_id)
    form = PersonForm(request.POST or None, by=by, instance=person)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        changed = _kept(form, lambda: staffing.change_person(by=by, person=person, values=values))
        if changed is not None:
            text = _("Saved.") if changed else _("Nothing was changed.")
            return done(request, redirect("person-edit", person.pk), text)
    return _page(request, person, form=form, status=_status(form))


@login_required
@require_POST
def hours(request: HttpRequest, person_id: int) -> HttpResponse:
    """Write somebody's week."""
    _by, person = _both(request, person_id)
    form = WeekForm(request.POST)
    if not form.is_valid():
        return _page(request, person, week=form, status=422)
    replace_working_hours(agent=person, stretches=form.stretches)
    return done(request, redirect("person-edit", person.pk), _("The hours hold from now on."))


@login_required
@never_cache
@require_POST
def link(request: HttpRequest, person_id: int) -> HttpResponse:
    """Make somebody's way in, send it, and show it once to whoever asked for it."""
    by, person = _both(request, person_id)
    if by.pk == person.pk or not person.is_active:
        raise PermissionDenied(_("A link is for somebody else who works here."))
    way_in = staffing.welcome_link(person)
    return _page(request, person, link=way_in, was_sent=staffing.send_welcome(person, way_in))


def _both(request: HttpRequest, person_id: int) -> tuple[Agent, Agent]:
    """Return who asks and whom about, if the one may change the other."""
    by, person = cast(Agent, request.user), get_object_or_404(Agent, pk=person_id)
    if not staffing.may_change(by, person):
        raise PermissionDenied(_("Only managers change others, and only administrators change administrators."))
    return by, person


def _kept(form: PersonForm, write: Any) -> Any:
    """Return what `write` does; a refusal goes into the form, and None is returned."""
    try:
        with transaction.atomic():
            return write()
    except CrmError as exc:
        form.add_error(None, exc.message)
    except IntegrityError:
        form.add_error("email", _("Somebody here has this address already."))
    return None


def _status(form: PersonForm) -> int:
    return 422 if form.errors else 200


def _page(request: HttpRequest, person: Agent, *, status: int = 200, **more: Any) -> HttpResponse:
    by = cast(Agent, request.user)
    context = {
        "place": "users",
        "person": person,
        "form": PersonForm(by=by, instance=person),
        "week": WeekForm.of(person),
        "may_invite": by.pk != person.pk and person.is_active,
    }
    return render(request, "crm/people/edit.html", context | more, status=status)
