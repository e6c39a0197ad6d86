"""/prompts: managers write versions, agents read them, and nobody's words are lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from calls import stage_prompts
from calls.models import Assistant, Call, StagePrompt, call_pk
from calls.stages import prompts, uses
from calls.stages.default_prompts import DEFAULT_PROMPTS
from crm.models import Agent, Role

pytestmark = pytest.mark.django_db
TEXT = "Book it for ${{budget}}, then update_system_prompt."


@pytest.fixture(autouse=True)
def _first_versions(db: None) -> Any:
    for stage, text in DEFAULT_PROMPTS.items():
        StagePrompt.objects.get_or_create(stage=stage, assistant=None, version=1, defaults={"text": text})
    yield
    prompts.install({})


@pytest.fixture
def manager() -> Client:
    return signed_in(Role.MANAGER, "Mo Manager")


@pytest.fixture
def agent() -> Client:
    return signed_in(Role.AGENT, "Ana Agent")


@pytest.fixture
def oak() -> Assistant:
    return Assistant.objects.create(vapi_id="asst-oak", name="Oak")


def signed_in(role: Role, name: str) -> Client:
    client = Client()
    client.force_login(Agent.objects.create_user(f"{name[:3]}@example.com", full_name=name, role=role))
    return client


def save(client: Client, path: str = "/prompts/booking", **form: Any) -> Any:
    return client.post(path, {"text": TEXT, "base": 1, "note": "", "save": ""} | form, follow=True)


def newest(stage: str = "BOOKING", assistant: Assistant | None = None) -> tuple[int, str]:
    found = stage_prompts.newest(stage, assistant)
    assert found is not None
    return found.version, found.text


def test_a_manager_writes_the_next_version(manager):
    answer = save(manager, note="Shorter")

    assert [str(message) for message in answer.context["messages"]] == ["Version 2 speaks from the next turn on."]
    assert newest() == (2, TEXT)
    html = answer.content.decode()
    assert "Mo Manager" in html
    assert "Shorter" in html


def test_two_managers_write_at_once_and_nothing_is_lost(manager):
    second = signed_in(Role.ADMIN, "Second Manager")
    save(manager)

    answer = save(second, text="Mine: update_system_prompt", note="Better")

    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Mo Manager saved version 2 of this prompt while you were writing." in html
    assert "Mine: update_system_prompt</textarea>" in html
    assert 'value="Better"' in html
    assert 'name="base" value="2"' in html
    # Theirs is shown as what yours would remove.
    assert '<div class="diff-line is-removed">' in html
    assert newest() == (2, TEXT)

    save(second, text="Both: update_system_prompt", base=2)
    assert newest() == (3, "Both: update_system_prompt")


def test_a_preview_is_for_a_call_and_saves_nothing(manager):
    call = Call.objects.create(id=call_pk("c1"), vapi_id="c1", context={"budget": 1800})

    answer = save(manager, preview="1", call=str(call.pk), text="Ask {{budgte}} for ${{budget}}")

    html = answer.content.decode()
    assert "Ask not known yet for $1,800" in html
    assert "“budgte” is no fact that Pete collects" in html
    assert "Ask {{budgte}} for ${{budget}}</textarea>" in html
    assert newest()[0] == 1


@pytest.mark.parametrize("call", ["", "nonsense", "8f5fe7ff-0000-4000-8000-000000000000", "x" * 40])
def test_a_preview_for_no_call_is_of_one_that_knows_nothing(manager, call):
    html = save(manager, preview="1", call=call).content.decode()

    assert "Book it for $not known yet" in html


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"text": "  "}, 422),
        ({"text": "x" * 20_001}, 422),
        ({"text": "a\0b"}, 422),
        ({"note": "x" * 201}, 422),
        ({"base": "x"}, 422),
        ({"base": "-1"}, 422),
        ({"base": "99999999999999999999"}, 422),
        ({"base": "0"}, 409),
        ({"base": "7"}, 409),
        ({"call": "x" * 41}, 422),
    ],
)
def test_what_cannot_be_saved_is_refused_with_the_words_kept(manager, form, status):
    answer = save(manager, **form)

    assert answer.status_code == status
    assert newest()[0] == 1
    if "text" not in form:
        assert f"{TEXT}</textarea>" in answer.content.decode()


@pytest.mark.parametrize("path", ["/prompts", "/prompts/booking", "/prompts/qualification/1", "/prompts/booking/"])
def test_agents_read(agent, path):
    answer = agent.get(path)

    assert answer.status_code == 200
    assert "<textarea" not in answer.content.decode()


def test_agents_see_a_preview_for_a_call(agent):
    call = Call.objects.create(id=call_pk("c1"), vapi_id="c1", context={"budget": 1800})

    assert "$1,800" in agent.get("/prompts/booking", {"call": str(call.pk)}).content.decode()


def test_agents_change_nothing(agent, oak):
    for path in ("/prompts/booking", "/prompts/booking/1/restore", f"/prompts/booking/0/restore?assistant={oak.pk}"):
        assert agent.post(path, {"text": TEXT, "base": 1}).status_code == 403
    assert newest()[0] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/prompts/lunch",
        "/prompts/booking/99",
        "/prompts/booking?assistant=999999",
        "/prompts/booking?assistant=x",
        "/prompts/booking?assistant=²",
        "/prompts/booking/1?assistant=99999999999999999999",
    ],
)
def test_what_is_not_there_is_not_found(manager, path):
    assert manager.get(path).status_code == 404


def test_an_earlier_version_is_compared_and_restored(manager):
    before = newest()[1]
    save(manager)
    html = manager.get("/prompts/booking/1").content.decode()
    assert "What changed until version 2, which speaks now" in html
    assert "Go back to this version" in html

    answer = manager.post("/prompts/booking/1/restore", {"base": 2}, follow=True)

    assert "Version 3 speaks from the next turn on." in answer.content.decode()
    assert newest() == (3, before)
    html = manager.get("/prompts/booking/3").content.decode()
    assert "Back to version 1" in html
    assert "Go back to this version" not in html


@pytest.mark.parametrize("base", ["1", "", "x", "-1", "²"])
def test_a_restore_on_an_old_view_changes_nothing(manager, base):
    save(manager)

    answer = manager.post("/prompts/booking/1/restore", {"base": base}, follow=True)

    assert "Nothing was changed: Mo Manager saved version 2" in answer.content.decode()
    assert newest() == (2, TEXT)


def test_an_assistant_gets_words_of_its_own_and_gives_them_up(manager, oak):
    path = f"/prompts/booking?assistant={oak.pk}"
    html = manager.get(path).content.decode()
    assert "Give it these words" in html
    assert "You arrange a viewing" in html

    save(manager, path, base=0)
    assert newest("BOOKING", oak) == (1, TEXT)
    assert newest()[0] == 1
    assert "Oak, Booking" in manager.get("/prompts").content.decode()

    answer = manager.post(f"/prompts/booking/0/restore?assistant={oak.pk}", {"base": 1}, follow=True)
    html = answer.content.decode()
    assert "Oak follows the office&#x27;s prompt again." in html
    assert "Give it these words" in html
    assert newest("BOOKING", oak) == (2, "")
    assert "Oak, Booking" not in manager.get("/prompts").content.decode()
    # What it ended with cannot be gone back to; what it said can.
    assert manager.post(f"/prompts/booking/2/restore?assistant={oak.pk}", {"base": 2}).status_code == 404
    manager.post(f"/prompts/booking/1/restore?assistant={oak.pk}", {"base": 2})
    assert newest("BOOKING", oak) == (3, TEXT)


def test_the_office_has_no_version_0_to_go_back_to(manager):
    assert manager.post("/prompts/booking/0/restore", {"base": 1}).status_code == 404


def test_in_how_many_calls_a_version_spoke_is_shown(manager):
    version = stage_prompts.newest("BOOKING")
    assert version is not None
    for name in ("spoke-1", "spoke-2"):
        uses.record(Call.objects.create(id=call_pk(name), vapi_id=name).pk, version.pk)

    assert "spoke in 2 calls" in manager.get("/prompts").content.decode()
    assert "<dd>2 calls</dd>" in manager.get("/prompts/booking/1").content.decode()


def test_what_is_written_is_shown_and_not_run(manager):
    html = save(manager, text="<script>alert(1)</script></textarea> update_system_prompt").content.decode()

    assert "<script>alert(1)" not in html
    assert "</textarea> update" not in html


def test_the_list_of_versions_costs_the_same_for_one_and_for_many(manager, django_assert_num_queries):
    manager.get("/prompts/booking")
    with django_assert_num_queries(8):
        manager.get("/prompts/booking")
    for base in range(1, 6):
        save(manager, text=f"{base} update_system_prompt", base=base)
    manager.get("/prompts/booking")
    with django_assert_num_queries(8):
        manager.get("/prompts/booking")
