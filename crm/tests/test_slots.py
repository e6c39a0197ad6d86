"""Slot ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from crm import slots
from crm.errors import UnknownSlot
from crm.slots import ALPHABET, Offer

NOW = datetime(2027, 3, 2, 20, 17, tzinfo=UTC)
SLOT = Offer(17, 204, datetime(2027, 3, 3, 15, tzinfo=UTC), datetime(2027, 3, 3, 15, 30, tzinfo=UTC))


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@given(
    agent=st.integers(1, 2**18 - 1),
    listing=st.none() | st.integers(1, 2**20 - 1),
    minutes=st.integers(1, 60 * 24 * 3650),
    length=st.integers(1, 720),
)
def test_an_id_names_its_slot_and_nothing_else(agent: int, listing: int | None, minutes: int, length: int):
    with time_machine.travel(NOW, tick=False):
        start = NOW + timedelta(minutes=minutes)
        slot = Offer(agent, listing, start, start + timedelta(minutes=length))

        assert slots.decode(slot.slot_id) == slot


def test_an_id_is_short_and_made_of_letters_nobody_mishears():
    groups = SLOT.slot_id.split("-")

    assert [len(group) for group in groups] == [5, 5, 5, 5]
    assert set("".join(groups)) <= set(ALPHABET)
    assert not set(ALPHABET) & set("ILOU")


def test_the_same_slot_has_the_same_id_and_neighbours_look_unlike():
    ids = [Offer(17, 204, SLOT.starts_at + timedelta(minutes=30 * n), SLOT.ends_at).slot_id for n in range(-3, 0)]

    assert SLOT.slot_id == Offer(17, 204, SLOT.starts_at, SLOT.ends_at).slot_id
    assert len({text[:3] for text in ids}) == 3
    assert len({text[-3:] for text in ids}) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        str.lower,
        lambda text: text.replace("-", ""),
        lambda text: text.replace("-", " "),
        lambda text: f"  {text}\n",
        lambda text: text.replace("0", "O").replace("1", "I"),
        lambda text: text.replace("0", "o").replace("1", "l"),
        lambda text: "-".join(text),
    ],
)
def test_an_id_is_understood_as_people_and_models_write_it(spoil):
    for minute in range(40):
        slot = Offer(17, 204, SLOT.starts_at + timedelta(minutes=minute), SLOT.ends_at + timedelta(minutes=minute))
        assert slots.decode(spoil(slot.slot_id)) == slot


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slot",
        "U" * 20,
        "0" * 20,
        "Z" * 20,
        "0" * 10_000,
        "\x00" * 20,
        "٣" * 20,
        "é" * 20,
        "\ud800" * 20,
        None,
        17,
        [],
    ],
)
def test_anything_else_is_unknown(text):
    with pytest.raises(UnknownSlot):
        slots.decode(text)


def test_no_letter_can_be_changed():
    letters = SLOT.slot_id.replace("-", "")
    others = [letters[:i] + other + letters[i + 1 :] for i in range(20) for other in ALPHABET if other != letters[i]]

    for text in others:
        with pytest.raises(UnknownSlot):
            slots.decode(text)


def test_another_installation_does_not_understand_it(settings):
    text = SLOT.slot_id
    settings.SECRET_KEY = "another secret"

    with pytest.raises(UnknownSlot):
        slots.decode(text)


def test_an_id_lives_through_the_next_day_and_no_longer(clock):
    far = Offer(17, None, NOW + timedelta(days=30), NOW + timedelta(days=30, minutes=30))
    text = far.slot_id

    clock.move_to(NOW.replace(hour=23, minute=59) + timedelta(days=1))
    assert slots.decode(text) == far
    clock.move_to(NOW.replace(hour=0, minute=0) + timedelta(days=2))
    with pytest.raises(UnknownSlot):
        slots.decode(text)


def test_an_id_ends_when_its_slot_begins(clock):
    text = SLOT.slot_id
    clock.move_to(SLOT.starts_at - timedelta(seconds=1))
    assert slots.decode(text) == SLOT

    clock.move_to(SLOT.starts_at)
    with pytest.raises(UnknownSlot):
        slots.decode(text)


@pytest.mark.parametrize(
    "slot",
    [
        Offer(2**18, 1, SLOT.starts_at, SLOT.ends_at),
        Offer(1, 2**20, SLOT.starts_at, SLOT.ends_at),
        Offer(1, 1, SLOT.starts_at + timedelta(seconds=1), SLOT.ends_at),
        Offer(1, 1, datetime(2024, 12, 31, tzinfo=UTC), SLOT.ends_at),
        Offer(1, 1, SLOT.ends_at, SLOT.starts_at),
    ],
)
def test_what_does_not_fit_is_refused_not_garbled(slot: Offer):
    with pytest.raises(ValueError, match=r"slot id|whole minutes"):
        _ = slot.slot_id
