"""What the control tower's form may say."""

from __future__ import annotations

from django import forms

from calls.tower.actions import LONGEST_REASON, LONGEST_TEXT
from crm.models import Agent


class ControlForm(forms.Form):
    """One action's values. What an action needs of them, `actions.perform` says."""

    key = forms.UUIDField()
    reason = forms.CharField(max_length=LONGEST_REASON, required=False)
    text = forms.CharField(max_length=LONGEST_TEXT, required=False)
    answers = forms.BooleanField(required=False)
    hangs_up = forms.BooleanField(required=False)
    to = forms.ModelChoiceField(Agent.objects.filter(is_active=True).exclude(phone=""), required=False)
    take_over_from = forms.IntegerField(required=False)
