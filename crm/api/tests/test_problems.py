"""Every refusal is a problem document with a stable code."""

from __future__ import annotations

import json

import pytest
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory
from rest_framework.test import APIClient

from crm.api.parsers import MAX_BODY_BYTES
from crm.api.tests.conftest import problem
from crm.models import Lead
from crm.service import server_error

JSON = "application/json"


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v1/leads/1/nothing", "/api/v2/leads", "/api/v1/leads/x"],
)
def test_an_unknown_path_is_404(db, path):
    client = APIClient(enforce_csrf_checks=True)
    for method in (client.get, client.post, client.put, client.patch, client.delete):
        assert problem(method(path)) == (404, "not_found")


@pytest.mark.parametrize("number", ["0", "999999", "9223372036854775808", "9" * 19, "9" * 40, "-1", "1.5", "%00", "é"])
def test_an_unknown_record_is_404(api, number):
    for resource in ("leads", "listings", "agents", "appointments", "closures", "busy-times", "notes"):
        assert problem(api.get(f"/api/v1/{resource}/{number}")) == (404, "not_found")


def test_a_wrong_method_is_405(api):
    response = api.delete("/api/v1/leads")

    assert problem(response) == (405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "x"])
def test_another_content_type_is_415(api, content_type):
    response = api.post("/api/v1/leads", "full_name=X", content_type=content_type)

    assert problem(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"full_name": NaN}',
        b'{"full_name": "\\ud800"}',
        b'{"\\uDFFF": 1}',
        b'"\xff"',
        b"[" * 100_000,
        b'{"budget": ' + b"9" * 5000 + b"}",
        b'{"full_name": "a"} x',
        b"\x00",
    ],
)
def test_a_body_that_is_no_json_is_400(api, body):
    response = api.post("/api/v1/leads", body, content_type=JSON)

    assert problem(response)[0] == 400
    assert response.json()["code"] in ("malformed", "invalid")
    assert not Lead.objects.exists()


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"x"', b"true", b"[[1]]"])
def test_json_that_is_no_object_is_400(api, body):
    assert problem(api.post("/api/v1/leads", body, content_type=JSON)) == (400, "invalid")


def test_a_huge_body_is_413(api):
    body = b'{"full_name": "' + b"x" * MAX_BODY_BYTES + b'"}'

    assert problem(api.post("/api/v1/leads", body, content_type=JSON)) == (413, "too_large")


def test_a_megabyte_in_a_field_is_refused_with_a_short_answer(api):
    response = api.post("/api/v1/leads", {"full_name": "x" * 1_000_000, "stage": "y" * 1_000_000})

    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {"full_name", "stage"}
    assert len(response.content) < 2000


def test_errors_name_the_field_and_say_what_is_wrong(api):
    response = api.post("/api/v1/agents", {"email": "no", "timezone": "Mars/Base"})

    assert problem(response) == (400, "invalid")
    assert response.json()["errors"] == {
        "email": [{"code": "invalid", "message": "Enter a valid email address."}],
        "full_name": [{"code": "required", "message": "This field is required."}],
        "timezone": [{"code": "timezone", "message": "Mars/Base is not an IANA time zone."}],
    }


def test_a_nul_in_a_parameter_is_400(api):
    assert problem(api.get("/api/v1/leads?search=a%00b")) == (400, "invalid_parameter")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense", ""])
def test_whatever_is_accepted_the_answer_is_json(api, accept):
    response = api.get("/api/v1/leads?format=xml", HTTP_ACCEPT=accept)

    assert (response.status_code, response.headers["Content-Type"]) == (200, JSON)


@pytest.mark.parametrize("failure", [OperationalError("gone"), InterfaceError("closed")])
def test_without_the_database_it_is_503_to_be_tried_again(api, monkeypatch, failure):
    def fail(*args: object) -> None:
        raise failure

    monkeypatch.setattr("crm.api.authentication.find_token", fail)

    response = api.get("/api/v1/leads")

    assert problem(response) == (503, "unavailable")
    assert response.headers["Retry-After"] == "5"


def test_a_foreign_host_is_refused_as_a_problem(api):
    assert problem(api.get("/api/v1/leads", HTTP_HOST="evil.example")) == (400, "bad_request")
    assert api.get("/leads", HTTP_HOST="evil.example").headers["Content-Type"].startswith("text/html")


def test_a_bug_is_a_problem_for_programs_and_a_page_for_people():
    for_program = server_error(RequestFactory().get("/api/v1/leads"))

    assert for_program.headers["Content-Type"] == "application/problem+json"
    assert json.loads(for_program.content)["code"] == "server_error"
    assert server_error(RequestFactory().get("/leads")).headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("resource", ["leads", "listings", "agents", "appointments", "notes", "closures", "busy-times"])
def test_every_list_answers_with_and_without_a_final_slash(api, resource):
    for path in (f"/api/v1/{resource}", f"/api/v1/{resource}/"):
        response = api.get(path)
        assert response.status_code == 200, response.content
        assert set(response.json()) == {"next", "previous", "results"}
        assert api.options(path).status_code == 200
        assert api.head(path).status_code == 200
        assert api.post(path, {}).status_code == 400
