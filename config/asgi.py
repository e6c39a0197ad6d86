"""The ASGI application: Vapi's webhook and the LLM proxy beside Django beside Channels.

The two do not pass through Django's handler, which costs more than everything the webhook does itself.
"""

import gc
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]

django_application = get_asgi_application()

# All import models, so only after Django is set up.
from calls import lifespan as calls_lifespan  # noqa: E402
from calls.llm.app import chat_completions, no_such_path  # noqa: E402
from calls.webhook.app import vapi_webhook  # noqa: E402
from config.websocket import websocket_application  # noqa: E402

# Threads that fold calls and serve pages give way to the event loop after this, not after Python's 5 ms: Vapi waits.
SWITCH_SECONDS = 0.0005
WEBHOOK_PATHS = frozenset({"/vapi/webhook", "/vapi/webhook/", "/vapi/state-webhook", "/vapi/state-webhook/"})
# Vapi appends /chat/completions to an address that may have it already.
LLM_PATHS = frozenset(
    {
        "/llm/chat/completions",
        "/llm/chat/completions/",
        "/llm/chat/completions/chat/completions",
        "/llm/v1/chat/completions",
    }
)


async def application(scope: Message, receive: Receive, send: Send) -> None:
    kind = scope["type"]
    if kind == "http" and scope["path"] in WEBHOOK_PATHS:
        await vapi_webhook(scope, receive, send)
    elif kind == "http" and scope["path"] in LLM_PATHS:
        await chat_completions(scope, receive, send)
    elif kind == "http" and scope["path"].startswith("/llm/"):
        await no_such_path(scope, receive, send)
    elif kind == "http":
        await django_application(dict(scope), receive, send)
    elif kind == "websocket":
        await websocket_application(scope, receive, send)
    elif kind == "lifespan":
        await lifespan(receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    """Start and stop what the calls app runs in the background of each web process."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await calls_lifespan.startup()
            calm_garbage_collector()
            sys.setswitchinterval(SWITCH_SECONDS)
            await send({"type": "lifespan.startup.complete"})
        else:
            await calls_lifespan.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return


def calm_garbage_collector() -> None:
    """Leave what was loaded at start-up out of collections, and collect less often: full ones stop every request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
