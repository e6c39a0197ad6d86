"""The product's web process, killed after each commit and before its answer leaves."""

from __future__ import annotations

import os
import signal
from importlib import import_module

# It sets Django up, so it comes before anything of calls.
application = import_module("config.asgi").application


async def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


setattr(import_module("calls.webhook.app"), "_respond", _die)  # noqa: B010
