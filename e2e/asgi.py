"""The product's own application on a network of the tests', where the sound of calls comes from a stand-in."""

from __future__ import annotations

import os
import ssl

from calls.tower import wire
from config.asgi import application

__all__ = ["application"]

_port, _authority = os.environ["E2E_LISTEN_PORT"], os.environ["E2E_LISTEN_AUTHORITY"]
wire.reroute = lambda: {
    "host": "127.0.0.1",
    "port": int(_port),
    "ssl": ssl.create_default_context(cafile=_authority),
}
