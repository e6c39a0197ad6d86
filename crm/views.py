"""Pages of the centre: signing in and out, and what is to be done."""

from __future__ import annotations

from django.contrib.auth import views as auth_views
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from crm.forms import SignInForm, WelcomeForm
from crm.models import Agent


class SignIn(auth_views.LoginView):
    """The door. Whoever is signed in already goes on to the desk; `next` is followed only within this site."""

    template_name = "crm/login.html"
    form_class = SignInForm
    redirect_authenticated_user = True


class Welcome(auth_views.PasswordResetConfirmView):
    """The way in for somebody new, or whose password is forgotten: choose a password, and be signed in."""

    template_name = "crm/welcome.html"
    form_class = WelcomeForm
    post_reset_login = True
    success_url = reverse_lazy("index")
    title = _("Choose a password")

    def get_user(self, uidb64: str) -> Agent | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, Agent) and user.is_active else None
