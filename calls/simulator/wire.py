"""Posts messages to the webhook as Vapi does: in order mostly, twice sometimes, again after a failure."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

TIMEOUT_SECONDS = 20.0  # Vapi's own
RETRIES = 3
LATE = 0.03
TWICE = 0.03


class ServerAwayError(Exception):
    """Nothing answers at the webhook's address."""


class SecretRefusedError(Exception):
    """The webhook does not accept our secret."""


@dataclass
class Tally:
    """What was sent and how it was answered, over all calls.

    An error is an answer that Vapi could not use; a remark an answer that a careful tester would not have expected.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)

    def error(self, text: str) -> None:
        self.errors[text] += 1

    def remark(self, text: str) -> None:
        self.remarks[text] += 1


class Wire:
    """The connection to one webhook, shared by all calls."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        secret: str,
        *,
        retry_seconds: float = 1.0,
    ) -> None:
        self.client = client
        self.url = url
        self.headers = {"Content-Type": "application/json", "X-Vapi-Secret": secret}
        self.retry_seconds = retry_seconds
        self.tally = Tally()

    async def post(self, body: dict[str, Any]) -> Any:
        """Post one message and return the decoded answer, None when there is none. A 5xx is sent again."""
        content = msgspec.json.encode(body)
        for attempt in range(RETRIES + 1):
            response = await self._send(content)
            self.tally.statuses[response.status_code] += 1
            if response.status_code == httpx.codes.UNAUTHORIZED:
                raise SecretRefusedError(
                    f"{self.url} refuses the secret (401). Set VAPI_WEBHOOK_SECRET to the server's."
                )
            if response.is_success:
                return self._decoded(response)
            self.tally.error(f"{body['message'].get('type')}: HTTP {response.status_code}")
            if not response.is_server_error or attempt == RETRIES:
                break
            await asyncio.sleep(self.retry_seconds * 2**attempt)
        return None

    async def _send(self, content: bytes) -> httpx.Response:
        try:
            return await self.client.post(self.url, content=content, headers=self.headers)
        except httpx.ConnectError as exc:
            raise ServerAwayError(f"Nothing answers at {self.url}. Is Pete running? `make run` starts it.") from exc
        except httpx.HTTPError as exc:
            # The connection broke or the answer was late: to the caller that is a failure like any other.
            self.tally.error(f"{type(exc).__name__} {exc}".strip())
            return httpx.Response(httpx.codes.BAD_GATEWAY)

    def _decoded(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            self.tally.error(f"HTTP {response.status_code} with a body that is not JSON")
            return None


class Outbox:
    """The messages of one call that want no answer, posted in order by a task of their own.

    Now and then one overtakes its predecessor and one arrives twice.
    """

    def __init__(self, wire: Wire, rng: random.Random) -> None:
        self._wire = wire
        self._rng = rng
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._late: dict[str, Any] | None = None
        self.has_delivered = False
        self._task = asyncio.create_task(self._run())

    def put(self, body: dict[str, Any]) -> None:
        """Queue one message. Raises what ended the posting of those before, if anything did."""
        if self._task.done():
            self._task.result()
        if self._late is None and self._rng.random() < LATE:
            self._late = body
            return
        copies = 2 if self._rng.random() < TWICE else 1
        for one in [body] * copies + ([self._late] if self._late else []):
            self._queue.put_nowait(one)
        self._late = None

    async def drain(self) -> None:
        """Wait until everything is answered. Raises what ended the posting, if anything did."""
        if self._late:
            self._queue.put_nowait(self._late)
            self._late = None
        joined = asyncio.create_task(self._queue.join())
        await asyncio.wait({joined, self._task}, return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()
        if self._task.done():
            self._task.result()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            body = await self._queue.get()
            await self._wire.post(body)
            self.has_delivered = True
            self._queue.task_done()
