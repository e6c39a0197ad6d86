"""Forms of the composer under a lead's timeline."""

from __future__ import annotations

import secrets
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.models import Agent, Lead
from crm.rights import assignable

LONGEST_NOTE = 10_000


def _nonce() -> str:
    return secrets.token_urlsafe(12)


class Once(forms.Form):
    """A form whose second click is the same as its first."""

    nonce = forms.SlugField(max_length=40, initial=_nonce, widget=forms.HiddenInput)


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Note"),
        max_length=LONGEST_NOTE,
        widget=forms.Textarea({"class": "textarea", "rows": 3, "placeholder": _("What should the next one know?")}),
        error_messages={"required": _("Write something first.")},
    )


def _tomorrow_morning() -> datetime:
    return datetime.combine(timezone.localdate() + timedelta(days=1), time(9), timezone.get_current_timezone())


class TaskForm(Once):
    """What is to be done, by when, by whom."""

    text = forms.CharField(
        label=_("What is to be done"),
        max_length=500,
        widget=forms.TextInput(
            {"class": "input", "autocomplete": "off", "placeholder": _("Call back about the deposit")}
        ),
        error_messages={"required": _("Say what is to be done.")},
    )
    due_at = forms.DateTimeField(
        label=_("Due"),
        initial=_tomorrow_morning,
        widget=forms.DateTimeInput({"class": "input", "type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
        error_messages={"required": _("Say when."), "invalid": _("That is no date and time.")},
    )
    assignee = forms.ModelChoiceField(
        Agent.objects.none(),
        label=_("For"),
        required=False,
        empty_label=_("Nobody yet"),
        widget=forms.Select({"class": "picker"}),
    )

    def __init__(self, *args: Any, person: Agent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = self.fields["assignee"]
        assert isinstance(people, forms.ModelChoiceField)
        people.queryset = assignable(person)
        people.initial = person.pk


class ViewingForm(Once):
    """One of the times offered."""

    slot = forms.CharField(max_length=40, error_messages={"required": _("Choose a time first.")})


class MessageForm(Once):
    """An e-mail to the lead."""

    subject = forms.CharField(
        label=_("Subject"),
        max_length=200,
        widget=forms.TextInput({"class": "input", "autocomplete": "off"}),
        error_messages={"required": _("Give it a subject.")},
    )
    body = forms.CharField(
        label=_("Text"),
        max_length=20_000,
        widget=forms.Textarea({"class": "textarea", "rows": 6}),
        error_messages={"required": _("Write something first.")},
    )

    def __init__(self, *args: Any, lead: Lead, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lead = lead

    def clean(self) -> dict[str, Any]:
        if not self.lead.email:
            raise forms.ValidationError(_("This lead has no e-mail address yet. Add one first."))
        return super().clean() or {}
