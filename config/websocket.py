"""Websockets: the origin is checked, the session names the person, the app's routes name the consumer."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings

from calls import routing as calls_routing
from crm import routing as crm_routing

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# RFC 6455: policy violation.
_REFUSED = 4403

_patterns = [*calls_routing.websocket_urlpatterns, *crm_routing.websocket_urlpatterns]
_routes = AuthMiddlewareStack(URLRouter(_patterns))
_paths = tuple(route.pattern for route in _patterns)


async def websocket_application(scope: Message, receive: Receive, send: Send) -> None:
    """Refuse foreign origins and unknown paths; hand the rest to Channels."""
    path = scope["path"].lstrip("/")
    if not is_own_origin(scope) or not any(pattern.match(path) for pattern in _paths):
        await receive()
        await send({"type": "websocket.close", "code": _REFUSED})
        return
    await _routes(scope, receive, send)


def is_own_origin(scope: Message) -> bool:
    """Say whether a page of ours opened the socket. Only browsers send an origin, and only they are fooled into it."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")
