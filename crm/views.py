"""Pages of the centre: signing in and out, and what is to be done."""

from __future__ import annotations

from django.contrib.auth import views as auth_views

from crm.forms import SignInForm


class SignIn(auth_views.LoginView):
    """The door. Whoever is signed in already goes on to the desk; `next` is followed only within this site."""

    template_name = "crm/login.html"
    form_class = SignInForm
    redirect_authenticated_user = True
