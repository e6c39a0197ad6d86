"""`python -m calls.vapi_sandbox --port 8770 [--file state.json]`: the stand-in as a process of its own.

The file holds what there is at the start: {"assistant": [...], "phone-number": [...], "tool": [...], "call": [...]}.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from threading import Event

from calls.vapi_sandbox import Server, Vapi


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Vapi's REST API")
    parser.add_argument("--port", type=int, default=8770)
    parser.add_argument("--key", default="sandbox-private-key", help="the private key that opens it")
    parser.add_argument("--file", type=Path, help="JSON with what there is at the start")
    chosen = parser.parse_args()
    vapi = Vapi(chosen.key)
    for kind, rows in json.loads(chosen.file.read_text()).items() if chosen.file else ():
        for row in rows:
            vapi.add(kind, **row)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with Server(vapi, port=chosen.port) as server:
        sys.stdout.write(f"Vapi stand-in on {server.url}\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
