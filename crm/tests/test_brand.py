from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import brand


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_becomes_readable_in_both_themes(number):
    color = f"#{number:06x}"
    found = re.findall(r"--accent:(#\w{6});--on-accent:(#\w{6})", brand.stylesheet(color))
    (light, on_light), (dark, on_dark) = found[:2]

    assert brand.contrast(light, "#ededf1") >= 4.5
    assert brand.contrast(dark, "#212229") >= 4.5
    assert min(brand.contrast(light, on_light), brand.contrast(dark, on_dark)) >= 4.5


def test_a_colour_that_is_readable_stays_as_it_is():
    assert "--accent:#1a5e4c;--on-accent:#ffffff" in brand.stylesheet("#1a5e4c")


@pytest.mark.parametrize("color", ["", "red", "#12345", "#12345g", "#123456;}body{display:none"])
def test_what_is_no_colour_changes_nothing(color):
    assert brand.stylesheet(color) == ""


def test_contrast_is_wcags():
    assert brand.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert brand.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
