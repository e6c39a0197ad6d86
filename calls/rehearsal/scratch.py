"""Play scenarios in a process, a PostgreSQL and a Valkey of their own, which go with it.

`python -m calls.rehearsal.scratch` prints a line of JSON per scenario. It knows nothing of the office's own stores.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from config.embedded import BASE_DIR, hold, throwaway_directory

# The stories name days and numbers, so they have a place: clocks change there, and numbers are read as there.
SCRATCH = {"TIME_ZONE": "America/Chicago", "PHONE_REGION": "US", "DEMO": "0", "CALL_TTL_SECONDS": "86400"}
LONGEST_SECONDS = 900.0
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")


class ScratchFailed(Exception):
    """The process ended before all was played. The message is the last it wrote."""


def play_in_scratch(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield each result as it comes. Raises ScratchFailed."""
    environment = {name: value for name, value in os.environ.items() if name in KEPT} | SCRATCH
    command = [sys.executable, "-m", "calls.rehearsal.scratch", *names]
    process = subprocess.Popen(
        command, cwd=BASE_DIR, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    # Nobody waits for a process that hangs, and nobody reads from one that nobody waits for.
    watchdog = threading.Timer(LONGEST_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
        process.wait()
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
    if process.returncode:
        raise ScratchFailed(f"The scratch office ended with code {process.returncode}; the log says why.")


def main() -> None:
    directory = throwaway_directory()
    os.environ.update({"DATA_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "config.settings"})
    with hold(directory, throwaway=True):
        import django
        from django.core.management import call_command

        django.setup()
        # What tools refuse and what is rebuilt is in the results, or beside the point.
        logging.disable(logging.INFO)
        call_command("migrate", verbosity=0)
        asyncio.run(_play(sys.argv[1:]))


async def _play(names: list[str]) -> None:
    import httpx
    from asgiref.sync import sync_to_async

    from calls import lifespan
    from calls.rehearsal.reading import read_scenarios
    from calls.rehearsal.theatre import Theatre
    from crm.models import OfficeSettings

    scenarios = read_scenarios(names)
    # Made at its first use, which must not look like something a rehearsal left.
    await sync_to_async(OfficeSettings.load)()
    await lifespan.startup()
    try:
        async with httpx.AsyncClient(transport=_transport()) as client:
            async for result in Theatre(_wire(client), owns_time=True).play_all(scenarios):
                sys.stdout.write(json.dumps(result.dump()) + "\n")
                sys.stdout.flush()
    finally:
        await lifespan.shutdown()


def _transport() -> Any:
    import httpx

    from calls.webhook.app import vapi_webhook

    return httpx.ASGITransport(app=vapi_webhook)


def _wire(client: Any) -> Any:
    from django.conf import settings

    from calls.simulator.wire import Wire

    return Wire(client, "http://rehearsal/vapi/webhook", settings.VAPI_WEBHOOK_SECRET)


if __name__ == "__main__":
    main()
