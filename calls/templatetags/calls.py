"""Words of the voice side in templates."""

from __future__ import annotations

from django import template

from calls.tiles import board_words
from crm import wording

register = template.Library()
register.filter("clock_of", wording.duration)


@register.filter
def role_word(role: str) -> str:
    """Return who speaks: "Caller", "Assistant"."""
    return board_words()["roles"].get(role, role)
