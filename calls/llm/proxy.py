"""What the proxy holds while a web process runs: connections to the model, active streams, lanes, and the prompts."""

from __future__ import annotations

import asyncio

from django.conf import settings

from calls.llm.dialects import dialect_for
from calls.llm.lanes import Lanes
from calls.llm.ledger import Ledger
from calls.llm.prompt import PromptBook
from calls.llm.streams import Streams
from calls.llm.upstream import Upstream
from calls.webhook.door import Door, door


class Proxy:
    """Belongs to one event loop."""

    def __init__(self, opened: Door) -> None:
        self.model: str = settings.LLM_MODEL
        self.timeout_seconds: float = settings.LLM_TIMEOUT_SECONDS
        self.window_messages: int = settings.LLM_WINDOW_MESSAGES
        self.dialect = dialect_for(settings.LLM_URL, settings.LLM_DIALECT)
        self.upstream = Upstream(settings.LLM_URL, settings.LLM_API_KEY)
        self.lanes = Lanes(settings.LLM_MAX_STREAMS)
        self.book = PromptBook(opened)
        self.ledger = Ledger(opened.inbox)
        # The memory backend is for one process, which needs nobody to tell.
        url = None if settings.STATE_BACKEND == "memory" else settings.REDIS_URL
        self.streams = Streams(url, settings.CALL_TTL_SECONDS)
        self.streams.start()

    async def close(self) -> None:
        await self.streams.close()
        self.upstream.close()


_proxies: dict[asyncio.AbstractEventLoop, Proxy] = {}


def proxy() -> Proxy:
    """Return the proxy of the running event loop, made at its first use."""
    loop = asyncio.get_running_loop()
    made = _proxies.get(loop)
    if made is None:
        made = _proxies[loop] = Proxy(door())
    return made


async def close_proxy() -> None:
    """Close the proxy of the running event loop. Before the door, through which it writes."""
    made = _proxies.pop(asyncio.get_running_loop(), None)
    if made is not None:
        await made.close()
