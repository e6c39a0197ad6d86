"""What a list of calls may be narrowed to: read from an address, never refused, said back where it makes no sense."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calls.models import Assistant, Call, Stage
from calls.reports import ended_classes
from calls.search import LONGEST_QUERY
from calls.shapes import PRACTICE
from calls.tiles import board_words
from crm.models import Agent, Appointment, AppointmentStatus, Listing, Team

DIRECTIONS = {"inbound": _("Incoming"), "outbound": _("Outgoing"), "web": _("In the browser")}
WEEKDAYS = {
    1: _("Monday"),
    2: _("Tuesday"),
    3: _("Wednesday"),
    4: _("Thursday"),
    5: _("Friday"),
    6: _("Saturday"),
    7: _("Sunday"),
}
KEPT = [AppointmentStatus.BOOKED, AppointmentStatus.COMPLETED, AppointmentStatus.NO_SHOW]


def booked_in() -> Exists:
    """Whether a viewing was booked in the call and not cancelled since."""
    return Exists(Appointment.objects.filter(call_id=OuterRef("pk"), status__in=KEPT))


_ANY = {
    "assistant": _("Any assistant"),
    "listing": _("Any listing"),
    "owner": _("Any agent"),
    "team": _("Any team"),
}
CARRIED = ["source", "owner", "team", "weekday", "hour", "real"]
# What a field narrows by. Hours and days are those of the zone in force.
_COLUMNS = {
    "assistant": "assistant",
    "listing": "listing",
    "stage": "stage",
    "direction": "direction",
    "source": "lead__source",
    "owner": "lead__owner",
    "team": "lead__owner__team",
    "weekday": "created_at__iso_week_day",
    "hour": "created_at__hour",
}


class DayField(forms.DateField):
    """A day that a call may have been on."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    default_validators = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]


class CallFilter(forms.Form):
    """The filter bar of /calls. A value that makes no sense narrows nothing and is marked."""

    q = forms.CharField(max_length=LONGEST_QUERY, required=False, label=_("Words, name or number"))
    assistant = forms.ModelChoiceField(Assistant.objects.all(), required=False, label=_("Assistant"))
    listing = forms.ModelChoiceField(Listing.objects.all(), required=False, label=_("Listing"))
    ended = forms.ChoiceField(required=False, label=_("Ended"))
    stage = forms.ChoiceField(choices=[("", _("Any stage")), *Stage.choices], required=False, label=_("Stage"))
    direction = forms.ChoiceField(
        choices=[("", _("Any direction")), *DIRECTIONS.items()], required=False, label=_("Direction")
    )
    since = DayField(required=False, label=_("From"))
    until = DayField(required=False, label=_("To"))
    # These come with links from figures; the bar shows them only when they are set.
    source = forms.CharField(max_length=50, required=False, label=_("Source"))
    owner = forms.ModelChoiceField(Agent.objects.all(), required=False, label=_("Owner"))
    team = forms.ModelChoiceField(Team.objects.all(), required=False, label=_("Team"))
    weekday = forms.TypedChoiceField(
        choices=[("", ""), *((str(n), name) for n, name in WEEKDAYS.items())],
        coerce=int,
        required=False,
        label=_("Day"),
    )
    hour = forms.TypedChoiceField(
        choices=[("", ""), *((str(n), f"{n:02}:00") for n in range(24))], coerce=int, empty_value=None, required=False,
        label=_("Hour"),
    )  # fmt: skip
    real = forms.BooleanField(required=False, label=_("Without practice calls"))
    alert = forms.BooleanField(required=False, label=_("With an alert"))
    booked = forms.BooleanField(required=False, label=_("Viewing booked"))

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked, use_required_attribute=False)
        outcomes = board_words()["outcomes"]
        live = ("live", _("Still talking"))
        self.fields["ended"].choices = [  # type: ignore[attr-defined]
            ("", _("Any ending")), live, *((name, outcomes[name]) for name in ended_classes())
        ]  # fmt: skip
        for name, word in _ANY.items():
            self.fields[name].empty_label = word  # type: ignore[attr-defined]
        for name in (*_ANY, "ended", "stage", "direction", "since", "until"):
            self.fields[name].widget.attrs.setdefault("class", "input")

    @property
    def wanted(self) -> dict[str, Any]:
        """What was asked for and makes sense."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "", False)}

    @property
    def carried(self) -> list[forms.BoundField]:
        """The fields that only a link sets, where one did."""
        return [self[name] for name in CARRIED if name in self.wanted]

    def narrow(self, calls: QuerySet[Call]) -> QuerySet[Call]:
        """Return those of `calls` that fit everything but the words."""
        wanted = self.wanted
        exact = _COLUMNS
        calls = calls.filter(**{field: wanted[name] for name, field in exact.items() if name in wanted})
        match wanted.get("ended", ""):
            case "":
                pass
            case "live":
                calls = calls.exclude(phase="ENDED")
            case "other":
                calls = calls.filter(phase="ENDED", ended_class__in=["", "other"])
            case family:
                calls = calls.filter(ended_class=family)
        if wanted.get("alert"):
            calls = calls.exclude(alerts=[])
        if wanted.get("booked"):
            calls = calls.filter(booked_in())
        if wanted.get("real"):
            calls = calls.exclude(vapi_id__startswith=PRACTICE)
        if since := wanted.get("since"):
            calls = calls.filter(created_at__gte=midnight(since))
        if until := wanted.get("until"):
            calls = calls.filter(created_at__lt=midnight(until + timedelta(days=1)))
        return calls


def midnight(day: date) -> datetime:
    """Return the first instant of a day in the zone in force."""
    return datetime.combine(day, time(), timezone.get_current_timezone())
