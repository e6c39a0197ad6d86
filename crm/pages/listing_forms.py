"""The forms of a home, one for each section of its page. The model's own rules hold."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Agent, Listing

LINES = 6


class SectionForm(forms.ModelForm):
    """Fields of one section, in the look of the desk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
                continue
            field.widget.attrs["class"] = "picker" if isinstance(field.widget, forms.Select) else "input"
            if name in self.errors:
                field.widget.attrs["aria-invalid"] = "true"


_LABELS = {
    "unit": _("Unit"),
    "property_type": _("Kind of home"),
    "neighborhood": _("Part of town"),
    "rent": _("Rent a month"),
    "pets": _("Pets are welcome"),
    "available_on": _("Free from"),
    "facts": _("Facts Pete may say, one a line"),
    "access_notes": _("How to get in"),
    "viewing_minutes": _("Length of a viewing, minutes"),
    "buffer_before_minutes": _("Kept free before, minutes"),
    "buffer_after_minutes": _("Kept free after, minutes"),
    "minimum_notice_minutes": _("Shortest notice, minutes"),
    "horizon_days": _("Booked ahead at most, days"),
    "allows_stacked_viewings": _("Several people may view at once"),
    "agents": _("Who shows this home"),
}
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class BasicsForm(SectionForm):
    class Meta:
        model = Listing
        fields = [
            "address", "unit", "neighborhood", "property_type", "bedrooms", "bathrooms", "rent", "currency",
            "available_on", "pets",
        ]  # fmt: skip
        labels = _LABELS
        widgets: dict[str, Any] = {"available_on": _DAY}


class FactsForm(SectionForm):
    facts = forms.CharField(
        required=False, max_length=10_000, label=_LABELS["facts"], widget=forms.Textarea(attrs={"rows": LINES})
    )

    class Meta:
        model = Listing
        fields = ["facts"]


class AccessForm(SectionForm):
    access_notes = forms.CharField(
        required=False, max_length=10_000, label=_LABELS["access_notes"], widget=forms.Textarea(attrs={"rows": LINES})
    )

    class Meta:
        model = Listing
        fields = ["access_notes"]


class RulesForm(SectionForm):
    class Meta:
        model = Listing
        fields = [
            "viewing_minutes", "buffer_before_minutes", "buffer_after_minutes", "minimum_notice_minutes",
            "horizon_days", "allows_stacked_viewings",
        ]  # fmt: skip
        labels = _LABELS


class AgentsForm(SectionForm):
    agents = forms.ModelMultipleChoiceField(
        Agent.objects.filter(is_active=True),
        required=False,
        label=_LABELS["agents"],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Listing
        fields = ["agents"]


class NewListingForm(BasicsForm):
    class Meta(BasicsForm.Meta):
        fields = [*BasicsForm.Meta.fields, "facts", "access_notes", "agents"]
        widgets: dict[str, Any] = {
            "available_on": _DAY,
            "facts": forms.Textarea(attrs={"rows": LINES}),
            "access_notes": forms.Textarea(attrs={"rows": 3}),
            "agents": forms.CheckboxSelectMultiple,
        }


SECTIONS: dict[str, type[SectionForm]] = {
    "basics": BasicsForm,
    "facts": FactsForm,
    "access": AccessForm,
    "rules": RulesForm,
    "agents": AgentsForm,
}
# Who shows a home may change these, and its photos; the rest is for managers.
DESCRIBING = {"facts", "access"}


def values_of(form: SectionForm) -> dict[str, Any]:
    """Return what a valid form says, agents as ids."""
    given = dict(form.cleaned_data)
    if "agents" in given:
        given["agents"] = [agent.pk for agent in given["agents"]]
    return given
