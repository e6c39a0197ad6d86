import re

import pytest

pytestmark = pytest.mark.django_db


def policy(client, path="/login") -> dict[str, str]:
    header = client.get(path)["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in header.split("; "))


def test_no_script_or_style_runs_that_we_did_not_write(client) -> None:
    said = policy(client)
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'self' 'nonce-[\w-]{22}'", said[name])
    assert "unsafe" not in client.get("/login")["Content-Security-Policy"]


def test_each_answer_has_a_nonce_of_its_own(client) -> None:
    assert policy(client)["script-src"] != policy(client)["script-src"]


def test_pages_hold_no_inline_script_style_or_handler(client) -> None:
    html = client.get("/login").content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*(src=|application/json))", html)


def test_only_the_administration_may_build_functions_out_of_text(client):
    admin, login = (client.get(path).headers["Content-Security-Policy"] for path in ("/admin/login/", "/login"))

    assert "script-src 'self' 'unsafe-eval';" in admin
    assert "'unsafe-inline'" not in admin.partition("style-src")[0]
    assert "unsafe" not in login
