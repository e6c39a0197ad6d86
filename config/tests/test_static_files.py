"""What packages bring along is kept by browsers for good, under an address that changes when the files do."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.templatetags.static import static

from config import static_files
from crm.models import Agent

VERSIONED = re.compile(r"(?:src|href)=\"(/static/v-[0-9a-f]{12}/[^\"]+)\"")


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/admin/", "/admin/crm/lead/", "/api/docs"])
def test_a_page_asks_once_for_what_packages_bring_along(client, page: str):
    client.force_login(Agent.objects.create_superuser("root@example.com", full_name="Ana Ruiz"))
    text = client.get(page).content.decode()
    links = VERSIONED.findall(text)

    assert links
    others = set(re.findall(r"\"(/static/[^\"]+)\"", text)) - set(links)
    assert {link for link in others if not link.startswith("/static/dist/")} == set()
    for link in links:
        answer = client.get(link)
        assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True), link


def test_a_plain_address_works_too_and_is_asked_for_again(client):
    answer = client.get("/static/crm/admin.css")
    assert answer.status_code == 200
    assert "immutable" not in answer.headers["Cache-Control"]
    assert client.get(f"/static/{static_files.version()[:-1]}x/crm/admin.css").status_code == 404


def test_a_style_sheet_finds_its_neighbours(client):
    """It names fonts and pictures by where they stand relative to it."""
    link = static("unfold/fonts/inter/styles.css")
    named = re.findall(r"url\([\"']?([^\"')]+)", b"".join(client.get(link)).decode())

    assert named
    assert client.get(f"{link.rpartition('/')[0]}/{named[0]}").status_code == 200


def test_every_package_with_files_counts_in_the_version():
    known = packages_distributions()
    with_files = {app.name.partition(".")[0] for app in apps.get_app_configs() if (Path(app.path) / "static").is_dir()}

    assert {known[name][0] for name in with_files if name in known} <= set(static_files.PACKAGES)
    assert {name for name in with_files if name not in known} == {"crm"}


def test_the_version_follows_our_own_files(monkeypatch, tmp_path: Path):
    before = static_files.version()
    (tmp_path / "admin.css").write_text("b {}")
    monkeypatch.setattr(static_files, "OWN", tmp_path)
    static_files.version.cache_clear()
    try:
        changed = static_files.version()
        (tmp_path / "admin.css").write_text("i {}")
        static_files.version.cache_clear()
        assert len({before, changed, static_files.version()}) == 3
    finally:
        monkeypatch.undo()
        static_files.version.cache_clear()


def test_while_debugging_addresses_are_plain(settings):
    settings.DEBUG = True
    assert static("crm/admin.css") == "/static/crm/admin.css"
    assert finders.find("crm/admin.css")
