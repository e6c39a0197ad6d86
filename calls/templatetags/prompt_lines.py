"""Comparisons in templates."""

from __future__ import annotations

from django import template

from calls.stage_prompts import Line, compare
from calls.sync.compare import Change

register = template.Library()


@register.simple_tag
def changed_lines(change: Change) -> list[Line]:
    """Return the lines that change a schema, a missing one as added as a whole."""
    if change.is_missing:
        return [Line("added", line) for line in change.after.split("\n")]
    return compare(change.before, change.after, 1)
