"""Secrets that a self-contained installation makes for itself: a file each, readable by the owner only."""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path


def random_text() -> str:
    return secrets.token_urlsafe(48)


def stored_secret(directory: Path, name: str, make: Callable[[], str] = random_text) -> str:
    """Return the secret in `directory`/`name`, made on first use. Processes that race for it agree on one value."""
    path = directory / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        _create(path, make())
        return path.read_text(encoding="utf-8")


def _create(path: Path, value: str) -> None:
    """Write the whole value beside `path` and link it there: a reader sees all of it or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value)
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its value counts
    finally:
        Path(draft).unlink()
