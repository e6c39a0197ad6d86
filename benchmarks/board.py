"""The live board with 100 calls, each changing ten times a second, in a real Chromium.

`python -m benchmarks.board [--calls N] [--seconds S] [--offline S]` prints how long frames take, and what the page's
process uses of a core, beside the same page while nothing changes: that is the machine's own share. Then it cuts the
page's line for 30 seconds while calls change, end and begin, and compares each tile with the server's once it is back.
The changes go from the board's store through the real web process and socket. It writes
`benchmarks/results/board.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.calendar_sync import stores
from e2e.cut import Line
from e2e.desk import EMAIL, PASSWORD, free_port
from e2e.parity import differences

if TYPE_CHECKING:
    from calls.board import Entry

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results" / "board.json"
PROMISED_MS = 50
EVERY_SECONDS = 0.1
WARM_UP_SECONDS = 3
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PHASES = ["LISTENING", "THINKING", "RESPONDING"]
STAGES = ["QUALIFICATION", "PROPERTY_INFO", "BOOKING"]
# Counts what the socket brings, and how long each frame takes once `measuring` is set.
WATCH = """
window.heard = window.lines = 0;
window.frames = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    if (!String(given[0]).endsWith("/ws/live")) return;
    this.addEventListener("open", () => (window.lines += 1));
    this.addEventListener("message", () => (window.heard += 1));
  }
};
let last = performance.now();
const step = (now) => {
  if (window.measuring) window.frames.push(now - last);
  last = now;
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""


class Talk:
    """Calls that go on by themselves: each changes every tenth of a second, all in step."""

    def __init__(self, count: int) -> None:
        self._round = 0
        self._began = datetime.now(UTC)
        self._calls = [self._call(number) for number in range(count)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.said = 0

    def _call(self, number: int, *, began: datetime | None = None) -> dict[str, Any]:
        at = began or self._began + timedelta(milliseconds=number)
        return {
            "id": str(uuid.uuid4()), "created_at": at.isoformat(), "started_at": at.isoformat(), "ended_at": None,
            "status": "in-progress", "lead": number, "lead_name": f"Caller {number}", "seen_by": None,
            "customer_number": f"+1312555{number:04}", "listing_label": f"{number} Oak Street",
            "assistant_name": "Pete", "alerts": [], "booked_viewing": None, "supervisor": None, "supervisors": None,
        }  # fmt: skip

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def replace_some(self, count: int) -> None:
        """End the first calls, and let as many begin."""
        from calls import board

        now = datetime.now(UTC)
        gone, self._calls = self._calls[:count], self._calls[count:]
        over = {"phase": "ENDED", "status": "ended", "ended_at": now.isoformat(), "ended_class": "customer_ended"}
        self._round += 1
        board.show([self._entry(call | over, now + board.ENDED_STAYS) for call in gone])
        self._calls += [self._call(900 + number, began=now) for number in range(count)]

    def show(self) -> None:
        from calls import board

        self._round += 1
        board.show([self._entry(call) for call in list(self._calls)])
        self.said += len(self._calls)

    def _entry(self, call: dict[str, Any], leaves_at: datetime | None = None) -> Entry:
        from calls.board import Entry

        said, now = self._round, datetime.now(UTC)
        held = {"appointment": 1, "starts_at": (self._began + timedelta(days=2)).isoformat(), "label": "Oak Street"}
        held["expires_at"] = (now + timedelta(minutes=3)).isoformat()
        changing = {
            "phase": PHASES[said % 3],
            "phase_since": now.isoformat(),
            "stage": STAGES[said // 20 % 3],
            "context": {"budget": 1500 + said, "bedrooms": said % 4, "location": f"Area {said}"},
            "last_lines": [
                {"role": role, "text": f"Sentence {said} of the {role}, some words long."} for role in ROLES
            ],
            "held_slot": held if call["lead"] % 2 else None,
        }
        version = time.time_ns() // 1000
        return Entry(
            uuid.UUID(call["id"]), version, call | {key: changing[key] for key in changing} | _over(call), leaves_at
        )

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self.show()
            due += EVERY_SECONDS
            self._stop.wait(max(due - time.monotonic(), 0))


ROLES = ["user", "assistant"]


def _over(call: dict[str, Any]) -> dict[str, Any]:
    """What has ended does not change any more."""
    return {"phase": call["phase"], "held_slot": None} if "phase" in call else {}


@contextmanager
def web() -> Iterator[int]:
    """Run the web process on this process's stores, as `make run` does."""
    port = free_port()
    environment = os.environ | {"PORT": str(port), "DEMO": "0", "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=True, stdout=-3)
    command = ["-m", "uvicorn", "config.asgi:application", "--port", str(port), "--loop", "uvloop", "--no-access-log"]
    command += ["--ws", "websockets-sansio", "--log-level", "warning", "--timeout-graceful-shutdown", "5"]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/ready")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextmanager
def open_board(url: str) -> Iterator[Page]:
    """Sign in and show the live desk."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(base_url=url, viewport={"width": 1440, "height": 900})
        page.add_init_script(WATCH)
        page.goto("/login?next=/dashboard")
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        wait_until_live(page)
        yield page
        browser.close()


def wait_until_live(page: Page) -> None:
    expect(page.locator("[data-freshness-text]")).to_contain_text("Live", timeout=60_000)


def frames(page: Page, seconds: float) -> dict[str, float]:
    """Return how long frames took during the next seconds."""
    page.wait_for_timeout(WARM_UP_SECONDS * 1000)
    page.evaluate("(window.frames.length = 0, window.measuring = true)")
    used, began = cpu_seconds(page), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    ordered = sorted(page.evaluate("(window.measuring = false, window.frames)"))
    return {
        "cpu_percent": round((cpu_seconds(page) - used) / (time.monotonic() - began) * 100),
        "frames": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
        "max_ms": round(ordered[-1], 1),
    }


def cpu_seconds(page: Page) -> float:
    """Return what the page's processes have used so far: that does not depend on who else uses the machine."""
    assert page.context.browser
    line = page.context.browser.new_browser_cdp_session()
    processes = line.send("SystemInfo.getProcessInfo")["processInfo"]
    line.detach()
    return float(sum(process["cpuTime"] for process in processes if process["type"] == "renderer"))


def busy(page: Page, talk: Talk, seconds: float) -> dict[str, float]:
    """Do the same while the calls change, with how much of that reached the page."""
    talk.start()
    heard, said, began = page.evaluate("window.heard"), talk.said, time.monotonic()
    found = frames(page, seconds)
    took = time.monotonic() - began
    return found | {
        "changes_a_second": round((talk.said - said) / took),
        "messages_a_second": round((page.evaluate("window.heard") - heard) / took),
    }


def offline(page: Page, line: Line, talk: Talk, seconds: float) -> dict[str, Any]:
    """Cut the line for so long, mend it, and compare. The calls stop changing just before, so that both can be read."""
    lines = page.evaluate("window.lines")
    line.cut()
    time.sleep(seconds / 2)
    talk.replace_some(10)
    time.sleep(seconds / 2)
    talk.stop()
    line.mend()
    began = time.monotonic()
    while page.evaluate("window.lines") == lines and time.monotonic() < began + 60:
        page.wait_for_timeout(200)
    wait_until_live(page)
    found = differences(page)
    return {"offline_seconds": seconds, "back_after_seconds": round(time.monotonic() - began, 1), "differences": found}


def run(calls: int, seconds: float, away: float) -> dict[str, Any]:
    with ExitStack() as stack:
        stack.enter_context(stores())
        import django

        django.setup()
        port = stack.enter_context(web())
        talk = Talk(calls)
        stack.callback(talk.stop)
        talk.show()
        line = stack.enter_context(Line(port))
        page = stack.enter_context(open_board(line.url))
        expect(page.locator("[data-tiles] > li")).to_have_count(calls)
        still = frames(page, seconds / 2)
        return {"still": still} | busy(page, talk, seconds) | offline(page, line, talk, away)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--offline", type=float, default=30)
    options = parser.parse_args()
    found = run(options.calls, options.seconds, options.offline)
    heard = f"{found['changes_a_second']} changes a second, {found['messages_a_second']} messages heard"
    print(f"{options.calls} calls, {heard}; frames, promised p99 under {PROMISED_MS} ms:")
    for name, row in (("still page", found["still"]), ("live page", found)):
        times = f"p50 {row['p50_ms']:6} ms, p99 {row['p99_ms']:6} ms, longest {row['max_ms']:6} ms"
        print(f"  {name:10} {times}; its process uses {row['cpu_percent']} % of a core")
    agrees = "exactly the server's" if not found["differences"] else f"{len(found['differences'])} differences"
    print(f"after {options.offline:g} s offline: live {found['back_after_seconds']} s later, {agrees}")
    print("\n".join(text[:300] for text in found["differences"][:5]))
    RESULTS.parent.mkdir(exist_ok=True)
    about = {"calls": options.calls, "machine": platform.platform(), "cores": os.cpu_count()}
    RESULTS.write_text(json.dumps(about | found, indent=2) + "\n", encoding="utf-8")
    return 1 if found["differences"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
