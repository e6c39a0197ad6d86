"""Forms about somebody who works here: who they are, and the hours in which they show homes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.models import Agent, Role, WorkingHours
from crm.phones import to_e164
from crm.rights import is_admin, sees_everything
from crm.staffing import OWN_FIELDS

_STRETCH = re.compile(r"(\d{1,2})[:.]?(\d\d)?\s*[-–]\s*(\d{1,2})[:.]?(\d\d)?", re.ASCII)
_MINUTES_A_DAY = 24 * 60


class PersonForm(forms.ModelForm):
    """Somebody who works here, with the fields that the one who changes them may change."""

    class Meta:
        model = Agent
        fields = ("full_name", "email", "phone", "timezone", "language", "role", "team", "is_bookable", "is_active")
        labels = {
            "full_name": gettext_lazy("Name"),
            "email": gettext_lazy("E-mail, to sign in with"),
            "phone": gettext_lazy("Phone"),
            "timezone": gettext_lazy("Time zone"),
            "language": gettext_lazy("Language"),
            "role": gettext_lazy("Role"),
            "team": gettext_lazy("Team"),
            "is_bookable": gettext_lazy("Shows homes: viewings are offered on their time"),
            "is_active": gettext_lazy("Works here: may sign in"),
        }
        help_texts = {
            "team": gettext_lazy("Team mates see each other's leads and viewings."),
            "language": gettext_lazy("Of the pages and the e-mails. Without a choice, e-mails are in English."),
            "timezone": gettext_lazy("Working hours are in it, and times are shown in it."),
        }

    def __init__(self, *args: Any, by: Agent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_own = self.instance.pk == by.pk
        kept = set(self.fields if sees_everything(by) else OWN_FIELDS)
        # Nobody locks themselves out.
        kept -= {"role", "is_active"} if is_own else set()
        kept -= {"is_active"} if self.instance.pk is None else set()
        for name in set(self.fields) - kept:
            del self.fields[name]
        self._dress(by)

    def _dress(self, by: Agent) -> None:
        zones = [
            (zone, zone.replace("_", " "))
            for zone in sorted((available_timezones() - {"localtime"}) | {self.instance.timezone})
        ]
        self.fields["timezone"] = forms.ChoiceField(
            label=self.fields["timezone"].label, help_text=self.fields["timezone"].help_text, choices=zones
        )
        if "role" in self.fields and not is_admin(by):
            self.fields["role"] = forms.ChoiceField(
                label=_("Role"), choices=[(value, label) for value, label in Role.choices if value != Role.ADMIN]
            )
        self.fields["full_name"].required = True
        if "team" in self.fields:
            self.fields["team"].empty_label = _("No team")  # type: ignore[attr-defined]
        for field in self.fields.values():
            kinds = {"Select": "picker", "CheckboxInput": "checkbox"}
            field.widget.attrs["class"] = kinds.get(type(field.widget).__name__, "input")
            field.widget.attrs["autocomplete"] = "off"

    @property
    def inputs(self) -> list[forms.BoundField]:
        return [field for field in self if not isinstance(field.field, forms.BooleanField)]

    @property
    def ticks(self) -> list[forms.BoundField]:
        return [field for field in self if isinstance(field.field, forms.BooleanField)]

    def clean_phone(self) -> str:
        text = self.cleaned_data["phone"]
        number = to_e164(text) if text else ""
        if number is None:
            raise forms.ValidationError(_("That is no phone number."))
        return number

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if Agent.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Somebody here has this address already."))
        return email

    def _post_clean(self) -> None:
        """Leave the row alone: the service writes it, once it knows that it may."""

    def validate_unique(self) -> None:
        """See `clean_email`; the database has the last word."""


class WeekForm(forms.Form):
    """A week of working hours, a line for each day: "9:00-12:00, 13-17"; empty is a day off."""

    @classmethod
    def of(cls, person: Agent, data: Any = None) -> WeekForm:
        lines: dict[int, list[str]] = {}
        for row in WorkingHours.objects.filter(agent=person).order_by("weekday", "start_minute"):
            lines.setdefault(row.weekday, []).append(f"{_clock(row.start_minute)}–{_clock(row.end_minute)}")
        return cls(data, initial={f"day_{day}": ", ".join(found) for day, found in lines.items()})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day, name in WEEKDAYS.items():
            attrs = {"class": "input", "autocomplete": "off", "placeholder": _("off")}
            widget = forms.TextInput(attrs=attrs)
            self.fields[f"day_{day}"] = forms.CharField(label=name, required=False, max_length=100, widget=widget)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        for day in WEEKDAYS:
            try:
                found[f"day_{day}"] = _stretches(found.get(f"day_{day}", ""))
            except forms.ValidationError as exc:
                self.add_error(f"day_{day}", exc)
        return found

    @property
    def stretches(self) -> list[dict[str, int]]:
        return [
            {"weekday": day, "start_minute": start, "end_minute": end}
            for day in WEEKDAYS
            for start, end in self.cleaned_data[f"day_{day}"]
        ]


def _stretches(text: str) -> list[tuple[int, int]]:
    """Read the stretches of one day, in order."""
    found = []
    for part in filter(None, (part.strip() for part in re.split("[,;]", text))):
        match = _STRETCH.fullmatch(part)
        if match is None:
            raise forms.ValidationError(_("Write times as 9:00–17:00; more than one with a comma between."))
        start, end = (_minute(match[n], match[n + 1]) for n in (1, 3))
        if not start < end <= _MINUTES_A_DAY:
            raise forms.ValidationError(_("The day must end after it begins."))
        found.append((start, end))
    found.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(found)):
        raise forms.ValidationError(_("These hours overlap."))
    return found


def _minute(hour: str, minute: str | None) -> int:
    if int(minute or 0) > 59:
        raise forms.ValidationError(_("Write times as 9:00–17:00; more than one with a comma between."))
    return int(hour) * 60 + int(minute or 0)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
