"""From a file to a Scenario."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from calls.rehearsal.document import Field, ScenarioError, read_document
from calls.rehearsal.expecting import read_expected
from calls.rehearsal.scenario import (
    DAYS,
    AgentPart,
    CallPart,
    HomePart,
    Moment,
    Office,
    Scenario,
    Step,
    read_minute,
    read_moment,
)
from calls.tools import STAGE_TOOL, registry
from crm.phones import to_e164

SHIPPED = Path(__file__).parent / "scenarios"
DELIVERIES = ("in order", "replayed", "shuffled")
KINDS = ("phone", "web", "outbound")
WITHHELD = "withheld"
CALLER = "+13125550142"
_STEPS = ("caller", "assistant", "tool", "tools", "wait", "booked meanwhile", "busy meanwhile", "silence")
_DELAY = re.compile(r"(\d{1,4}) (min|h)")
T = TypeVar("T")


def shipped() -> list[Path]:
    return sorted(SHIPPED.glob("*.yaml"))


def read_scenarios(names: Iterable[str]) -> list[Scenario]:
    """Return the named scenarios, shipped ones by name and others by path; all shipped ones without names.

    Raises ScenarioError for the first mistake.
    """
    known = {path.stem: path for path in shipped()}
    paths = []
    for name in names:
        path = known.get(name) or Path(name)
        if name not in known and path.suffix not in (".yaml", ".yml"):
            raise ScenarioError(f"There is no scenario “{name}”. There are: {', '.join(known)}. Or give a .yaml file.")
        paths.append(path)
    return [read_scenario(path) for path in paths or known.values()]


def read_scenario(path: Path) -> Scenario:
    """Read one file. Raises ScenarioError, naming file, line and field."""
    root = read_document(path)
    fields = root.mapping(("about", "clock", "office", "caller", "calls", "expect"), ("about", "calls", "expect"))
    office = _office(fields["office"]) if "office" in fields else DEFAULT_OFFICE
    number = _number(fields["caller"]) if "caller" in fields else CALLER
    return Scenario(
        name=path.stem,
        about=fields["about"].text(),
        file=path.name,
        office=office,
        calls=tuple(_call(each, office, number) for each in _some(fields["calls"])),
        expected=read_expected(fields["expect"], office),
        clock=_moment(fields["clock"], needs_time=True) if "clock" in fields else None,
    )


def _some(given: Field) -> list[Field]:
    return given.items() or given.fail("should hold something.")


def _read(given: Field, read: Callable[[str], T], wanted: str) -> T:
    text = given.text()
    try:
        return read(text)
    except ValueError:
        given.fail(f"“{text}” is not {wanted}.")


def _moment(given: Field, *, needs_time: bool) -> Moment:
    wanted = "a day and time such as “Tuesday 15:00” or “2026-06-02 15:00”" if needs_time else "a day"
    moment = _read(given, read_moment, wanted)
    if needs_time and moment.at is None:
        given.fail(f"“{moment.text}” names a day without a time.")
    return moment


def _number(given: Field) -> str | None:
    text = given.text()
    if text == WITHHELD:
        return None
    return to_e164(text) or given.fail(f"“{text}” is no telephone number. Write it in quotes, or “{WITHHELD}”.")


# --- The office -----------------------------------------------------------------------------------------------------

_OPEN = AgentPart("Ana", tuple(range(7)), 9 * 60, 17 * 60)
DEFAULT_OFFICE = Office((_OPEN,), (HomePart("12 Oak Street", 1800, 2, ("Ana",)),), about="12 Oak Street")


def _office(given: Field) -> Office:
    fields = given.mapping(("agents", "homes", "closed", "about"), ("agents", "homes"))
    agents = tuple(_agent(each) for each in _some(fields["agents"]))
    homes = tuple(_home(each, [agent.name for agent in agents]) for each in _some(fields["homes"]))
    closed = fields["closed"].items() if "closed" in fields else []
    about = fields["about"].choice([home.address for home in homes]) if "about" in fields else ""
    return Office(agents, homes, tuple(_moment(each, needs_time=False) for each in closed), about)


def _agent(given: Field) -> AgentPart:
    fields = given.mapping(("name", "days", "hours", "busy"), ("name",))
    days = [each.choice(DAYS) for each in fields["days"].items()] if "days" in fields else DAYS
    start, end = (
        _read(fields["hours"], _hours, "opening hours such as “09:00-17:00”") if "hours" in fields else (540, 1020)
    )
    busy = tuple(_busy(each) for each in fields["busy"].items()) if "busy" in fields else ()
    return AgentPart(fields["name"].text(), tuple(DAYS.index(day) for day in days), start, end, busy)


def _hours(text: str) -> tuple[int, int]:
    start, end = (read_minute(part) for part in text.split("-"))
    if start >= end:
        raise ValueError(text)
    return start, end


def _busy(given: Field) -> tuple[Moment, int]:
    fields = given.mapping(("when", "minutes"), ("when", "minutes"))
    return _moment(fields["when"], needs_time=True), fields["minutes"].integer(1)


def _home(given: Field, agents: list[str]) -> HomePart:
    known = ("address", "rent", "bedrooms", "agents", "pets", "neighborhood", "horizon_days")
    fields = given.mapping(known, ("address", "rent", "bedrooms", "agents"))
    return HomePart(
        address=fields["address"].text(),
        rent=fields["rent"].integer(1),
        bedrooms=fields["bedrooms"].integer(),
        agents=tuple(each.choice(agents) for each in fields["agents"].items()),
        pets=fields["pets"].boolean() if "pets" in fields else False,
        neighborhood=fields["neighborhood"].text() if "neighborhood" in fields else "",
        horizon_days=fields["horizon_days"].integer(1) if "horizon_days" in fields else 60,
    )


# --- The calls ------------------------------------------------------------------------------------------------------


def _call(given: Field, office: Office, number: str | None) -> CallPart:
    fields = given.mapping(("number", "kind", "delivery", "ended", "steps"), ("steps",))
    return CallPart(
        steps=tuple(_step(each, office) for each in fields["steps"].items()),
        number=_number(fields["number"]) if "number" in fields else number,
        kind=fields["kind"].choice(KINDS) if "kind" in fields else "phone",
        delivery=fields["delivery"].choice(DELIVERIES) if "delivery" in fields else "in order",
        ended=_ended(fields["ended"]) if "ended" in fields else "customer-ended-call",
    )


def _ended(given: Field) -> str:
    return "" if given.plain() is False else given.text()


def _step(given: Field, office: Office) -> Step:
    fields = given.pairs()
    kind = next((name for name in fields if name in _STEPS), "")
    if not kind:
        given.fail(f"should begin with one of: {', '.join(_STEPS)}.")
    return _READERS[kind](given, kind, office)


def _line(given: Field, kind: str, office: Office) -> Step:
    fields = given.mapping((kind, "cut"))
    return Step(kind, given.line, text=fields[kind].text(), cut="cut" in fields and fields["cut"].boolean())


def _tool(given: Field, kind: str, office: Office) -> Step:
    request, answer = _request(given)
    return Step("tools", given.line, tools=(request,), answers=(answer,))


def _tools(given: Field, kind: str, office: Office) -> Step:
    both = [_request(each) for each in _some(given.mapping((kind,))[kind])]
    return Step(kind, given.line, tools=tuple(r for r, _ in both), answers=tuple(answer for _, answer in both))


def _request(given: Field) -> tuple[tuple[str, dict[str, Any]], str]:
    """Read one tool call and the answer it must get: ok, a refusal's code, or "any"."""
    fields = given.mapping(("tool", "with", "answer"), ("tool",))
    name = fields["tool"].choice([STAGE_TOOL["name"], *registry])
    arguments = {key: value.plain() for key, value in fields["with"].pairs().items()} if "with" in fields else {}
    return (name, arguments), fields["answer"].text() if "answer" in fields else "ok"


def _wait(given: Field, kind: str, office: Office) -> Step:
    value = given.mapping((kind,))[kind]
    match = _DELAY.fullmatch(value.text())
    if not match:
        value.fail("should be a time to wait, such as “5 min” or “2 h”.")
    return Step(kind, given.line, minutes=int(match[1]) * (60 if match[2] == "h" else 1))


def _meanwhile(given: Field, kind: str, office: Office) -> Step:
    value = given.mapping((kind,))[kind]
    fields = value.mapping(("when", "agent", "home", "minutes"), ("when", "agent"))
    return Step(
        kind,
        given.line,
        agent=fields["agent"].choice([agent.name for agent in office.agents]),
        home=fields["home"].choice([home.address for home in office.homes]) if "home" in fields else "",
        when=_moment(fields["when"], needs_time=True),
        minutes=fields["minutes"].integer(1) if "minutes" in fields else 60,
    )


def _silence(given: Field, kind: str, office: Office) -> Step:
    return Step(kind, given.line, minutes=given.mapping((kind,))[kind].integer(1))


_READERS: dict[str, Callable[[Field, str, Office], Step]] = {
    "caller": _line,
    "assistant": _line,
    "tool": _tool,
    "tools": _tools,
    "wait": _wait,
    "booked meanwhile": _meanwhile,
    "busy meanwhile": _meanwhile,
    "silence": _silence,
}
