"""/settings: how the office works. Managers change it, everybody sees it."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import condition, require_POST, require_safe

from crm import brand, office_hours
from crm.models import Agent, Closure, OfficeSettings, WorkingHours
from crm.pages import lists, said
from crm.pages.setting_forms import ClosureForm, HoursForm, LookForm, RetentionForm, RulesForm
from crm.rights import sees_everything

SECTIONS = [
    ("rules", gettext_lazy("Booking rules")),
    ("hours", gettext_lazy("Office hours")),
    ("closures", gettext_lazy("Closures")),
    ("retention", gettext_lazy("Retention")),
    ("look", gettext_lazy("Look")),
]
FORMS: dict[str, Any] = {"rules": RulesForm, "hours": HoursForm, "retention": RetentionForm, "look": LookForm}
_SALT = "pete.settings.undo."
# A brand changes seldom; another person sees it within a minute.
_BRAND_AGE = "max-age=60, stale-while-revalidate=86400"


@login_required
@never_cache
@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    section = lists.chosen(request, [value for value, _label in SECTIONS], name="section")
    return _page(request, section, _form(section))


def _form(section: str, data: Any = None) -> Any:
    return ClosureForm(data) if section == "closures" else FORMS[section].of(OfficeSettings.load(), data)


def _page(request: HttpRequest, section: str, form: Any, *, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "place": "settings",
        "section": section,
        "form": form,
        "tabs": lists.tabs(request, SECTIONS, {}, name="section", current=section),
        "may_change": sees_everything(cast(Agent, request.user)),
        "brand_version": _brand_tag(request),
    }
    if section == "closures":
        context["closures"] = Closure.objects.all()
    if section == "hours":
        context["without_hours"] = office_hours.people_without_hours()
    return render(request, "crm/settings/page.html", context, status=status)


@login_required
@require_POST
def save(request: HttpRequest, section: str) -> HttpResponse:
    """Keep one section; what was before comes along in the undo."""
    _require_manager(request)
    if section not in FORMS:
        raise Http404
    form = _form(section, request.POST)
    if not form.is_valid():
        return _page(request, section, form, status=422)
    before = _write(form.values())
    undo = _undo_url("settings-undo", section, was=before) if before else ""
    text = _("Saved. It holds from now on.") if before else _("Nothing was changed.")
    return said.done(request, _to(section), text, undo=undo)


@transaction.atomic
def _write(values: dict[str, Any]) -> dict[str, Any]:
    """Write what differs and return what it was."""
    OfficeSettings.load()
    office = OfficeSettings.objects.select_for_update().get()
    before = {name: getattr(office, name) for name, value in values.items() if getattr(office, name) != value}
    for name in before:
        setattr(office, name, values[name])
    if before:
        office.save(update_fields=list(before))
    return before


@login_required
@require_POST
def undo(request: HttpRequest, section: str) -> HttpResponse:
    """Put back what a save replaced."""
    _require_manager(request)
    if section not in FORMS:
        raise Http404
    _write(_was(request, "settings-undo"))
    return said.undone(request, _to(section))


def _undo_url(name: str, *args: str, was: object) -> str:
    return f"{reverse(name, args=args)}?was={signing.dumps(was, salt=_SALT + name)}"


def _was(request: HttpRequest, name: str) -> Any:
    """Return what `_undo_url` was given for this page, within an hour."""
    try:
        return signing.loads(request.GET.get("was", ""), salt=_SALT + name, max_age=3600)
    except signing.BadSignature as exc:
        raise Http404 from exc


@login_required
@require_POST
def add_closure(request: HttpRequest) -> HttpResponse:
    _require_manager(request)
    form = ClosureForm(request.POST)
    if not form.is_valid():
        return _page(request, "closures", form, status=422)
    closure = form.save()
    undo_url = reverse("closure-remove", args=[closure.pk])
    return said.done(request, _to("closures"), _("The office is closed then."), undo=undo_url)


@login_required
@require_POST
def remove_closure(request: HttpRequest, closure_id: int) -> HttpResponse:
    _require_manager(request)
    closure = get_object_or_404(Closure, pk=closure_id)
    was = {"starts_on": str(closure.starts_on), "ends_on": str(closure.ends_on), "reason": closure.reason}
    closure.delete()
    text = _("The closure is gone; the office is open then.")
    return said.done(request, _to("closures"), text, undo=_undo_url("closure-restore", was=was))


@login_required
@require_POST
def restore_closure(request: HttpRequest) -> HttpResponse:
    _require_manager(request)
    was = _was(request, "closure-restore")
    if not Closure.objects.filter(**was).exists():
        Closure.objects.create(**was)
    return said.undone(request, _to("closures"))


@login_required
@require_POST
def give_hours(request: HttpRequest) -> HttpResponse:
    """Give the office's hours to everybody who has none."""
    _require_manager(request)
    given = office_hours.give_hours()
    count = len({row.agent_id for row in given})
    text = ngettext("%(n)s person got the office's hours.", "%(n)s people got the office's hours.", count)
    undo = _undo_url("hours-take-back", was=[row.pk for row in given]) if given else ""
    return said.done(request, _to("hours"), text % {"n": count}, undo=undo)


@login_required
@require_POST
def take_hours_back(request: HttpRequest) -> HttpResponse:
    """Take away what was given; hours that somebody has changed since are other rows."""
    _require_manager(request)
    WorkingHours.objects.filter(pk__in=_was(request, "hours-take-back")).delete()
    return said.undone(request, _to("hours"))


def _require_manager(request: HttpRequest) -> None:
    if not sees_everything(cast(Agent, request.user)):
        raise PermissionDenied


def _to(section: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('settings')}?section={section}")


def _brand_tag(request: HttpRequest) -> str:
    color = OfficeSettings.objects.values_list("brand_color", flat=True).first() or ""
    return hashlib.sha256(brand.stylesheet(color).encode()).hexdigest()[:16]


@require_safe
@condition(etag_func=lambda request: f'"{_brand_tag(request)}"')
def stylesheet(request: HttpRequest) -> HttpResponse:
    """The brand's colour as a stylesheet; empty for Pete's own."""
    color = OfficeSettings.objects.values_list("brand_color", flat=True).first() or ""
    return HttpResponse(brand.stylesheet(color), content_type="text/css", headers={"Cache-Control": _BRAND_AGE})
