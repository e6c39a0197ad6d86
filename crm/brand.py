"""The office's colour, made readable: as text and as ground, in both themes (WCAG AA, 4.5 to 1)."""

from __future__ import annotations

import re

from crm.models.office import HEX_COLOR

READABLE = 4.5
_STEPS = 50
# What accents lie on: the wells, which are nearest to the text, as static/src/tokens.css names them.
_LIGHT_GROUND, _DARK_GROUND = "#ededf1", "#212229"
_WHITE, _INK = "#ffffff", "#10122b"

Channels = tuple[float, float, float]


def stylesheet(color: str) -> str:
    """Return CSS that puts the colour in place of Pete's; "" for no colour."""
    if not re.match(HEX_COLOR, color):
        return ""
    light = f"--accent:{_towards(color, '#000000', _LIGHT_GROUND)}"
    dark = f"--accent:{_towards(color, _WHITE, _DARK_GROUND)}"
    light, dark = (f"{rule};--on-accent:{_ink_on(rule[-7:])}" for rule in (light, dark))
    return (
        f':root,[data-theme="light"]{{{light}}}\n'
        f'[data-theme="dark"]{{{dark}}}\n'
        f"@media(prefers-color-scheme:dark){{:root:not([data-theme]){{{dark}}}}}\n"
    )


def contrast(one: str, other: str) -> float:
    """Return WCAG's contrast ratio of two colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _towards(color: str, end: str, ground: str) -> str:
    """Move the colour towards `end` until it can be read on `ground`."""
    for step in range(_STEPS + 1):
        mixed = _mix(color, end, step / _STEPS)
        if contrast(mixed, ground) >= READABLE:
            return mixed
    return end


def _ink_on(color: str) -> str:
    return max((_WHITE, _INK), key=lambda ink: contrast(ink, color))


def _mix(one: str, other: str, share: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(color: str) -> Channels:
    red, green, blue = (float(int(color[start : start + 2], 16)) for start in (1, 3, 5))
    return red, green, blue


def _luminance(color: str) -> float:
    red, green, blue = (_linear(value / 255) for value in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
