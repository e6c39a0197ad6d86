import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.stages.facts import budget, validate_facts

UNSAYABLE = {*map(chr, range(32)), "\x7f", "{", "}"}


@pytest.mark.parametrize(
    ("said", "dollars"),
    [
        (1800, 1800),
        (1800.0, 1800),
        (1850.5, 1850.5),
        ("1800", 1800),
        ("$1,800 a month", 1800),
        ("1.8k", 1800),
        ("about 2k", 2000),
        ("eighteen hundred", 1800),
        ("two thousand five hundred", 2500),
        ("twenty-two hundred", 2200),
        ("1800-2000", 2000),
        ("between $1,500 and $2,000", 2000),
        ("up to 2 thousand", 2000),
        ("$1.800", 1800),
        ("24000 a year", 2000),
        ("$24,000/year", 2000),
        ("450 per week", 1950),
        ("fifteen hundred to two thousand", 2000),
        ("USD 1 800", 1800),
        ("1800.50", 1800.5),
        ("a thousand", 1000),
    ],
)
def test_budgets_people_say(said, dollars):
    assert budget(said) == dollars


@pytest.mark.parametrize(
    "said", ["", "a lot", "no idea", None, True, [], {}, -5, 0, 3, float("nan"), float("inf"), 10**9, "$", "9" * 400]
)
def test_what_is_no_budget(said):
    assert budget(said) is None


def test_known_facts_are_plain_and_others_are_kept_small():
    facts = validate_facts(
        {
            "budget": "$1,800 a month",
            "timeline": "  in\n3 months ",
            "propertyType": "house",
            "area": "Lincoln Park",
            "bedrooms": "two bedroom",
            "pets": True,
            "name": "Jane Roe",
            "email": "JANE@Example.com",
            "move_in": "2026-12-01",
            "parking": "yes",
            "floor": 3,
            "note": "{{budget}} {x}",
        }
    )

    assert facts == {
        "budget": 1800,
        "timeline": "in 3 months",
        "property_type": "house",
        "location": "Lincoln Park",
        "bedrooms": 2,
        "pets": "yes",
        "full_name": "Jane Roe",
        "email": "jane@example.com",
        "move_in_on": "2026-12-01",
        "parking": "yes",
        "floor": 3,
        "note": "((budget)) (x)",
    }


@pytest.mark.parametrize(
    "junk",
    [
        {"phone": "+1312"},
        {"customerNumber": "+1312"},
        {"call_id": "x"},
        {"email": "not an email"},
        {"bedrooms": 99},
        {"timeline": {"a": 1}},
        {"nested": [1]},
        {"x" * 80: "y"},
        {"__class__": "y"},
        {"a b!": "y"},
        {"": "y"},
        {"location": "  "},
        {"location": None},
        {"move_in_on": "2026-13-40", "timeline": None, "budget": True} | {},
    ],
)
def test_junk_is_dropped(junk):
    assert validate_facts(junk) in ({}, {"timeline": "2026-13-40"})


def test_a_moving_day_in_words_is_the_timeline():
    assert validate_facts({"move_in_date": "early next month"}) == {"timeline": "early next month"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda i: st.dictionaries(st.text(), i)
    )
)
def test_anything_at_all_gives_bounded_plain_facts(raw):
    for name, value in validate_facts(raw).items():
        assert len(name) <= 40
        assert isinstance(value, str | int | float)
        assert not isinstance(value, str) or (len(value) <= 200 and not set(value) & UNSAYABLE)
