from __future__ import annotations

import pytest

from crm.models import Agent
from crm.pages import places


def test_every_place_has_a_key_of_its_own():
    keys = [place.key for place in places.PLACES]
    assert len(set(keys)) == len(keys)


def test_five_places_fit_on_a_phone():
    assert len([place for place in places.PLACES if place.is_main]) == 5


@pytest.mark.parametrize("is_staff", [True, False])
def test_only_staff_of_the_admin_see_it(is_staff, monkeypatch):
    monkeypatch.setattr(places, "_counts", {})
    names = [entry.place.name for entry in places.entries(Agent(is_staff=is_staff))]
    assert ("admin:index" in names) == is_staff
    assert "dashboard" in names


def test_a_place_that_does_not_exist_is_left_out_and_a_zero_is_not_shown(monkeypatch):
    made_up = places.Place("no-such-page", "Nowhere", "x", "z")
    monkeypatch.setattr(places, "PLACES", [made_up, *places.PLACES[:1]])
    monkeypatch.setattr(places, "_counts", {"dashboard": lambda person: places.Count(0, "calls")})
    assert [(entry.place.name, entry.count) for entry in places.entries(Agent())] == [("dashboard", None)]
