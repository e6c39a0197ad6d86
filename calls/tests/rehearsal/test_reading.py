"""What is wrong with a scenario is told with file, line and field."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from calls.rehearsal.document import ScenarioError
from calls.rehearsal.reading import read_scenarios, shipped
from calls.rehearsal.scenario import read_moment

GOOD = """\
about: A story.
calls:
  - steps:
      - caller: Hello
      - tool: set_appointment
        with: {start_time: "Tuesday at 3 PM"}
expect:
  viewings:
    - {when: Tuesday 15:00, with: Ana}
"""


def test_twenty_scenarios_are_shipped_and_can_be_read():
    scenarios = read_scenarios([])

    assert len(scenarios) == len(shipped()) == 20
    assert all(scenario.about for scenario in scenarios)


def test_a_good_one_is_read(written):
    scenario = written(GOOD)

    (call,) = scenario.calls
    assert [step.kind for step in call.steps] == ["caller", "tools"]
    assert call.steps[1].answers == ("ok",)
    assert scenario.expected.viewings[0].agent == "Ana"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "why"),
    [
        ("Tuesday 15:00", "Tueday 15:00", 9, "expect.viewings[1].when", "should be a day and time"),
        ("Tuesday 15:00", "Tuesday", 9, "expect.viewings[1].when", "without a time"),
        ("Tuesday 15:00", "2026-02-30 15:00", 9, "expect.viewings[1].when", "should be a day and time"),
        ("with: Ana", "with: Anna", 9, "expect.viewings[1].with", "should be one of: Ana"),
        ("with: Ana", "agent: Ana", 9, "expect.viewings[1].agent", "is not known here"),
        ("set_appointment", "set_apointment", 5, "calls[1].steps[2].tool", "should be one of: update_system_prompt"),
        ("caller: Hello", "calller: Hello", 4, "calls[1].steps[1]", "should begin with one of: caller"),
        ("caller: Hello", "caller:", 4, "calls[1].steps[1].caller", "should be text"),
        ("caller: Hello", "wait: soon", 4, "calls[1].steps[1].wait", "such as “5 min”"),
        ("about: A story.", "about: A story.\nabout: Another.", 2, "about", "is there twice"),
        ("about: A story.", "note: A story.", 1, "note", "is not known here"),
        ("about: A story.\n", "", 1, "the whole file", "about is missing"),
        ("about: A story.", "about: [A story.", 2, "the whole file", "is not YAML"),
        ("about: A story.", "about: A story.\ncaller: twelve", 2, "caller", "is no telephone number"),
        ("about: A story.", "about: A story.\nclock: noon", 2, "clock", "is not a day and time"),
        ("  viewings:\n    - {when: Tuesday 15:00, with: Ana}", "  leads: many", 8, "expect.leads", "whole number"),
        (
            "  viewings:\n    - {when: Tuesday 15:00, with: Ana}",
            "  call: {stage: SALE}",
            8,
            "expect.call.stage",
            "one of",
        ),
        (
            "  viewings:\n    - {when: Tuesday 15:00, with: Ana}",
            "  lead: {colour: red}",
            8,
            "expect.lead.colour",
            "known",
        ),
    ],
)
def test_a_mistake_names_file_line_and_field(written, old, new, line, field, why):
    assert old in GOOD
    with pytest.raises(ScenarioError) as raised:
        written(GOOD.replace(old, new))

    assert str(raised.value).startswith(f"story.yaml, line {line}, {field}: ")
    assert why in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "just words", "a: &a [*a]\n", "!!python/object:os.system x", "\x00"])
def test_what_is_no_scenario_at_all_is_told_too(written, text):
    with pytest.raises(ScenarioError, match=r"^story\.yaml, line 1|^story\.yaml: "):
        written(text)


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(ScenarioError, match=r"no scenario “wrong-dat”.*wrong-date"):
        read_scenarios(["wrong-dat"])


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ScenarioError, match=r"gone\.yaml: cannot be read: No such file"):
        read_scenarios([str(tmp_path / "gone.yaml")])


def test_moments_are_the_next_of_their_name():
    monday = date(2026, 6, 1)
    chicago = ZoneInfo("America/Chicago")

    assert read_moment("Tuesday 15:00").instant(monday, chicago) == datetime(2026, 6, 2, 15, tzinfo=chicago)
    assert read_moment("monday 09:30").day(monday) == date(2026, 6, 8)
    assert read_moment("tomorrow").day(monday) == date(2026, 6, 2)
    assert read_moment("2026-06-05 09:00").day(monday) == date(2026, 6, 5)
