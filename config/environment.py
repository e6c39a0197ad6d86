"""Read settings from the environment: small typed helpers that fail at start-up with a clear sentence.

Every variable may also be given as NAME_FILE, the path of a file that holds the value. An empty variable counts as
not set, so that `NAME=` in an env file means the default.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo


class ConfigurationError(Exception):
    """Say which variable is wrong and what it should be."""


def text(name: str, default: str | None = None) -> str:
    """Return the value of NAME, or of the file that NAME_FILE names; raise without either and without a default."""
    value = optional(name)
    if value is not None:
        return value
    if default is None:
        raise ConfigurationError(f"{name} is not set. Set {name}, or {name}_FILE to the path of a file that holds it.")
    return default


def optional(name: str) -> str | None:
    """Return the value of NAME or of the file NAME_FILE names, None when there is neither."""
    direct = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if direct and path:
        raise ConfigurationError(f"{name} and {name}_FILE are both set. Keep one.")
    return direct or (_read(name, path) if path else None)


def _read(name: str, path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{name}_FILE names a file that cannot be read: {exc}") from exc


def boolean(name: str, default: bool) -> bool:
    value = text(name, "1" if default else "0").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(f"{name} must be 1 or 0, not {value!r}.")


def integer(name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError as exc:
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}.") from exc
    if minimum is not None and number < minimum:
        raise ConfigurationError(f"{name} must be at least {minimum}, not {number}.")
    if maximum is not None and number > maximum:
        raise ConfigurationError(f"{name} must be at most {maximum}, not {number}.")
    return number


def listing(name: str, default: Sequence[str] = ()) -> list[str]:
    """Return a comma-separated value as a list without empty items."""
    value = optional(name)
    return list(default) if value is None else [item.strip() for item in value.split(",") if item.strip()]


def choice(name: str, default: str, allowed: Sequence[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def url(name: str, default: str | None = None) -> str:
    """Return an http(s) URL without its final slash."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{name} must be a URL such as https://pete.example.com, not {value!r}.")
    return value


def zone(name: str, default: str) -> ZoneInfo:
    value = text(name, default)
    try:
        return ZoneInfo(value)
    except (ValueError, OSError, KeyError) as exc:  # ZoneInfoNotFoundError is a KeyError
        raise ConfigurationError(f"{name} must be an IANA zone such as America/Chicago, not {value!r}.") from exc


def region(name: str, default: str) -> str:
    value = text(name, default).upper()
    if len(value) != 2 or not value.isalpha():
        raise ConfigurationError(f"{name} must be a two-letter country code such as US, not {value!r}.")
    return value
