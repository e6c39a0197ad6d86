"""Start the stand-in for Microsoft 365: `python -m calendar_sync.sandbox --demo --port 8765`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from threading import Event

from calendar_sync.sandbox import demo
from calendar_sync.sandbox.keeping import Keeper
from calendar_sync.sandbox.sandbox import Sandbox
from calendar_sync.sandbox.server import Server


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m calendar_sync.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--demo", action="store_true", help="fill mailboxes with a few believable weeks")
    parser.add_argument("--person", action="append", default=[], metavar="ADDRESS", help="add an empty mailbox")
    parser.add_argument("--quiet", action="store_true", help="do not say where it is")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer of Graph takes")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keep everything in a file, and begin with what it holds"
    )
    parser.add_argument("--client", default="sandbox-client:sandbox-secret", metavar="ID:SECRET")
    options = parser.parse_args()

    sandbox = Sandbox()
    client_id, _, secret = options.client.partition(":")
    sandbox.entra.clients = {client_id: secret}
    sandbox.graph.latency = options.latency
    keeper = Keeper(sandbox, options.state) if options.state else None
    is_known = keeper is not None and keeper.load()
    if options.demo and not is_known:
        demo.fill(sandbox)
    for address in options.person:
        if address.lower() not in sandbox.mailboxes:
            sandbox.add_person(address)
    if keeper is not None:
        sandbox.keep = keeper.save
        keeper.save()
    _run(Server(sandbox, host=options.host, port=options.port), is_quiet=options.quiet)


def _run(server: Server, *, is_quiet: bool) -> None:
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        if not is_quiet:
            sys.stdout.write(f"Microsoft 365 stand-in on {server.url} (Graph: {server.graph_url})\n")
            sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
