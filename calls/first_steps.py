"""The first steps that concern calls: Vapi, and a call to try it."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from calls.models import Call
from calls.shapes import PRACTICE
from crm import first_steps


def vapi_is_connected() -> bool:
    """Say whether Pete can keep Vapi's assistants in step and believes what Vapi sends."""
    return bool(settings.VAPI_API_KEY and (settings.VAPI_WEBHOOK_SECRET or settings.VAPI_HMAC_SECRET))


def has_practised() -> bool:
    return Call.objects.filter(vapi_id__startswith=PRACTICE).exists()


def connect() -> None:
    first_steps.register(
        first_steps.Step(
            "vapi",
            1,
            _("Connect Vapi"),
            _("Set VAPI_API_KEY. Until then calls come in, but assistants are not kept in step."),
            _("See the assistants"),
            "assistants",
            vapi_is_connected,
        )
    )
    first_steps.register(
        first_steps.Step(
            "practice",
            5,
            _("Make a practice call"),
            _("Hear what a caller hears, and see it on the desk."),
            _("Talk to Pete"),
            "vapi-agent",
            has_practised,
        )
    )
