"""One small form for each fact about a lead, so that a wrong one spoils nothing else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.lead_words import field_label
from crm.models import Agent, Lead
from crm.phones import to_e164
from crm.rights import visible_leads

FACTS = [
    "full_name",
    "phone",
    "email",
    "budget",
    "bedrooms",
    "property_type",
    "location",
    "move_in_on",
    "timeline",
    "pets",
    "source",
    "consent_at",
]


def _input(kind: str = "text", **more: str) -> forms.TextInput:
    return forms.TextInput({"class": "input", "type": kind, "autocomplete": "off", **more})


class PhoneFact(forms.CharField):
    """A phone number however it is typed; none is None."""

    def clean(self, value: Any) -> str | None:
        text = super().clean(value)
        if not text:
            return None
        number = to_e164(text)
        if number is None:
            raise ValidationError(_("That is no phone number. Type it with its area code."), code="phone")
        return number


class ConsentFact(forms.BooleanField):
    """Whether the person agreed to be contacted and recorded; kept as since when."""


_FIELDS: dict[str, Any] = {
    "full_name": lambda: forms.CharField(required=False, max_length=200, widget=_input()),
    "phone": lambda: PhoneFact(required=False, max_length=40, widget=_input("tel")),
    "email": lambda: forms.EmailField(required=False, max_length=254, widget=_input("email")),
    "budget": lambda: forms.DecimalField(
        required=False, min_value=0, max_digits=10, decimal_places=2, widget=_input(inputmode="decimal")
    ),
    "bedrooms": lambda: forms.IntegerField(
        required=False, min_value=0, max_value=50, widget=_input(inputmode="numeric")
    ),
    "property_type": lambda: forms.CharField(required=False, max_length=100, widget=_input()),
    "location": lambda: forms.CharField(required=False, max_length=200, widget=_input()),
    "move_in_on": lambda: forms.DateField(
        required=False, widget=forms.DateInput({"class": "input", "type": "date"}, "%Y-%m-%d")
    ),
    "timeline": lambda: forms.CharField(required=False, max_length=200, widget=_input()),
    "pets": lambda: forms.CharField(required=False, max_length=100, widget=_input()),
    "source": lambda: forms.CharField(max_length=50, widget=_input()),
    "consent_at": lambda: ConsentFact(required=False),
}


class FactForm(forms.Form):
    """The form of one fact. `values` is what `edit_lead` takes."""

    def __init__(self, lead: Lead, name: str, data: Any = None) -> None:
        super().__init__(data, initial={name: getattr(lead, name)}, prefix=None, auto_id=f"fact-%s-{lead.pk}")
        self.lead, self.name = lead, name
        self.fields[name] = _FIELDS[name]()
        self.fields[name].label = field_label(name)

    @property
    def fact(self) -> forms.BoundField:
        return self[self.name]

    @property
    def values(self) -> dict[str, Any]:
        value = self.cleaned_data[self.name]
        if self.name != "consent_at":
            return {self.name: value}
        since = self.lead.consent_at or timezone.now()
        return {"consent_at": since if value else None}

    def refuse_number(self, person: Agent) -> None:
        """Say that the number is another lead's, and whose if this person may know."""
        other = visible_leads(person).filter(phone=self.cleaned_data["phone"]).first()
        if other is None:
            self.add_error("phone", _("Another lead has this number."))
        else:
            self.add_error("phone", _("%(name)s has this number. Merge the two instead.") % {"name": other})
