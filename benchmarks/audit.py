"""What the audit, and those who hear of a booking, cost a caller: bookings a second with and without each.

`python -m benchmarks.audit [--bookings N] [--rounds R]`, with stores of its own. The ways take turns within a round, so
that what else the machine does meets all of them; each booking is a transaction of its own, as from a tool call or a
program. Prints a table and writes `benchmarks/results/audit.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.embedded import hold, throwaway_directory

RESULTS = Path(__file__).resolve().parent / "results" / "audit.json"
AUDIT, HEARERS = "audit", "hearers"
WAYS: dict[str, set[str]] = {
    "everything": set(),
    "without the audit": {AUDIT},
    "without those who hear of it": {HEARERS},
    "neither": {AUDIT, HEARERS},
}
AGENTS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookings", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    directory = throwaway_directory()
    os.environ.update({"DATA_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "config.settings", "DEMO": "0"})
    with hold(directory, throwaway=True):
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        found = measure(arguments.bookings, arguments.rounds)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"bookings": arguments.bookings, "per_second": found}, indent=1) + "\n")
    print(table(found))


def measure(bookings: int, rounds: int) -> dict[str, list[float]]:
    """Return the bookings a second of every round, by way. A round before the first one warms up and is not kept."""
    homes = office()
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        for way in [*WAYS][number % len(WAYS) :] + [*WAYS][: number % len(WAYS)]:
            rate = one_block(homes, bookings, WAYS[way], f"{number} {way}")
            if number:
                found[way].append(rate)
    return found


def office() -> list[tuple[Any, Any, Any]]:
    """Return people who work round the clock, each with a home they show and a lead who wants to see it."""
    from crm.models import Agent, Lead, Listing, OfficeSettings, WorkingHours

    rules = OfficeSettings.load()
    rules.horizon_days = 365
    rules.save()
    made = []
    for number in range(AGENTS):
        agent = Agent.objects.create_user(f"a{number}@example.com", full_name=f"Agent {number}", timezone="UTC")
        WorkingHours.objects.bulk_create(
            WorkingHours(agent=agent, weekday=day, start_minute=0, end_minute=1440) for day in range(7)
        )
        home = Listing.objects.create(address=f"{number} Oak Street", rent=1800, bedrooms=2)
        home.agents.add(agent)
        made.append((agent, home, Lead.objects.create(full_name=f"Lead {number}", phone=f"+1312555{number:04}")))
    return made


def one_block(homes: list[tuple[Any, Any, Any]], bookings: int, off: set[str], key: str) -> float:
    """Book so many viewings, take them away again and return how many were booked in a second."""
    from crm.booking import book
    from crm.models import Appointment

    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    with ExitStack() as stack:
        if AUDIT in off:
            stack.enter_context(without_audit())
        if HEARERS in off:
            stack.enter_context(without_hearers())
        began = time.perf_counter()
        for number in range(bookings):
            agent, home, lead = homes[number % AGENTS]
            starts_at = first + timedelta(minutes=30 * (number // AGENTS))
            book(lead=lead, listing=home, agent=agent, starts_at=starts_at, idempotency_key=f"{key} {number}")
        seconds = time.perf_counter() - began
    assert Appointment.objects.count() == bookings
    Appointment.objects.all().delete()
    return bookings / seconds


@contextmanager
def without_audit() -> Iterator[None]:
    """Take the audit's triggers off, and what tells them who is at work."""
    from django.db import connection

    from crm.audit import actors

    connection.execute_wrappers.remove(actors.sign)
    _switch("DISABLE")
    try:
        yield
    finally:
        _switch("ENABLE")
        connection.execute_wrappers.append(actors.sign)


def _switch(how: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE starts_with(tgname, 'audit_row_')"
        )
        for table_name, trigger in cursor.fetchall():
            cursor.execute(f'ALTER TABLE "{table_name}" {how} TRIGGER "{trigger}"')


@contextmanager
def without_hearers() -> Iterator[None]:
    """Have nobody hear of a booking: no notices, no webhooks, no calendars."""
    from crm.signals import appointment_booked

    kept, appointment_booked.receivers = appointment_booked.receivers, []
    appointment_booked.sender_receivers_cache.clear()
    try:
        yield
    finally:
        appointment_booked.receivers = kept
        appointment_booked.sender_receivers_cache.clear()


def table(found: dict[str, list[float]]) -> str:
    """Return a line for each way: the median, the span, and how much longer a booking takes than without either."""
    least = statistics.median(found["neither"])
    lines = [f"{'bookings':30} {'a second':>9} {'from':>7} {'to':>7} {'ms each':>8} {'beside neither':>15}"]
    for way, rates in found.items():
        rate = statistics.median(rates)
        more = f"+{1000 / rate - 1000 / least:.2f} ms"
        lines.append(f"{way:30} {rate:9.0f} {min(rates):7.0f} {max(rates):7.0f} {1000 / rate:8.2f} {more:>15}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
