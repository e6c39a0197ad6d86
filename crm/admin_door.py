"""The own door of Django admin. It counts wrong passwords together with /login.

Not in crm.admin: the site asks for this form before it takes tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import BASE_INPUT_CLASSES

from crm.forms import SignInForm

if TYPE_CHECKING:
    from typing import Any

    from crm.models import Agent


class AdminSignInForm(SignInForm):
    """Email and password of somebody who may open Django admin."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)

    def confirm_login_allowed(self, user: Agent) -> None:
        super().confirm_login_allowed(user)
        if not user.is_staff:
            raise ValidationError(_("This account may not open the administration."), code="not_staff")
