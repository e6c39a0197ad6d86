"""The running product, as outsiders meet it: its web server, Vapi's side of a phone call, and its API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import StorageState, StorageStateCookie

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET = "only-for-e2e"
# What browsers may know of Vapi's keys.
PUBLIC_KEY = "public-key-of-this-test"
EMAIL, PASSWORD = "admin@pete.local", "correct horse battery"
START_SECONDS = 30.0
# Vapi's, but for the way there: see e2e/asgi.py.
LISTEN_HOST = "phone-call-websocket.vapi.ai"
# A host that does not exist: whatever is sent there fails.
CONTROL_HOST = "no-such-host.vapi.ai"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Desk:
    """One web process on the stores that `environment` names. It may be stopped and started again."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment | {"PORT": str(self.port)}
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: dict[str, StorageState] = {}

    def start(self) -> None:
        command = ["-m", "uvicorn", "e2e.asgi:application", "--port", str(self.port), "--ws", "websockets"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command], cwd=BASE_DIR, env=self.environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the desk did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Kill it, as a power cut would: nobody says good-bye to the sockets."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def session(self, email: str = EMAIL) -> StorageState:
        """Return what a browser keeps of a person's sign-in, which is made once."""
        if email not in self._sessions:
            self._sessions[email] = self.sign_in(email)
        return self._sessions[email]

    def sign_in(self, email: str = EMAIL) -> StorageState:
        """Sign a person in who has PASSWORD, and return what a browser keeps of it."""
        with httpx.Client(base_url=self.url) as client:
            client.get("/login")
            token = client.cookies[f"pete_csrf_{self.port}"]
            answer = client.post("/login", data={"username": email, "password": PASSWORD, "csrfmiddlewaretoken": token})
            assert answer.is_redirect, f"{email} is not let in"
            kept = client.cookies[f"pete_session_{self.port}"]
        cookie: StorageStateCookie = {
            "name": f"pete_session_{self.port}",
            "value": kept,
            "domain": "127.0.0.1",
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": False,
            "sameSite": "Lax",
        }
        return {"cookies": [cookie]}


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a management command and return what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout.strip()


class Call:
    """One phone call as Vapi reports it to the webhook."""

    def __init__(self, desk: Desk, number: str) -> None:
        self.desk = desk
        self.id = str(uuid.uuid4())
        self.number = number
        self._tools = 0

    def says(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Post one message and return the answer."""
        message = {
            "type": type_,
            "timestamp": time.time_ns() // 1_000_000,
            "call": {
                "id": self.id,
                "type": "inboundPhoneCall",
                "customer": {"number": self.number},
                "monitor": {
                    "controlUrl": f"https://{CONTROL_HOST}/{self.id}/control",
                    "listenUrl": f"wss://{LISTEN_HOST}/{self.id}/listen",
                },
            },
        }
        answer = httpx.post(
            f"{self.desk.url}/vapi/webhook", json={"message": message | fields}, headers={"X-Vapi-Secret": SECRET}
        )
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def begins(self) -> None:
        self.says("status-update", status="in-progress")

    def line(self, role: str, text: str) -> None:
        self.says("transcript", role=role, transcriptType="final", transcript=text)

    def tool(self, name: str, **arguments: Any) -> str:
        """Have the assistant call one of our tools; return the sentence it gets."""
        self._tools += 1
        call = {"id": f"call_{self._tools}", "type": "function", "function": {"name": name, "arguments": arguments}}
        answer = self.says("tool-calls", toolCallList=[call])
        return str(answer["results"][0]["result"])

    def ends(self, reason: str = "customer-ended-call") -> None:
        self.says("status-update", status="ended", endedReason=reason)


class Api:
    """The REST API with a token."""

    def __init__(self, desk: Desk, token: str) -> None:
        self.desk = desk
        self.token = token
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(f"{self.desk.url}/api/v1/{path}", params=parameters, headers=self._headers)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = httpx.post(f"{self.desk.url}/api/v1/{path}", json=body, headers=self._headers)
        answer.raise_for_status()
        return answer.json()

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        answer = httpx.patch(f"{self.desk.url}/api/v1/{path}", json=body, headers=self._headers)
        answer.raise_for_status()
        return answer.json()

    def put(self, path: str, body: Any) -> Any:
        answer = httpx.put(f"{self.desk.url}/api/v1/{path}", json=body, headers=self._headers)
        answer.raise_for_status()
        return answer.json()


def base_environment() -> dict[str, str]:
    """Return this process's environment without settings of its own."""
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR")
    return {name: value for name, value in os.environ.items() if name in kept}
