"""Forms of /settings, one a section: each field with its unit and what it means."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.api.office import LONGEST_KEPT_DAYS, RULE_LIMITS
from crm.models import Closure, OfficeSettings
from crm.models.office import STEPS
from crm.office_hours import Stretch
from crm.retention import LEAST_DAYS

MINUTES, DAYS, SECONDS = gettext_lazy("minutes"), gettext_lazy("days"), gettext_lazy("seconds")


def _number(label: Any, meaning: Any, smallest: int, largest: int, *, required: bool = True) -> forms.IntegerField:
    attrs = {"class": "input", "inputmode": "numeric"}
    return forms.IntegerField(
        label=label,
        help_text=meaning,
        min_value=smallest,
        max_value=largest,
        required=required,
        widget=forms.NumberInput(attrs=attrs),
    )


def _rule(name: str, label: Any, meaning: Any, *, required: bool = True) -> forms.IntegerField:
    return _number(label, meaning, *RULE_LIMITS[name], required=required)


class SectionForm(forms.Form):
    """Fields of the office's one row. `units` says what stands behind each number."""

    units: dict[str, Any] = {}

    @classmethod
    def of(cls, office: OfficeSettings, data: Any = None) -> SectionForm:
        return cls(data, initial={name: getattr(office, name) for name in cls.base_fields})

    def rows(self) -> list[tuple[forms.BoundField, str]]:
        return [(field, str(self.units.get(field.name, ""))) for field in self]

    def values(self) -> dict[str, Any]:
        """Return what to write, by column."""
        return self.cleaned_data


class RulesForm(SectionForm):
    viewing_minutes = _rule(
        "viewing_minutes", gettext_lazy("Length of a viewing"), gettext_lazy("A listing may have its own length.")
    )
    slot_step_minutes = forms.TypedChoiceField(
        label=gettext_lazy("Times begin every"),
        help_text=gettext_lazy("30: at the full and the half hour."),
        choices=[(step, str(step)) for step in STEPS],
        coerce=int,
        widget=forms.Select(attrs={"class": "picker"}),
    )
    buffer_before_minutes = _rule(
        "buffer_before_minutes",
        gettext_lazy("Kept free before"),
        gettext_lazy("For the way there. Nothing else is booked in it."),
    )
    buffer_after_minutes = _rule(
        "buffer_after_minutes", gettext_lazy("Kept free after"), gettext_lazy("For locking up and the way on.")
    )
    minimum_notice_minutes = _rule(
        "minimum_notice_minutes",
        gettext_lazy("Shortest notice"),
        gettext_lazy("Nothing that begins sooner is offered. 60: at least an hour from now."),
    )
    horizon_days = _rule(
        "horizon_days", gettext_lazy("Booked ahead"), gettext_lazy("How far into the future times are offered.")
    )
    daily_cap = _rule(
        "daily_cap",
        gettext_lazy("Most viewings a day"),
        gettext_lazy("For each person. Empty: no limit."),
        required=False,
    )
    hold_seconds = _rule(
        "hold_seconds",
        gettext_lazy("A time is held for"),
        gettext_lazy("While a caller makes up their mind; then it is offered to others again."),
    )
    units = {
        "viewing_minutes": MINUTES,
        "slot_step_minutes": MINUTES,
        "buffer_before_minutes": MINUTES,
        "buffer_after_minutes": MINUTES,
        "minimum_notice_minutes": MINUTES,
        "horizon_days": DAYS,
        "daily_cap": gettext_lazy("viewings"),
        "hold_seconds": SECONDS,
    }


def _kept(label: Any, meaning: Any) -> forms.IntegerField:
    return _number(label, meaning, LEAST_DAYS, LONGEST_KEPT_DAYS, required=False)


class RetentionForm(SectionForm):
    keep_recordings_days = _kept(
        gettext_lazy("Links to recordings"),
        gettext_lazy("Counted from the end of the call. The sound itself lies at Vapi. Empty: kept for ever."),
    )
    keep_transcripts_days = _kept(
        gettext_lazy("Transcripts and summaries"),
        gettext_lazy("What was said. The call itself stays, for the figures. Empty: kept for ever."),
    )
    keep_events_days = _kept(
        gettext_lazy("Raw messages of Vapi"),
        gettext_lazy("Support needs them to replay a call. Empty: kept for ever."),
    )
    keep_idle_leads_days = _kept(
        gettext_lazy("Leads without activity"),
        gettext_lazy("Without a viewing, an open task or a line in their history since. Empty: kept for ever."),
    )
    units = dict.fromkeys(
        ("keep_recordings_days", "keep_transcripts_days", "keep_events_days", "keep_idle_leads_days"), DAYS
    )


class LookForm(SectionForm):
    brand_color = forms.RegexField(
        regex=r"^#[0-9a-fA-F]{6}$",
        required=False,
        label=gettext_lazy("Brand colour"),
        help_text=gettext_lazy(
            "Marks the main act and the present place. Pete darkens or lightens it until it can be read in both themes."
        ),
        error_messages={"invalid": gettext_lazy("Write a colour like #1a6e5c.")},
        widget=forms.TextInput(attrs={"class": "input", "placeholder": "#3a4fd0", "maxlength": 7}),
    )

    def values(self) -> dict[str, Any]:
        return {"brand_color": self.cleaned_data["brand_color"].lower()}


class HoursForm(forms.Form):
    """The office's usual week: a line for each day; both times empty means closed."""

    @classmethod
    def of(cls, office: OfficeSettings, data: Any = None) -> HoursForm:
        rows: list[Stretch] = office.default_hours
        initial = {f"{end}_{row['weekday']}": row[end] for row in rows for end in ("start", "end")}
        return cls(data, initial=initial)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day, name in WEEKDAYS.items():
            for end, words in (("start", _("from")), ("end", _("until"))):
                widget = forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "input"})
                self.fields[f"{end}_{day}"] = forms.TimeField(label=f"{name} {words}", required=False, widget=widget)

    def days(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        return [(str(name), self[f"start_{day}"], self[f"end_{day}"]) for day, name in WEEKDAYS.items()]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        for day in WEEKDAYS:
            start, end = found.get(f"start_{day}"), found.get(f"end_{day}")
            if (start is None) != (end is None) and not self.errors.get(f"end_{day}"):
                self.add_error(f"end_{day}", _("Give both times, or neither for a closed day."))
            elif start and end and end <= start:
                self.add_error(f"end_{day}", _("The day must end after it begins."))
        return found

    def values(self) -> dict[str, Any]:
        found = self.cleaned_data
        open_days = [day for day in WEEKDAYS if found[f"start_{day}"]]
        return {
            "default_hours": [
                Stretch(weekday=day, start=f"{found[f'start_{day}']:%H:%M}", end=f"{found[f'end_{day}']:%H:%M}")
                for day in open_days
            ]
        }


class ClosureForm(forms.ModelForm):
    class Meta:
        model = Closure
        fields = ("starts_on", "ends_on", "reason")
        labels = {
            "starts_on": gettext_lazy("First day"),
            "ends_on": gettext_lazy("Last day"),
            "reason": gettext_lazy("Reason"),
        }
        help_texts = {"ends_on": gettext_lazy("Included."), "reason": gettext_lazy("Staff see it.")}
        widgets = {
            "starts_on": forms.DateInput(attrs={"type": "date", "class": "input"}),
            "ends_on": forms.DateInput(attrs={"type": "date", "class": "input"}),
            "reason": forms.TextInput(attrs={"class": "input"}),
        }

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("starts_on") and found.get("ends_on") and found["ends_on"] < found["starts_on"]:
            self.add_error("ends_on", _("The last day must not lie before the first."))
        return found
