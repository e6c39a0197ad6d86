"""The checker itself: it must refuse what is wrong, or it proves nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calls.tests.contract import check_answer, check_request
from calls.tests.vapi.conftest import drifted
from calls.tools import tool_definitions
from calls.vapi_sandbox import Answer, Request

HEADERS = {"Authorization": "Bearer k", "Content-Type": "application/json"}
ID = "0b6b3c0e-9a47-4f4e-8a3e-1f1f9f0f2f10"


def patch(path: str = f"/assistant/{ID}", **body: Any) -> Request:
    return Request.build("PATCH", path, HEADERS, json.dumps(body).encode())


def get(path: str) -> Request:
    return Request.build("GET", path, HEADERS)


def row(**fields: Any) -> dict[str, Any]:
    return {"id": ID, "orgId": ID, "createdAt": "x", "updatedAt": "x", **fields}


def test_what_pete_sends_is_taken():
    good = drifted()
    good["model"]["tools"] += tool_definitions()
    assert check_request(patch(server=good["server"], serverMessages=["tool-calls"], model=good["model"])) == []
    assert check_request(patch(f"/phone-number/{ID}", provider="twilio", server={"url": "https://a"})) == []
    assert check_request(get("/assistant?limit=1000&createdAtLe=2027-01-01T00:00:00Z")) == []


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        # The canaries: if one of them sings no more, the checker passes everything.
        (patch(serverMessages="tool-calls"), "serverMessages"),
        (patch(serverMessages=["tool-call"]), "serverMessages"),
        (patch(server={"url": "https://a", "timeoutSeconds": 0}), "server"),
        (patch(server={"url": 1}), "server"),
        (patch(model={"model": "gpt-4o"}), "model"),
        (patch(model={"provider": "openai", "model": "gpt-4o", "tools": [{"function": {"name": "f"}}]}), "model"),
        (patch(f"/tool/{ID}", type="function", function={"description": "no name"}), "function"),
        # No schema refuses these; the service does.
        (patch(serverUrl="https://a"), "/serverUrl: no such property"),
        (patch(server={"url": "https://a", "secret": "s"}), "/server/secret: no such property"),
        (
            patch(f"/tool/{ID}", type="function", function={"name": "f", "params": {}}),
            "/function/params: no such property",
        ),
        (get("/assistant?page=2"), "?page: not described"),
        (get("/squad"), "not described"),
        (Request.build("GET", "/assistant", {}), "no bearer key"),
        (Request.build("GET", "/assistant", HEADERS, b"{}"), "a body where none is described"),
    ],
)
def test_a_request_that_must_be_refused_is_refused(request_: Request, complaint: str) -> None:
    found = check_request(request_)

    assert any(complaint in line for line in found), found


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (Answer(200, row(server={"url": 5})), "server"),
        (Answer(200, {"name": "No ids"}), "'id' is a required property"),
        (Answer(200, row(nmae="typo")), "/nmae: no such property"),
        (Answer(204, row()), "status 204 is not described"),
        (Answer(404, {"fault": "x"}), "'message' is a required property"),
    ],
)
def test_an_answer_that_is_wrong_is_refused(answer: Answer, complaint: str) -> None:
    found = check_answer(get(f"/assistant/{ID}"), answer)

    assert any(complaint in line for line in found), found
