"""Keep a handful of child processes running, and end them all.

Used twice: by the launcher for web, worker, beat and simulated calls, and by the keeper of the embedded stores.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
# A child that ran this long is healthy again: its next crash starts the backoff from the beginning.
HEALTHY_SECONDS = 30.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] | None = None
    log: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # Sent by the kernel when the supervisor itself is killed (Linux).
    orphan_signal: signal.Signals = signal.SIGKILL
    user: int | None = None
    group: int | None = None


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started_at: float = field(default_factory=time.monotonic)
    backoff: float = 0.0
    restart_at: float | None = None


class Supervisor:
    """Start programs in order, restart what dies, stop in reverse order."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._children: list[_Child] = []

    def start(self, program: Program) -> None:
        self._children.append(_Child(program, spawn(program)))

    def dead(self) -> list[str]:
        return [child.program.name for child in self._children if child.process.poll() is not None]

    def check(self) -> None:
        """Report children that died and restart those whose backoff is over. Call it a few times a second."""
        now = time.monotonic()
        for child in self._children:
            if child.restart_at is not None:
                if now >= child.restart_at:
                    child.process, child.started_at, child.restart_at = spawn(child.program), now, None
            elif child.process.poll() is not None:
                self._schedule_restart(child, now)

    def _schedule_restart(self, child: _Child, now: float) -> None:
        if now - child.started_at >= HEALTHY_SECONDS or not child.backoff:
            child.backoff = FIRST_BACKOFF_SECONDS
        else:
            child.backoff = min(child.backoff * 2, LONGEST_BACKOFF_SECONDS)
        child.restart_at = now + child.backoff
        ending = describe_exit(child.process.returncode)
        self._report(f"{child.program.name} {ending}; starting it again in {child.backoff:g} s")

    def stop(self, *, timeout_seconds: float) -> None:
        """End every child, last started first asked; what has not gone after the timeout is killed."""
        running = [child for child in reversed(self._children) if child.process.poll() is None]
        for child in running:
            child.process.send_signal(child.program.stop_signal)
        deadline = time.monotonic() + timeout_seconds
        for child in running:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._report(f"{child.program.name} did not stop in time; killing it")
                _kill_group(child.process)
        self._children.clear()


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: Ctrl-C at the terminal reaches the supervisor, which ends the rest."""
    parent = os.getpid()

    def die_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, program.orphan_signal)
            if os.getppid() != parent:  # the parent died before the request
                os._exit(1)

    log = open(program.log, "ab") if program.log else None
    try:
        return subprocess.Popen(
            program.argv,
            cwd=program.cwd,
            env=program.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
            preexec_fn=die_with_parent,
            user=program.user,
            group=program.group,
            extra_groups=None if program.user is None else [],
        )
    finally:
        if log is not None:
            log.close()


def die_with_parent(orphan_signal: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to signal this process when the one that started it is gone (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, orphan_signal)


def describe_exit(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
