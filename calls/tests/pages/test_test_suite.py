"""/test-suite: managers run the doctor's checks, others do not even see them."""

from __future__ import annotations

import httpx
import pytest

from calls import checks
from config import doctor
from config.doctor import IllError

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_checks(monkeypatch):
    def ill() -> str:
        raise IllError("is <b>ill</b>.", "Take a walk.")

    monkeypatch.setattr(doctor, "REQUIRED", {"Well": lambda: "is well."})
    monkeypatch.setattr(doctor, "OPTIONAL", {"Ill": ill})


def test_it_is_for_managers(see, client, agent, mate, stranger, manager):
    found = {person.full_name: see(person, "/test-suite").status_code for person in (agent, mate, stranger, manager)}
    assert found == {"Ana Soto": 403, "Ben Mate": 403, "Cy Stranger": 403, "Mo Manager": 200}

    client.force_login(agent)
    assert (client.post("/test-suite").status_code, client.post("/test-suite/0").status_code) == (403, 403)


def test_looking_checks_nothing(see, manager):
    page = see(manager, "/test-suite").content.decode()

    assert page.count("Not looked at yet.") == 3
    assert "Is well." not in page


def test_each_check_is_made_alone_and_says_what_to_do(client, manager):
    client.force_login(manager)
    well, ill = (client.post(f"/test-suite/{number}").content.decode() for number in range(2))

    assert "Is well." in well
    assert 'data-state="ok"' in well
    assert "Is &lt;b&gt;ill&lt;/b&gt;." in ill
    assert "Take a walk." in ill
    assert 'data-state="note"' in ill
    assert client.post("/test-suite/2").status_code == 404
    assert client.get("/test-suite/0").status_code == 405


def test_without_scripts_all_are_made_at_once(client, manager):
    client.force_login(manager)
    page = client.post("/test-suite").content.decode()

    assert "Is well." in page
    assert "Take a walk." in page


def answer(monkeypatch, status: int, body: object = None) -> list[httpx.Request]:
    seen: list[httpx.Request] = []

    def post(url: str, **more: object) -> httpx.Response:
        seen.append(httpx.Request("POST", url, headers=more["headers"], json=more["json"]))
        return httpx.Response(status, json=body)

    monkeypatch.setattr(httpx, "post", post)
    return seen


def results(said: str) -> dict[str, object]:
    return {"results": [{"toolCallId": "pete-check", "name": "get_availability", "result": said}]}


def test_the_door_is_asked_as_vapi_asks(monkeypatch, settings):
    seen = answer(monkeypatch, 200, results("I can offer Thursday at three."))

    assert "“I can offer Thursday at three.”" in checks.webhook()
    assert str(seen[0].url) == f"{settings.PUBLIC_URL}/vapi/webhook"
    assert seen[0].headers["X-Vapi-Secret"] == settings.VAPI_WEBHOOK_SECRET


@pytest.mark.parametrize("status", [401, 404, 502])
def test_a_door_that_does_not_take_it_is_ill(monkeypatch, settings, status):
    settings.VAPI_WEBHOOK_SECRET = "secret"
    answer(monkeypatch, status)

    with pytest.raises(IllError, match=f"HTTP {status}"):
        checks.webhook()


@pytest.mark.parametrize("body", [None, [], {}, {"results": []}, {"results": [{}]}, {"results": 1}])
def test_somebody_elses_door_is_ill(monkeypatch, body):
    answer(monkeypatch, 200, body)

    with pytest.raises(IllError, match="not as Pete does"):
        checks.webhook()


def test_a_tool_that_fails_is_ill(monkeypatch):
    answer(monkeypatch, 200, results("[failed] I'm sorry."))

    with pytest.raises(IllError, match="the tool failed"):
        checks.webhook()
