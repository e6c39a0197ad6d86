"""Play scenarios: build the office, make the calls, grade, take everything away again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Count, F
from django.utils import timezone

from calls.models import Call, call_pk
from calls.practice.assistant import ScriptedAssistant
from calls.practice.line import Clock, Line, WallClock
from calls.rehearsal import clock as scene_clock
from calls.rehearsal import scenery
from calls.rehearsal.grading import grade
from calls.rehearsal.scenario import CallPart, Scenario, Step, read_moment
from calls.simulator.envelope import Envelope
from calls.simulator.wire import SecretRefusedError, ServerAwayError, Wire
from crm import slots
from crm.errors import CrmError

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 15.0
VAPI_KINDS = {"phone": "inboundPhoneCall", "web": "webCall", "outbound": "outboundPhoneCall"}
ASSISTANT_STEPS = ("assistant", "tool", "tools")
_REFERENCE = re.compile(r"<(offer|event|home)(?: ([^<>]+))?>")


@dataclass
class Result:
    """How one scenario went: passed, failed, broken (it could not be played) or skipped."""

    name: str
    about: str
    outcome: str = "passed"
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    transcript: list[dict[str, Any]] = field(default_factory=list)

    def dump(self) -> dict[str, Any]:
        return asdict(self)


class NotPlayable(Exception):
    """A step asks for something that is not there, such as an offer nobody made."""


@dataclass
class Theatre:
    """Where scenarios are played. `owns_time` is true in a process of its own, whose clock may be set."""

    wire: Wire
    owns_time: bool

    async def play_all(self, scenarios: Iterable[Scenario]) -> AsyncIterator[Result]:
        for scenario in scenarios:
            yield await self.play(scenario)

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario. Whatever happens, its rows are gone afterwards."""
        result = Result(scenario.name, scenario.about)
        if not self.owns_time and (reason := needs_own_office(scenario)):
            result.outcome, result.problems = "skipped", [reason]
            return result
        began = time.monotonic()
        with self._time(scenario) as clock:
            before = await sync_to_async(scenery.row_counts)()
            await self._perform(scenario, clock, result)
            after = await sync_to_async(scenery.row_counts)()
        # Beside a running desk, rows come and go that are none of ours.
        if self.owns_time and (left := scenery.leftovers(before, after)):
            result.problems += [f"The rehearsal left traces: {each}." for each in left]
        if result.problems and result.outcome == "passed":
            result.outcome = "failed"
        result.seconds = round(time.monotonic() - began, 2)
        return result

    @contextlib.contextmanager
    def _time(self, scenario: Scenario) -> Any:
        if not self.owns_time:
            yield WallClock()
            return
        clock = scene_clock.SceneClock(_start_of(scenario))
        with scene_clock.at(clock):
            yield clock

    async def _perform(self, scenario: Scenario, clock: Clock, result: Result) -> None:
        today = datetime.fromtimestamp(clock.now, UTC).astimezone(settings.OFFICE_TZ).date()
        made = None
        try:
            made = await sync_to_async(scenery.build)(scenario.office, today)
            for part in scenario.calls:
                performance = Performance(scenario, part, made, clock, self.wire)
                await performance.play()
                result.problems += performance.problems
                result.transcript += performance.line.envelope.conversation()
            await _settled(made)
            result.problems += await sync_to_async(grade)(scenario.expected, made)
        except (ServerAwayError, SecretRefusedError):
            raise
        except (NotPlayable, CrmError) as exc:
            result.outcome, result.problems = "broken", [*result.problems, str(exc)]
        except Exception as exc:
            logger.exception("The rehearsal of %s broke", scenario.name)
            result.outcome, result.problems = "broken", [*result.problems, f"{type(exc).__name__}: {exc}"]
        finally:
            if made is not None:
                await sync_to_async(scenery.remove)(made)


def needs_own_office(scenario: Scenario) -> str:
    """Say why a scenario cannot be played beside a running desk, "" when it can."""
    if scenario.clock is not None:
        return "needs a clock of its own: run it without --url"
    if scenario.office.closed:
        return "closes the office: run it without --url"
    if any(step.kind == "wait" for part in scenario.calls for step in part.steps):
        return "lets time pass: run it without --url"
    if not scenario.office.about:
        return "looks through all homes: run it without --url"
    return ""


def _start_of(scenario: Scenario) -> datetime:
    """Return when the story begins: at its own clock, else on a Monday morning."""
    today = timezone.now().astimezone(settings.OFFICE_TZ).date()
    if scenario.clock is not None:
        return scenario.clock.instant(today, settings.OFFICE_TZ)
    monday = today + timedelta(days=7 - today.weekday())
    return datetime.combine(monday, datetime.min.time().replace(hour=10), settings.OFFICE_TZ)


async def _settled(made: scenery.Scenery) -> None:
    """Wait until every call is folded to its last delivery."""
    deadline = time.monotonic() + SETTLE_SECONDS
    behind = Call.objects.filter(pk__in=made.calls).annotate(stored=Count("events"))
    # A fold of an older state may still be on its way when the last one is counted.
    await asyncio.sleep(0.15)
    while await sync_to_async(behind.filter(projected_events__lt=F("stored")).exists)():
        if time.monotonic() > deadline:
            raise NotPlayable(f"The calls were not folded within {SETTLE_SECONDS:g} s.")
        await asyncio.sleep(0.05)


class Performance:
    """One call of a scenario."""

    def __init__(self, scenario: Scenario, part: CallPart, made: scenery.Scenery, clock: Clock, wire: Wire) -> None:
        self.part = part
        self.made = made
        self.clock = clock
        self.wire = wire
        self.problems: list[str] = []
        self._kept_back: list[dict[str, Any]] = []
        self._posted: list[dict[str, Any]] = []
        self._rng = random.Random(scenario.name)
        call_id = f"rehearsal-{uuid4()}"
        made.calls.append(call_pk(call_id))
        envelope = Envelope(
            call_id, made.voice(), clock.now, kind=VAPI_KINDS[part.kind], number=part.number,
            metadata={"rehearsal": scenario.name},
        )  # fmt: skip
        self.line = Line(envelope, self._post, clock, shape=len(made.calls))
        self.assistant = ScriptedAssistant(self.line)

    async def play(self) -> None:
        await self.line.begin()
        following = [*self.part.steps[1:], None]
        for step, after in zip(self.part.steps, following, strict=True):
            await self._step(step, after)
        if self.part.ended:
            await self.line.end(self.part.ended)
        await self._deliver_late()
        self.problems += self.line.unusable
        self.problems += [f"webhook: {text}" for text in self.wire.tally.errors]
        self.wire.tally.errors.clear()

    async def _step(self, step: Step, after: Step | None) -> None:
        is_answered = after is not None and after.kind in ASSISTANT_STEPS
        if step.kind == "caller":
            await self.line.hear(step.text)
            if not is_answered:
                await self.assistant.answer(step.text)
        elif step.kind == "assistant":
            await self.line.say(step.text, cut=step.cut)
        elif step.kind == "tools":
            await self._ask(step, says=after is None or after.kind != "assistant")
        elif step.kind == "wait":
            self.clock.let_pass(step.minutes * 60)
        elif step.kind == "silence":
            self.clock.let_pass(step.minutes)
            await self.line.tell(type="hang")
        else:
            await sync_to_async(scenery.meanwhile)(self.made, step)

    async def _ask(self, step: Step, *, says: bool) -> None:
        """Let the assistant ask for functions, and compare the answers with what the step expects."""
        requests = [(name, {k: self._meant(v, step) for k, v in given.items()}) for name, given in step.tools]
        answers = await self.line.tools(requests)
        for (name, _), answer, wanted in zip(requests, answers, step.answers, strict=True):
            has = answer.code or "ok"
            if wanted not in ("any", has):
                self.problems.append(f"line {step.line}: {name} should answer {wanted}, but: {answer.text}")
        if says:
            await self.line.say(" ".join(answer.said for answer in answers))

    def _meant(self, value: Any, step: Step) -> Any:
        """Put in what the model read in an earlier answer: <offer 2>, <offer Tuesday 15:00>, <event>, <home …>."""
        if isinstance(value, dict):
            return {name: self._meant(each, step) for name, each in value.items()}
        match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return value
        found = getattr(self, f"_{match[1]}")(match[2] or "")
        if found is None:
            raise NotPlayable(f"line {step.line}: {value} is not there: no answer so far names it.")
        return found

    def _offer(self, which: str) -> str | None:
        offers = next((answer.offers for answer in reversed(self.line.answers) if answer.offers), ())
        if which in ("", "last") or which.isdigit():
            place = int(which) - 1 if which.isdigit() else -1
            return offers[place].slot_id if -len(offers) <= place < len(offers) else None
        wanted = read_moment(which).instant(self.made.today, settings.OFFICE_TZ)
        return next((o.slot_id for o in offers if slots.decode(o.slot_id).starts_at == wanted), None)

    def _event(self, which: str) -> str | None:
        named = [event_id for answer in self.line.answers for event_id in answer.event_ids]
        return named[0 if which == "1" else -1] if named else None

    def _home(self, address: str) -> str | None:
        return str(self.made.homes[address].pk) if address in self.made.homes else None

    # --- The way to the webhook -------------------------------------------------------------------------------------

    async def _post(self, body: dict[str, Any]) -> Any:
        if self.part.delivery == "shuffled" and not _wants_answer(body):
            self._kept_back.append(body)
            return None
        reply = await self.wire.post(body)
        if self.part.delivery == "replayed":
            self._posted.append(body)
            await self._compare(body, reply)
        return reply

    async def _compare(self, body: dict[str, Any], reply: Any) -> None:
        if await self.wire.post(body) != reply:
            self.problems.append(f"{body['message'].get('type')}: delivered again, it got another answer.")

    async def _deliver_late(self) -> None:
        """Deliver what was kept back, in any order, and what is delivered again."""
        self._rng.shuffle(self._kept_back)
        for body in self._kept_back + self._posted:
            await self.wire.post(body)


def _wants_answer(body: dict[str, Any]) -> bool:
    message = body["message"]
    return any(key in message for key in ("toolCallList", "toolCalls", "toolWithToolCallList", "functionCall"))
