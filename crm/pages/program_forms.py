"""What makes a token or a webhook on /settings/programs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from crm.hooks.addresses import check_url
from crm.models import ApiToken, WebhookEvent

READ, READ_WRITE = ApiToken.Scope.READ.value, f"{ApiToken.Scope.READ},{ApiToken.Scope.WRITE}"
EVENTS = [
    (WebhookEvent.LEAD_CREATED, gettext_lazy("A lead comes in")),
    (WebhookEvent.LEAD_CHANGED, gettext_lazy("A lead changes")),
    (WebhookEvent.APPOINTMENT_HELD, gettext_lazy("A time is held")),
    (WebhookEvent.APPOINTMENT_BOOKED, gettext_lazy("A viewing is booked")),
    (WebhookEvent.APPOINTMENT_RESCHEDULED, gettext_lazy("A viewing is moved")),
    (WebhookEvent.APPOINTMENT_CANCELLED, gettext_lazy("A viewing is cancelled")),
    (WebhookEvent.CALL_ENDED, gettext_lazy("A call ends")),
]
_PICKER = {"class": "picker"}


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=ApiToken._meta.get_field("name").max_length,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("What it is for: you will know by it what to revoke."),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    scopes = forms.ChoiceField(
        choices=[(READ, gettext_lazy("Read")), (READ_WRITE, gettext_lazy("Read and change"))],
        label=gettext_lazy("May"),
        help_text=gettext_lazy("Of what you may do yourself, never more."),
        widget=forms.Select(attrs=_PICKER),
    )
    days = forms.TypedChoiceField(
        choices=[
            (90, gettext_lazy("90 days")),
            (365, gettext_lazy("A year")),
            (30, gettext_lazy("30 days")),
            (0, gettext_lazy("Until it is revoked")),
        ],
        coerce=int,
        label=gettext_lazy("Works for"),
        help_text=gettext_lazy("Afterwards the program is refused."),
        widget=forms.Select(attrs=_PICKER),
    )


class WebhookForm(forms.Form):
    url = forms.CharField(
        max_length=500,
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Begins with https:// and can be reached from the internet."),
        widget=forms.URLInput(attrs={"class": "input", "autocomplete": "off", "placeholder": "https://"}),
    )
    description = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("What it is for"),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    events = forms.MultipleChoiceField(
        choices=EVENTS,
        label=gettext_lazy("Is told when"),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "events"}),
    )

    def clean_url(self) -> Any:
        try:
            check_url(self.cleaned_data["url"])
        except ValueError as exc:
            raise forms.ValidationError(str(exc)) from exc
        return self.cleaned_data["url"]
