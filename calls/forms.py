"""Forms of the voice side's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from calls.models import Assistant, Call
from crm.models import Agent
from crm.phones import to_e164


class MappingForm(forms.ModelForm):
    """Whom and what an assistant speaks for."""

    phone_number = forms.CharField(
        label=_("Phone number"),
        required=False,
        max_length=40,
        help_text=_("The number callers dial. A call to it gets this assistant."),
        widget=forms.TextInput(attrs={"class": "input", "inputmode": "tel", "autocomplete": "off"}),
    )

    class Meta:
        model = Assistant
        fields = ["listing", "agent", "team", "phone_number", "first_message", "is_active"]
        labels = {
            "listing": _("Home"),
            "agent": _("Agent"),
            "team": _("Team"),
            "first_message": _("First words"),
            "is_active": _("Pete looks after this assistant"),
        }
        help_texts = {
            "listing": _("It speaks about this home first."),
            "agent": _("Calls are put through to this person."),
            "first_message": _("In place of those at Vapi. {{caller_name}} stands for who calls."),
            "is_active": _("Otherwise nothing about it is changed at Vapi, and calls are not answered with it."),
        }
        widgets = {
            "listing": forms.Select(attrs={"class": "picker"}),
            "agent": forms.Select(attrs={"class": "picker"}),
            "team": forms.Select(attrs={"class": "picker"}),
            "first_message": forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agents = self.fields["agent"]
        assert isinstance(agents, forms.ModelChoiceField)
        agents.queryset = Agent.objects.filter(is_active=True)

    def clean_phone_number(self) -> str | None:
        written = self.cleaned_data["phone_number"].strip()
        if not written:
            return None
        number = to_e164(written)
        if number is None:
            raise forms.ValidationError(_("This is not a phone number."))
        other = Assistant.objects.filter(phone_number=number).exclude(pk=self.instance.pk).first()
        if other is not None:
            raise forms.ValidationError(_("%(name)s has this number already.") % {"name": other})
        return number


class PromptForm(forms.Form):
    """The next version of a prompt. `base` is the newest one the author has seen; the service checks the text."""

    text = forms.CharField(
        label=_("What the assistant is told"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"class": "input prompt-text", "rows": 20, "spellcheck": "true"}),
    )
    note = forms.CharField(
        label=_("Why this change"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    base = forms.IntegerField(min_value=0, max_value=2**31 - 2, widget=forms.HiddenInput())
    call = forms.CharField(required=False, max_length=40)


def recent_calls() -> list[Call]:
    """Return the calls a preview may be seen for: the newest that know something."""
    return list(
        Call.objects.exclude(context={}).select_related("lead").defer("transcript").order_by("-created_at")[:20]
    )
