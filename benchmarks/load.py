"""Load by wrk: bodies that differ, results as JSON."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PLACES = re.compile(r"(@CALL@|@TOOL@|@TS@)")
LUA = """
local bodies = {%(bodies)s}
local run, calls, step, sent = %(run)d, 0, 0, 0
local function uuid(n) return string.format("%%08x-0000-7000-8000-%%012x", run, n) end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Vapi-Secret"] = "%(secret)s"
function request()
  if step %% #bodies == 0 then calls = calls + 1 end
  local pieces = bodies[step %% #bodies + 1]
  step, sent = step + 1, sent + 1
  local out = {}
  for i, piece in ipairs(pieces) do
    if piece == "@CALL@" then out[i] = uuid(calls)
    elseif piece == "@TOOL@" then out[i] = string.format("%%08x%%012x", run, sent)
    elseif piece == "@TS@" then out[i] = string.format("%%d", %(now_ms)d + sent)
    else out[i] = piece end
  end
  return wrk.format(nil, "%(path)s", nil, table.concat(out))
end
%(delay)s
function done(summary, latency, requests)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format('\\nRESULT {"requests":%%d,"microseconds":%%d,', summary.requests, summary.duration))
  io.write(string.format('"errors":%%d,"p50_ms":%%.3f,"p99_ms":%%.3f,"max_ms":%%.3f}\\n',
    errors, latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
"""


@dataclass
class Measured:
    """One run of wrk. Latencies are in milliseconds, as wrk saw them."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def script(bodies: list[str], *, run: int, secret: str, path: str, now_ms: int, delay_ms: float) -> str:
    """Return wrk's script. With `delay_ms` each connection pauses that long, on average, before each request."""
    tables = ",".join(
        "{" + ",".join(f"[==[{piece}]==]" for piece in PLACES.split(body) if piece) + "}" for body in bodies
    )
    delay = f"function delay() return math.floor(math.random() * {2 * delay_ms}) end" if delay_ms else ""
    values = {"bodies": tables, "run": run, "secret": secret, "path": path, "now_ms": now_ms, "delay": delay}
    return LUA % values


def load(url: str, lua: Path, *, connections: int, seconds: float) -> Measured:
    """Drive `url` with wrk from this process's own cores. Raises RuntimeError with wrk's words when it fails."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(lua), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    result = json.loads(found.group(1))
    seconds_run = result.pop("microseconds") / 1e6
    return Measured(per_second=result["requests"] / seconds_run, **result)
