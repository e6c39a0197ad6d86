"""/notifications: what concerns me, grouped by lead, each line with why and what to do; and what I want to hear of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from django import forms
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from crm import notices
from crm.models import Agent, Channel, Lead, Notice, NoticeKind, NoticeWishes
from crm.notice_words import Line, line
from crm.pages import lists, said
from crm.pages.places import Count

SHOWS = [("unread", gettext_lazy("Unread")), ("all", gettext_lazy("All")), ("wishes", gettext_lazy("What I hear of"))]
# A browser that slept shows no more than these.
MOST_ALERTS = 5


@dataclass
class Group:
    """What is told about one lead, newest first; `lead` is None for what is about none."""

    lead: Lead | None
    lines: list[Line] = field(default_factory=list)

    @property
    def has_unread(self) -> bool:
        return any(item.notice.read_at is None for item in self.lines)


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def notifications(request: HttpRequest) -> HttpResponse:
    """The list, or the grid of wishes; htmx asks for the list alone when something new came."""
    person = cast(Agent, request.user)
    show = lists.chosen(request, [value for value, _label in SHOWS], name="show")
    count = notices.unread(person).count()
    context: dict[str, Any] = {"place": "notifications", "show": show, "unread": count}
    context["tabs"] = lists.tabs(request, SHOWS, {"unread": count}, name="show")
    if show == "wishes":
        context["wishes"] = WishesForm.of(person)
        return render(request, "crm/notifications/page.html", context)
    rows = notices.unread(person) if show == "unread" else notices.told_to(person)
    page = lists.page_of(request, rows.select_related("lead__owner"), ["-created_at", "-id"])
    context |= {"page": page, "groups": grouped(page.rows)}
    part = "crm/notifications/list.html" if getattr(request, "htmx", False) else "crm/notifications/page.html"
    return render(request, part, context)


def bell(person: Agent) -> Count:
    """Return what stands beside the bell."""
    return Count(notices.unread(person).count(), gettext_lazy("unread notifications"))


def grouped(rows: list[Notice]) -> list[Group]:
    """Put lines about the same lead together, where the newest of them stands."""
    groups: dict[int | None, Group] = {}
    for row in rows:
        groups.setdefault(row.lead_id, Group(row.lead)).lines.append(line(row))
    return list(groups.values())


@login_required
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Mark as read: one line (`notice`), all about one lead (`lead`, 0 for what is about none), or everything."""
    person = cast(Agent, request.user)
    rows = _chosen_rows(request, notices.unread(person))
    now = timezone.now()
    count = rows.update(read_at=now)
    notices.tell_again(person)
    text = ngettext("%(n)s notification read.", "%(n)s notifications read.", count) % {"n": count}
    undo = f"{reverse('notifications-unread')}?at={quote(now.isoformat())}"
    return said.done(request, _back(request), text, undo=undo if count else "")


def _chosen_rows(request: HttpRequest, rows: QuerySet[Notice]) -> QuerySet[Notice]:
    for name, column in (("notice", "pk"), ("lead", "lead")):
        text = request.POST.get(name, "")
        if text and not (text.isascii() and text.isdigit()):
            raise Http404
        if text:
            return rows.filter(**{column: int(text[:18]) or None})
    return rows


@login_required
@require_POST
def unread(request: HttpRequest) -> HttpResponse:
    """Take back what was marked as read at the instant `at`."""
    person = cast(Agent, request.user)
    at = _instant(request.GET.get("at", ""))
    if at is None:
        raise Http404
    Notice.objects.filter(person=person, read_at=at).update(read_at=None)
    notices.tell_again(person)
    return said.undone(request, HttpResponseRedirect(reverse("notifications")))


def _instant(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) else None


def _back(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", False):
        return HttpResponse(status=204)
    return HttpResponseRedirect(reverse("notifications"))


@login_required
@never_cache
@require_safe
def news(request: HttpRequest) -> HttpResponse:
    """Answer {"unread", "newest", "sound", "alerts": [{"id", "text", "url", "sound"}]}: what the browser may show.

    `after` is the newest id the browser knows; without it there is nothing to alert.
    """
    person = cast(Agent, request.user)
    rows = notices.unread(person)
    newest = rows.order_by("-pk").values_list("pk", flat=True).first() or 0
    after = request.GET.get("after", "")
    alerts: list[dict[str, object]] = []
    if after.isascii() and after.isdigit():
        fresh = rows.filter(pk__gt=int(after[:18]), in_browser=True).select_related("lead").order_by("-pk")
        alerts = [_alert(row) for row in fresh[:MOST_ALERTS]]
    wishes = NoticeWishes.objects.filter(person=person).first()
    has_sound = bool(wishes and wishes.sound)
    return JsonResponse({"unread": rows.count(), "newest": newest, "sound": has_sound, "alerts": alerts})


def _alert(row: Notice) -> dict[str, object]:
    item = line(row)
    return {"id": row.pk, "text": item.text, "url": item.url, "sound": row.event == "hot_unclaimed"}


_SALT = "pete.notices.wishes"


class WishesForm(forms.ModelForm):
    """Quiet hours and sound; the grid of kinds and channels is read beside it."""

    class Meta:
        model = NoticeWishes
        fields = ("quiet_from", "quiet_until", "sound")
        labels = {
            "quiet_from": gettext_lazy("Quiet from"),
            "quiet_until": gettext_lazy("until"),
            "sound": gettext_lazy("One soft sound for a hot lead that belongs to nobody"),
        }
        widgets = {
            "quiet_from": forms.TimeInput(attrs={"type": "time", "class": "input"}, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs={"type": "time", "class": "input"}, format="%H:%M"),
        }

    @classmethod
    def of(cls, person: Agent, data: object = None) -> WishesForm:
        wishes = NoticeWishes.objects.filter(person=person).first() or NoticeWishes(person=person)
        return cls(data, instance=wishes)  # type: ignore[arg-type]

    def clean(self) -> dict[str, object]:
        found = super().clean() or {}
        if (found.get("quiet_from") is None) != (found.get("quiet_until") is None) and not self.errors:
            self.add_error("quiet_until", _("Give both ends of the quiet hours, or neither."))
        return found

    def rows(self) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
        """Return a line for each kind: its value, its words, and (channel, words, whether wanted) for each channel."""
        return [
            (kind.value, str(kind.label), [(c.value, str(c.label), self._wants(kind, c)) for c in Channel])
            for kind in NoticeKind
        ]

    def _wants(self, kind: NoticeKind, channel: Channel) -> bool:
        if self.is_bound:
            return channel.value in self.data.getlist(kind.value)  # type: ignore[attr-defined]
        return self.instance.wants(kind, channel)


@login_required
@require_POST
def wishes(request: HttpRequest) -> HttpResponse:
    """Keep what this person wants to hear of."""
    person = cast(Agent, request.user)
    form = WishesForm.of(person, request.POST)
    if not form.is_valid():
        context = {"place": "notifications", "show": "wishes", "wishes": form}
        context["tabs"] = lists.tabs(request, SHOWS, {}, name="show", current="wishes")
        return render(request, "crm/notifications/page.html", context, status=422)
    undo = f"{reverse('notifications-wishes-undo')}?was={signing.dumps(_kept(person), salt=_SALT)}"
    known = set(Channel.values)
    form.instance.channels = {kind: [c for c in request.POST.getlist(kind) if c in known] for kind in NoticeKind.values}
    form.save()
    return said.done(request, _to_wishes(), _("Saved. It holds from now on."), undo=undo)


@login_required
@require_POST
def undo_wishes(request: HttpRequest) -> HttpResponse:
    """Put back what a save replaced, within an hour and for the same person."""
    person = cast(Agent, request.user)
    try:
        was = signing.loads(request.GET.get("was", ""), salt=_SALT, max_age=3600)
    except signing.BadSignature as exc:
        raise Http404 from exc
    if was.pop("person") != person.pk:
        raise Http404
    NoticeWishes.objects.update_or_create(person=person, defaults=was)
    return said.undone(request, _to_wishes())


def _kept(person: Agent) -> dict[str, object]:
    kept = NoticeWishes.objects.filter(person=person).first() or NoticeWishes(person=person)
    ends = {name: str(at) if (at := getattr(kept, name)) else None for name in ("quiet_from", "quiet_until")}
    return {"person": person.pk, "channels": kept.channels, "sound": kept.sound} | ends


def _to_wishes() -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('notifications')}?show=wishes")
