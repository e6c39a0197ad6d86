"""One turn of a conversation: ask the model, clean what it says, give it out, and never leave the caller in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from calls.llm.answers import Sink
from calls.llm.cleaner import Cleaner
from calls.llm.dialects import Malformed, Piece
from calls.llm.errors import Failure, Reason
from calls.llm.ledger import Said
from calls.llm.metrics import llm_metrics
from calls.llm.prompt import Prompt
from calls.llm.request import ChatRequest
from calls.llm.upstream import Answer
from calls.llm.window import take_window

if TYPE_CHECKING:
    from calls.llm.proxy import Proxy

logger = logging.getLogger(__name__)

FALLBACK = "I'm having trouble processing that. Could you rephrase?"
SUPERSEDED, GONE = "superseded", "gone"
# A voice that stops in the middle of a sentence for longer than this has stopped for good.
_STALL_SECONDS = 10.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
_MOST_TEXT = 100_000
_MOST_DELTAS = 10_000
_TOO_MANY_REQUESTS = 429


class Turn:
    """One request on its way. `run` never raises; `supersede` and `leave` end it from outside."""

    def __init__(self, proxy: Proxy, request: ChatRequest, call_id: UUID | None, sink: Sink) -> None:
        self.call_id = call_id
        self.generation = 0
        self.overtaken_by = 0
        self.said = Said()
        self._proxy = proxy
        self._request = request
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._work: asyncio.Task[None] | None = None
        self._text: list[str] = []
        self._size = 0
        self._deltas: list[dict[str, Any]] = []
        self._finish = ""
        self._usage: Any = None
        self._is_done = False

    def supersede(self) -> None:
        self._stop(SUPERSEDED)

    def leave(self) -> None:
        """The client went away: nobody listens any more."""
        self._stop(GONE)

    def _stop(self, why: str) -> None:
        if not self.said.interrupted and not self._is_over:
            self.said.interrupted = why
            if self._work is not None:
                self._work.cancel()

    @property
    def _is_over(self) -> bool:
        return self._work is not None and self._work.done()

    async def run(self) -> None:
        """Give the answer out to its end, whatever happens on the way."""
        self._proxy.streams.begin(self)
        llm_metrics.turns += 1
        llm_metrics.active += 1
        try:
            await self._sink.start()
            if not self.said.interrupted:
                self._work = self._loop.create_task(self._answer())
                await asyncio.wait([self._work])
            if self.said.interrupted != GONE:
                await self._sink.end(self.said.finish or "stop", self._usage)
        finally:
            if self._work is not None and not self._work.done():
                # The server itself is being stopped.
                self._work.cancel()
            self._close()

    def _close(self) -> None:
        llm_metrics.active -= 1
        self._proxy.streams.end(self)
        said = self.said
        said.text = "".join(self._text)
        if said.interrupted:
            llm_metrics.interrupted += 1
        self._proxy.ledger.write(self.call_id, self._request, said)

    async def _answer(self) -> None:
        try:
            await self._converse()
        except Failure as exc:
            await self._fall_back(exc)
        except TimeoutError:
            reason = Reason.STALLED if self.said.first_ms is not None else Reason.LATE
            await self._fall_back(Failure(reason, f"no word for {self._proxy.timeout_seconds} s"))
        except Exception:
            # Whatever the bug, somebody is on the phone.
            logger.exception("A turn of call %s failed", self.call_id)
            await self._fall_back(Failure(Reason.BROKEN))

    async def _fall_back(self, failure: Failure) -> None:
        logger.error("The model did not answer call %s: %s (%s)", self.call_id, failure.reason.value, failure)
        llm_metrics.fallbacks[failure.reason.value] += 1
        self.said.failure, self.said.finish = failure, "stop"
        await self._say(f" {FALLBACK}" if self._text else FALLBACK)

    async def _converse(self) -> None:
        proxy = self._proxy
        async with asyncio.timeout_at(self._started + proxy.timeout_seconds) as clock:
            prompt = await proxy.book.prompt(self.call_id, self._request.assistant_id)
            self.said.stage, self.said.prompt_version = prompt.stage, prompt.version_id
            asked = self._ask(prompt)
            async with proxy.lanes.place(self.call_id):
                answer = await self._post(asked)
                try:
                    await self._listen(answer, Cleaner(prompt.text), clock)
                except BaseException:
                    answer.abort()
                    raise
                answer.release()

    def _ask(self, prompt: Prompt) -> bytes:
        proxy, request = self._proxy, self._request
        window = take_window(request.messages, most_messages=proxy.window_messages)
        text = f"{prompt.text}\n\n{window.summary}" if window.summary else prompt.text
        messages = [{"role": "system", "content": text}, *window.messages]
        wants_usage = request.wants_usage or not request.stream
        return proxy.dialect.body(proxy.model, messages, request.options, usage=wants_usage)

    async def _post(self, asked: bytes) -> Answer:
        """Return an answer with status 200; a busy server is asked again as long as there is time."""
        attempt = 0
        while True:
            answer = await self._proxy.upstream.post(self._proxy.dialect.path, asked)
            if answer.status == 200:
                return answer
            answer.abort()
            if answer.status != _TOO_MANY_REQUESTS:
                reason = Reason.FAILING if answer.status >= 500 else Reason.REFUSED
                raise Failure(reason, f"HTTP {answer.status}")
            pause = retry_after(answer.headers.get("retry-after", ""), attempt)
            if self._loop.time() + pause >= self._started + self._proxy.timeout_seconds:
                raise Failure(Reason.BUSY, f"HTTP 429, again in {pause:g} s")
            attempt += 1
            logger.warning("The model is busy: call %s asks again in %g s", self.call_id, pause)
            await asyncio.sleep(pause)

    async def _listen(self, answer: Answer, cleaner: Cleaner, clock: asyncio.Timeout) -> None:
        reader = self._proxy.dialect.reader()
        try:
            while not self._is_done and (data := await answer.read()):
                await self._take(reader.feed(data), cleaner)
                if self.said.first_ms is not None:
                    clock.reschedule(self._loop.time() + min(_STALL_SECONDS, self._proxy.timeout_seconds))
            if not self._is_done:
                await self._take(reader.finish(), cleaner)
        except Malformed as exc:
            raise Failure(Reason.MALFORMED, str(exc)) from exc
        if not self._is_done and not self._finish:
            raise Failure(Reason.CUT_OFF, "the answer ends without saying so")
        await self._complete(cleaner)

    async def _complete(self, cleaner: Cleaner) -> None:
        rest = cleaner.finish()
        if not self._deltas and not ("".join(self._text) + rest).strip():
            raise Failure(Reason.EMPTY)
        if rest:
            await self._say(rest)
        if self._deltas:
            # Only now: a call whose arguments were cut off must not be run.
            await self._sink.deltas(self._deltas)
            self.said.tool_calls = len(self._deltas)
        self.said.finish = self._finish or ("tool_calls" if self._deltas else "stop")

    async def _take(self, pieces: Iterable[Piece], cleaner: Cleaner) -> None:
        words = ""
        for piece in pieces:
            if piece.content:
                self._size += len(piece.content)
                words += cleaner.feed(piece.content)
            if piece.calls:
                self._keep({"tool_calls": piece.calls})
            if piece.function_call is not None:
                self._keep({"function_call": piece.function_call})
            self._finish = piece.finish or self._finish
            self._usage = piece.usage or self._usage
            if piece.is_done:
                self._is_done = True
                break
        if words:
            await self._say(words)
        if self._size > _MOST_TEXT:
            raise Malformed("an answer without end")

    def _keep(self, delta: dict[str, Any]) -> None:
        if len(self._deltas) >= _MOST_DELTAS:
            raise Malformed("a tool call without end")
        self._deltas.append(delta)
        self._heard()

    async def _say(self, words: str) -> None:
        await self._sink.text(words)
        self._text.append(words)
        self._heard()

    def _heard(self) -> None:
        if self.said.first_ms is None:
            self.said.first_ms = round((self._loop.time() - self._started) * 1000, 3)


def retry_after(value: str, attempt: int) -> float:
    """Return how many seconds to wait: as the server says, in seconds or as a date, else ever longer."""
    value = value.strip()
    if value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
