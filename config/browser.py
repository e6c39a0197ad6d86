"""Make sure that the browser tests have a browser: the machine's Chromium, Debian's, or Playwright's own.

Runs under the machine's own Python, like config.bootstrap.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
DEBIAN = (
    ["apt-get", "update", "--quiet=2"],
    ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", "chromium"],
)
PLAYWRIGHT = [
    str(Path(__file__).resolve().parent.parent / ".venv/bin/python"),
    "-m",
    "playwright",
    "install",
    "chromium",
]


def main() -> None:
    if installed():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Debian's chromium", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        if all(succeeds(command, environment) for command in DEBIAN) and installed():
            return
    if not succeeds(PLAYWRIGHT, dict(os.environ)):
        sys.exit("No browser for the browser tests. Install Chromium, for example: apt-get install chromium")


def installed() -> bool:
    return any(shutil.which(name) for name in NAMES)


def succeeds(command: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    main()
