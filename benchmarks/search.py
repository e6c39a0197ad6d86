"""How long finding homes takes among 100,000, beside plain ILIKE on the same rows.

`python -m benchmarks.search [--listings N] [--rounds R]` prints a table and writes `benchmarks/results/search.json`.
Each round asks every question of both, one right after the other, on one connection to a PostgreSQL of its own. The
peer is what a list with `icontains` filters does; it forgives no typos, so what each finds stands beside its time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.calendar_sync import stores

RESULTS = Path(__file__).resolve().parent / "results" / "search.json"
PROMISED_MS = 30
BATCH = 5_000
SHOWN = 20
FIRST = ["Oak", "Elm", "Maple", "Cedar", "Birch", "Walnut", "Chestnut", "Willow", "Aspen", "Juniper", "Magnolia"]
SECOND = ["dale", "wood", "field", "brook", "ridge", "crest", "haven", "ford", "side", "view", "gate", "mont"]
KINDS = ["Street", "Avenue", "Road", "Boulevard", "Lane", "Court", "Place"]
AREAS = ["Lakeview", "Lincoln Park", "Wicker Park", "Logan Square", "Hyde Park", "Pilsen", "Uptown", "Edgewater"]
TYPES = ["apartment", "house", "condo", "townhouse"]
FACTS = ["Laundry in the unit.", "Roof deck.", "Parking behind the house.", "Gas heating.", "Bike room."]
# What is asked for, as a caller or an agent says it.
WISHES: dict[str, dict[str, Any]] = {
    "place": {"location": "Lakeview"},
    "place, misheard": {"location": "lake veiw"},
    "street": {"location": "Mapleford Street"},
    "street, misspelled": {"location": "Mapelford St"},
    "address": {"location": "112 Mapleford Street"},
    "price and size": {"max_rent": Decimal(1500), "bedrooms": 3},
    "everything": {
        "location": "Lincon Park", "max_rent": Decimal(2000), "bedrooms": 2, "property_type": "apartment",
        "pets": True, "available_by": date(2027, 3, 1),
    },
    "words": {"words": "roof deck lakeview"},
    "rare words": {"words": "parking 112 mapleford"},
    "nothing fits": {"location": "Pilsen", "max_rent": Decimal(100), "bedrooms": 5},
    "no such place": {"location": "Timbuktu"},
    "no wish": {},
}  # fmt: skip
BOX = ["mapleford", "112 mapl", "lakevew", "lakeview roof"]


@dataclass
class Cell:
    """All rounds of one question to one of the two."""

    question: str
    who: str
    found: int = 0
    ms: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        ordered = sorted(self.ms)
        times = {
            "p50_ms": statistics.median(ordered),
            "p95_ms": ordered[int(len(ordered) * 0.95)],
            "max_ms": ordered[-1],
        }
        rounded = {name: round(value, 2) for name, value in times.items()}
        return {"question": self.question, "who": self.who, "found": self.found} | rounded


def listings(count: int) -> Iterator[Any]:
    """Make homes on 924 streets, the same ones every time."""
    from crm.models import Listing, ListingStatus

    streets = [f"{a}{b} {kind}" for a, b, kind in itertools.product(FIRST, SECOND, KINDS)]
    chance = random.Random(7)
    for number in range(count):
        street = streets[number % len(streets)]
        yield Listing(
            address=f"{100 + number // len(streets)} {street}, Chicago",
            unit=f"{number % 40 + 1}",
            rent=chance.randrange(700, 6000, 25),
            bedrooms=chance.randrange(6),
            bathrooms=chance.choice(["1", "1.5", "2"]),
            property_type=chance.choice(TYPES),
            neighborhood=chance.choice(AREAS),
            pets=chance.random() < 0.4,
            available_on=date(2026, 6, 1) + timedelta(days=chance.randrange(500)),
            status=ListingStatus.AVAILABLE if chance.random() < 0.8 else ListingStatus.LET,
            facts="\n".join(chance.sample(FACTS, 2)),
        )


def fill(count: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from crm.models import Listing

    call_command("migrate", verbosity=0)
    rows = listings(count)
    while batch := list(itertools.islice(rows, BATCH)):
        Listing.objects.bulk_create(batch)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE crm_listing, crm_place")


def by_ilike(wish: dict[str, Any]) -> int:
    """Answer a wish with nothing but columns: what the peer does."""
    from django.db.models import Q

    from crm.models import Listing, ListingStatus

    found = Listing.objects.filter(status=ListingStatus.AVAILABLE)
    for words in filter(None, [wish.get("location"), *wish.get("words", "").split()]):
        found = found.filter(Q(address__icontains=words) | Q(neighborhood__icontains=words) | Q(facts__icontains=words))
    columns = {
        "max_rent": "rent__lte", "bedrooms": "bedrooms__gte", "property_type": "property_type__icontains",
        "pets": "pets", "available_by": "available_on__lte",
    }  # fmt: skip
    found = found.filter(**{columns[name]: value for name, value in wish.items() if name in columns})
    return len(found.order_by("rent", "pk")[:SHOWN])


def questions() -> dict[str, tuple[Callable[[], int], Callable[[], int]]]:
    """Return each question with how Pete and how the peer answer it; both say how many homes they would show."""
    from crm.models import Agent
    from crm.search.anything import find_listings
    from crm.search.criteria import Criteria
    from crm.search.homes import find_homes

    def wish_of_pete(wish: dict[str, Any]) -> int:
        return len(find_homes(Criteria(**wish), limit=SHOWN).homes)

    def box_of_pete(text: str) -> int:
        return len(find_listings(Agent(), text, SHOWN))

    asked = {name: (partial(wish_of_pete, wish), partial(by_ilike, wish)) for name, wish in WISHES.items()}
    boxes = {f"box: {text}": (partial(box_of_pete, text), partial(by_ilike, {"words": text})) for text in BOX}
    return asked | boxes


def timed(cell: Cell, answer: Callable[[], int]) -> None:
    started = time.perf_counter()
    cell.found = answer()
    cell.ms.append((time.perf_counter() - started) * 1000)


def run(count: int, rounds: int) -> list[Cell]:
    import django

    with stores():
        django.setup()
        fill(count)
        asked = questions()
        cells = {name: (Cell(name, "Pete"), Cell(name, "ILIKE")) for name in asked}
        for _ in range(rounds + 1):
            for name, answers in asked.items():
                for cell, answer in zip(cells[name], answers, strict=True):
                    timed(cell, answer)
        found = [cell for pair in cells.values() for cell in pair]
        for cell in found:
            del cell.ms[0]  # The first round warms up.
        return found


def report(rows: list[dict[str, Any]]) -> bool:
    """Print the table; return whether Pete kept the promise."""
    print(f"{'':22}{'':8}{'found':>6}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for row in rows:
        times = "".join(f"{row[name]:9.1f}" for name in ("p50_ms", "p95_ms", "max_ms"))
        print(f"{row['question']:22}{row['who']:8}{row['found']:6}{times}")
    slowest = max((row for row in rows if row["who"] == "Pete"), key=lambda row: row["p50_ms"])
    kept = slowest["p50_ms"] < PROMISED_MS
    print(f"slowest for Pete: {slowest['question']}, p50 {slowest['p50_ms']} ms (promised: under {PROMISED_MS} ms)")
    return bool(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    rows = [cell.as_dict() for cell in run(options.listings, options.rounds)]
    kept = report(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    about = {"listings": options.listings, "rounds": options.rounds, "cores": os.cpu_count()}
    result = about | {"machine": platform.platform(), "promise_kept": kept, "runs": rows}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
