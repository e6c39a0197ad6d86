"""Files that packages bring along, under an address that changes when they do, so that browsers may keep them.

Vite names its own files by their content. The rest (Django admin, the API's documentation) are never collected, so
there is no moment at which each could be hashed; they share one version instead: that of the packages, and of the few
files of our own beside them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware

# Distributions whose apps have static files.
PACKAGES = ("Django", "django-filter", "django-htmx", "django-unfold", "djangorestframework", "drf-spectacular-sidecar")
OWN = Path(__file__).resolve().parent.parent / "crm" / "static"
BUILT = "dist/"


@cache
def version() -> str:
    """Return the name under which these files are kept for good."""
    known = hashlib.sha256(" ".join(f"{name}={version_of(name)}" for name in PACKAGES).encode())
    for path in sorted(OWN.rglob("*")):
        if path.is_file():
            known.update(path.read_bytes())
    return f"v-{known.hexdigest()[:12]}"


class VersionedStorage(StaticFilesStorage):
    """Addresses with the version in them; while debugging files change without one."""

    def url(self, name: str | None) -> str:
        if not name or name.startswith(BUILT) or settings.DEBUG:
            return super().url(name)
        return super().url(f"{version()}/{name}")


class VersionedFilesMiddleware(WhiteNoiseMiddleware):
    """Serve each file under its plain address too, by which its neighbours may name it."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        super().add_file_to_dictionary(url, path, stat_cache)
        name = url.removeprefix(settings.STATIC_URL)
        if not name.startswith(BUILT):
            super().add_file_to_dictionary(f"{settings.STATIC_URL}{version()}/{name}", path, stat_cache)
