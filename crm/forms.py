"""Forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.utils.translation import gettext_lazy as _

from crm.signin import PAUSE_SECONDS, Attempts


class SignInForm(AuthenticationForm):
    """Email and password. Too many wrong passwords are refused for a while, whatever is typed."""

    username = forms.EmailField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username", "class": "input"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "input"}),
    )
    error_messages = {
        "invalid_login": _("This email and password do not fit together. Check both; capitals count."),
        "inactive": _("This account is switched off. An administrator can switch it on again."),
        "paused": _("Too many wrong passwords. Wait %(minutes)s minutes, or ask an administrator for a new password."),
    }

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not email or not password:
            return self.cleaned_data
        attempts = Attempts(email, self.request.META.get("REMOTE_ADDR", "") if self.request else "")
        if attempts.are_too_many():
            raise forms.ValidationError(
                self.error_messages["paused"], code="paused", params={"minutes": PAUSE_SECONDS // 60}
            )
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            attempts.add()
            raise
        attempts.clear()
        return cleaned


class WelcomeForm(SetPasswordForm):
    """A password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"
