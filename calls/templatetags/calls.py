"""Words of the voice side in templates."""

from __future__ import annotations

from django import forms, template

from calls.tiles import board_words
from crm import wording

register = template.Library()
register.filter("clock_of", wording.duration)


@register.filter
def role_word(role: str) -> str:
    """Return who speaks: "Caller", "Assistant"."""
    return board_words()["roles"].get(role, role)


@register.filter
def chosen(field: forms.BoundField) -> str:
    """Return what a field of a filter stands at, in words."""
    choices = getattr(field.field, "choices", None)
    if choices is None:
        return str(field.value())
    return next((str(label) for value, label in choices if str(value) == str(field.value())), "")
