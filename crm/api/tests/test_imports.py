"""Moving in by a program: a file is sent, checked, brought in and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from crm.api.tests.conftest import problem
from crm.imports import running
from crm.models import ImportBatch, Lead

IMPORTS = "/api/v1/imports"
SHEET = "Name,Phone,Extra\nAnn Other,(312) 555-0101,x\nBen Other,none,y\n"


@pytest.fixture(autouse=True)
def queued(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    settings.DATA_DIR = tmp_path
    found: list[int] = []
    monkeypatch.setattr("crm.tasks.work_on_import.delay_on_commit", found.append)
    return found


def send(api: Any, text: str = SHEET, **more: Any) -> Any:
    file = SimpleUploadedFile("leads.csv", text.encode(), "text/csv")
    return api.post(IMPORTS, {"kind": "leads", "file": file}, format="multipart", **more)


def test_a_file_is_sent_checked_brought_in_and_taken_back(api, queued) -> None:
    made, again = (send(api, HTTP_IDEMPOTENCY_KEY="i") for _ in range(2))
    path, batch = f"{IMPORTS}/{made.json()['id']}", made.json()["id"]

    assert (made.status_code, made.json()["status"], again.json()) == (201, "uploaded", made.json())
    assert made.json()["mapping"] == {"full_name": 0, "phone": 1}
    assert "email" in made.json()["known_fields"]
    assert api.post(f"{path}/check").json()["status"] == "checking"
    running.check(batch)
    assert api.get(path).json()["counts"] == {"created": 1, "wrong": 1}
    assert [row["line"] for row in api.get(f"{path}/rows", {"outcome": "wrong"}).json()["results"]] == [3]
    assert not Lead.objects.exists()

    assert api.post(f"{path}/run").json()["status"] == "running"
    running.run(batch)
    assert list(Lead.objects.values_list("full_name", flat=True)) == ["Ann Other"]
    assert api.post(f"{path}/undo").json()["status"] == "undoing"
    running.undo(batch)
    assert not Lead.objects.exists()
    assert queued == [batch] * 3


def test_columns_are_chosen_and_wrong_ones_refused(api) -> None:
    path = f"{IMPORTS}/{send(api).json()['id']}"

    for wrong in ({"phone": 9}, {"shoe": 0}, {"phone": "x"}, []):
        assert problem(api.post(f"{path}/check", {"mapping": wrong})) == (400, "invalid")
    assert problem(api.post(f"{path}/check", {"mapping": {}})) == (400, "bad_arguments")
    assert api.post(f"{path}/check", {"mapping": {"phone": 1}}).json()["mapping"] == {"phone": 1}


def test_what_cannot_be_done_now_is_refused(api, agent_api) -> None:
    path = f"{IMPORTS}/{send(api).json()['id']}"

    assert problem(api.post(f"{path}/run")) == (409, "import_refused")
    assert problem(api.post(f"{path}/undo")) == (409, "import_refused")
    assert problem(send(api, "")) == (400, "invalid")
    assert problem(send(api, "\0\0\0")) == (409, "unreadable_file")
    assert problem(api.post(IMPORTS, {"kind": "leads"})) == (415, "unsupported_media_type")
    assert problem(agent_api.get(IMPORTS)) == (403, "manager_required")
    assert problem(send(agent_api)) == (403, "manager_required")
    assert ImportBatch.objects.count() == 1
