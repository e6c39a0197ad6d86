"""What a browser loads first on a list page, as the build made it."""

import gzip
import json
import re
from pathlib import Path

import pytest
from django.conf import settings

# What issue 5 promises.
MOST_BYTES = 200_000


def manifest() -> dict:
    path = settings.STATIC_DIST / ".vite" / "manifest.json"
    if not path.exists():
        pytest.skip("the front end is not built")
    return json.loads(path.read_text())


def first_load(chunks: dict) -> set[Path]:
    """Return the files behind main.js: what it imports at once, and the styles; not what is loaded where used."""
    files, waiting = set(), ["static/src/main.js"]
    while waiting:
        chunk = chunks[waiting.pop()]
        files |= {settings.STATIC_DIST / name for name in (chunk["file"], *chunk.get("css", []))}
        waiting += chunk.get("imports", [])
    return files


def test_the_first_load_of_a_list_page_is_small():
    files = first_load(manifest())
    assert len(files) > 1
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < MOST_BYTES


def test_every_asset_has_a_hash_in_its_name():
    for chunk in manifest().values():
        assert re.search(r"-[\w-]{8}\.\w+$", chunk["file"]), chunk["file"]
