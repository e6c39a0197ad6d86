"""Comparisons in templates."""

from __future__ import annotations

from django import template

from calls.stage_prompts import Line, compare

register = template.Library()


@register.simple_tag
def changed_lines(before: str, after: str) -> list[Line]:
    """Return the lines that change a schema, a missing one as added as a whole."""
    if before == "missing":
        return [Line("added", line) for line in after.split("\n")]
    return compare(before, after, 1)
