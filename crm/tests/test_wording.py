from datetime import UTC, datetime, timedelta

import pytest

from crm import wording
from crm.models import Lead

# 14:00 in Chicago.
NOW = datetime(2026, 6, 9, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (1, "Tuesday 9 June, 15:00 (today)"),
        (10, "Wednesday 10 June, 00:00 (tomorrow)"),
        (72, "Friday 12 June, 14:00 (in 3 days)"),
        (-15, "Monday 8 June, 23:00 (yesterday)"),
        (-48, "Sunday 7 June, 14:00 (2 days ago)"),
    ],
)
def test_when_has_weekday_and_distance_in_local_days(hours, expected):
    assert wording.when(NOW + timedelta(hours=hours), NOW) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (-3 * 24 * 60, "overdue 3 days"),
        (-130, "overdue 2 h"),
        (-25, "overdue 25 min"),
        (0, "now"),
        (5, "in 5 min"),
        (60, "15:00"),
    ],
)
def test_due_says_how_it_stands(minutes, expected):
    assert wording.due(NOW + timedelta(minutes=minutes), NOW) == expected


def test_phone_groups_numbers_and_leaves_the_rest():
    assert wording.phone("+13125550147") == "+1 312-555-0147"
    assert wording.phone("+442079460958") == "+44 20 7946 0958"
    assert wording.phone("anonymous") == "anonymous"
    assert wording.phone(None) == ""


def test_person_is_the_name_else_the_number_else_the_address():
    assert wording.person(Lead(full_name="Li Na", phone="+13125550147")) == "Li Na"
    assert wording.person(Lead(phone="+13125550147")) == "+1 312-555-0147"
    assert wording.person(Lead(email="li@example.com")) == "li@example.com"
    assert wording.person(None) == "unknown caller"


def test_initials_are_of_the_first_and_last_name():
    assert [wording.initials(name) for name in ("Ana Maria Soto", "Ana", "")] == ["AS", "A", "?"]


def test_duration_writes_hours_only_when_there_are_some():
    assert [wording.duration(seconds) for seconds in (-5, 65.9, 3725)] == ["0:00", "1:05", "1:02:05"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(1, "today 15:00"), (-15, "yesterday 23:00"), (72, "Fri 12 Jun, 14:00"), (24 * 300, "Mon 5 Apr 2027, 14:00")],
)
def test_short_times_fit_a_row(hours, expected):
    assert wording.short(NOW + timedelta(hours=hours), NOW) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(0, "just now"), (-5, "5 min ago"), (5, "in 5 min"), (-130, "2 h ago"), (60 * 48, "in 2 days")],
)
def test_distances(minutes, expected):
    assert wording.distance(NOW + timedelta(minutes=minutes), NOW) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [(1800, "USD", "$1,800"), ("1800.50", "EUR", "€1,800.50"), (950, "CHF", "CHF 950"), (None, "USD", "")],
)
def test_money_has_its_sign_and_its_groups(amount, currency, expected):
    assert wording.money(amount, currency) == expected
