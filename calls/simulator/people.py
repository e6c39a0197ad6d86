"""Who calls: invented people with fictional numbers, and what they want."""

from __future__ import annotations

import random
from dataclasses import dataclass

from crm.demo.catalog import BUILDINGS, FIRST_NAMES, LAST_NAMES
from crm.demo.scene import fictional_number

# Ten times a hundred numbers, none of which the demo agency's own leads have.
AREA_CODES = (217, 224, 309, 331, 618, 630, 708, 779, 815, 847)
PEOPLE = len(AREA_CODES) * 100

MOVES = ["as soon as possible", "within two weeks", "next month", "at the end of my lease", "in about six weeks"]
PARTS = ["morning", "afternoon", None]
# How the model writes an amount down.
MONEY = ["{0}", "${0:,} a month", "around {0} dollars", "{0} USD", "up to {0}"]


@dataclass(frozen=True)
class Person:
    """A caller. `spoken_budget` is what the model writes down for `budget`."""

    name: str
    number: str
    email: str
    budget: int
    spoken_budget: str | int
    bedrooms: int
    neighborhood: str
    kind: str
    move: str
    part_of_day: str | None
    pets: str

    @property
    def first_name(self) -> str:
        return self.name.split(" ")[0]


def person(seed: str, index: int) -> Person:
    """Return the `index`th caller of a seed. Two indexes within PEOPLE of each other never share a number.

    A number always belongs to the same name and e-mail; what the person looks for follows the seed.
    """
    position = (index + random.Random(seed).randrange(PEOPLE)) % PEOPLE
    who = random.Random(f"person:{position}")
    name = f"{who.choice(FIRST_NAMES)} {who.choice(LAST_NAMES)}"
    rng = random.Random(f"{seed}:{index}")
    building = rng.choice(BUILDINGS)
    home = rng.choice(building.homes)
    budget = round(home.rent * rng.uniform(1.0, 1.2) / 50) * 50
    written: list[str | int] = [budget, *(text.format(budget) for text in MONEY)]
    return Person(
        name=name,
        number=fictional_number(AREA_CODES[position // 100], position),
        email=f"{name.lower().replace(' ', '.')}{position}@example.com",
        budget=budget,
        spoken_budget=rng.choice(written),
        bedrooms=home.bedrooms,
        neighborhood=building.neighborhood,
        kind="studio" if home.bedrooms == 0 else building.kind,
        move=rng.choice(MOVES),
        part_of_day=rng.choice(PARTS),
        pets=rng.choice(["no pets", "a cat", "a small dog"]) if building.pets else "no pets",
    )
