"""Talking to an assistant in a real browser: by text over the real webhook, by voice with the test's own SDK."""

from __future__ import annotations

import re

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from calls.vapi_sandbox import Server
from e2e.desk import PUBLIC_KEY, Api
from e2e.looks import Open

pytestmark = pytest.mark.browser

# Stands in for Vapi's SDK: keeps what it was given and lets the test tell what Vapi would.
FAKE_SDK = """
export default class FakeVapi {
  constructor(key, api, options) {
    Object.assign(this, { given: { key, api, options }, listeners: {}, muted: false, stopped: 0 });
    window.fakeVapi = this;
  }
  on(name, listener) { (this.listeners[name] ??= []).push(listener); return this; }
  tell(name, ...values) { for (const listener of this.listeners[name] ?? []) listener(...values); }
  async start(assistant) {
    this.assistant = assistant;
    return window.fakeStart ? window.fakeStart(this) : { id: "c1" };
  }
  async stop() { this.stopped += 1; }
  isMuted() { return this.muted; }
  setMuted(muted) { this.muted = muted; }
}
"""


@pytest.fixture(scope="module", autouse=True)
def assistant(database: psycopg.Connection) -> None:
    """An assistant of Vapi's."""
    database.execute(
        "INSERT INTO calls_assistant (vapi_id, name, first_message, is_active, is_demo)"
        " VALUES ('asst-oak', 'Pete Oak', '', true, false) ON CONFLICT DO NOTHING"
    )


@pytest.fixture(scope="module")
def home(api: Api) -> dict:
    """A home that nobody but the practice caller wants to see, shown every hour of every day."""
    ana = api.post("agents", {"email": "ana@pete.local", "full_name": "Ana", "timezone": "America/Chicago"})
    week = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)]
    api.put(f"agents/{ana['id']}/working-hours", week)
    return api.post("listings", {"address": "77 Juniper Street", "rent": "1500", "bedrooms": 1, "agents": [ana["id"]]})


@pytest.fixture
def agent(page: Page) -> Page:
    """The page, signed in, with the test's SDK in place of Vapi's and a microphone that works."""
    page.route(re.compile(r"/static/dist/assets/sdk-.*\.js"), _fake_sdk)
    page.context.grant_permissions(["microphone"])
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => {"
        "  if (window.microphone) throw Object.assign(new Error('no'), { name: window.microphone });"
        "  return { getTracks: () => [] };"
        "};"
    )
    page.goto("/vapi-agent")
    return page


def _fake_sdk(route: Route) -> None:
    route.fulfill(body=FAKE_SDK, content_type="text/javascript")


def voice(page: Page):
    return page.locator("[data-agent]")


def start(page: Page) -> None:
    # Other tests of this desk may have assistants of their own.
    voice(page).locator("[data-part=assistant]").select_option("asst-oak")
    voice(page).get_by_role("button", name="Start").click()


def connected(page: Page) -> None:
    start(page)
    page.wait_for_function("window.fakeVapi?.assistant")
    page.evaluate("fakeVapi.tell('call-start')")
    expect(voice(page)).to_have_attribute("data-state", "live")


def test_a_call_by_voice_from_start_to_end(agent: Page, vapi: Server):
    connected(agent)
    assert agent.evaluate("[fakeVapi.given.key, fakeVapi.given.api, fakeVapi.assistant]") == [
        PUBLIC_KEY,
        vapi.url,
        "asst-oak",
    ]
    assert agent.evaluate("fakeVapi.given.options.avoidEval") is True

    for words in ("I look", "I look for a flat"):
        partial = {"type": "transcript", "role": "user", "transcriptType": "partial", "transcript": words}
        agent.evaluate("message => fakeVapi.tell('message', message)", partial)
    lines = voice(agent).locator(".line")
    expect(lines).to_have_count(1)
    final = {"type": "transcript", "role": "user", "transcriptType": "final", "transcript": "I look for a <b>flat</b>."}
    agent.evaluate("message => fakeVapi.tell('message', message)", final)
    answer = final | {"role": "assistant", "transcript": "Happy to help."}
    agent.evaluate("message => fakeVapi.tell('message', message)", answer)
    expect(lines).to_have_text(["YouI look for a <b>flat</b>.", "AssistantHappy to help."])

    agent.evaluate("fakeVapi.tell('volume-level', 0.4)")
    expect(voice(agent).locator("meter")).to_have_js_property("value", 0.4)
    agent.evaluate("fakeVapi.tell('speech-start')")
    expect(voice(agent).locator("[data-part=state]")).to_have_text("Assistant speaks")

    voice(agent).get_by_role("button", name="Mute").click()
    assert agent.evaluate("fakeVapi.muted") is True
    expect(voice(agent).get_by_role("button", name="Unmute")).to_have_attribute("aria-pressed", "true")

    voice(agent).get_by_role("button", name="Hang up").click()
    expect(voice(agent)).to_have_attribute("data-state", "ended")
    assert agent.evaluate("fakeVapi.stopped") == 1
    expect(voice(agent).get_by_role("button", name="Start")).to_be_enabled()


def test_the_other_side_hangs_up_and_one_calls_again(agent: Page):
    connected(agent)
    agent.evaluate("fakeVapi.tell('call-end')")

    expect(voice(agent)).to_have_attribute("data-state", "ended")
    connected(agent)
    expect(voice(agent).locator(".line")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NotAllowedError", "The microphone was refused"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "Another program holds the microphone"),
    ],
)
def test_without_a_microphone_one_is_told_and_no_call_is_made(agent: Page, name: str, said: str):
    agent.evaluate("name => (window.microphone = name)", name)
    start(agent)

    expect(voice(agent).get_by_role("alert")).to_contain_text(said)
    expect(voice(agent).get_by_role("button", name="Start")).to_be_enabled()
    assert agent.evaluate("window.fakeVapi === undefined")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("{type: 'start-method-error', error: {message: 'Failed to fetch'}}", "Vapi cannot be reached"),
        (
            "{type: 'start-method-error', error: {statusCode: 401, message: 'Invalid Key.'}}",
            "does not accept the public key",
        ),
        ("{type: 'daily-error', error: {msg: 'Something odd'}}", "The call could not go on: Something odd"),
    ],
)
def test_what_the_sdk_stumbles_over_is_said_in_words(agent: Page, error: str, said: str):
    agent.evaluate(f"() => {{ window.fakeStart = (vapi) => {{ vapi.tell('error', {error}); return null; }}; }}")
    start(agent)

    expect(voice(agent).get_by_role("alert")).to_contain_text(said)
    expect(voice(agent)).to_have_attribute("data-state", "idle")


def test_the_sdk_is_loaded_by_this_page_alone_and_only_for_a_call(page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/vapi-agent")
    page.goto("/dashboard")

    assert not [url for url in asked if "/sdk-" in url]


def test_vapis_own_sdk_loads_under_the_pages_policy(page: Page):
    page.goto("/vapi-agent")

    made = page.evaluate(
        "async () => { const { default: Vapi } = await import(document.querySelector('[data-agent]').dataset.sdk);"
        " const vapi = new Vapi('k', 'https://api.vapi.ai', { avoidEval: true });"
        " return ['start', 'stop', 'setMuted', 'isMuted', 'on'].map((name) => typeof vapi[name]); }"
    )

    assert made == ["function"] * 5


def test_no_private_key_reaches_the_browser(page: Page, vapi: Server):
    answer = page.goto("/vapi-agent")
    assert answer
    said = answer.text() + page.content()

    assert PUBLIC_KEY in said
    assert vapi.vapi.key not in said
    assert "only-for-e2e" not in said


@pytest.mark.journey
def test_a_practice_call_by_text_books_and_stands_on_the_board(agent: Page, home: dict):
    practice = agent.locator("#practice")
    practice.get_by_role("button", name="Start a practice call").click()
    expect(practice.locator(".line")).to_contain_text(["How can I help?"])

    for line in ("I'd like to see 77 Juniper Street tomorrow at 3 PM.", "My name is Nora Webb."):
        practice.get_by_label("What you say").fill(line)
        practice.get_by_role("button", name="Say").click()
        expect(practice.locator(".line[data-role=user]").last).to_contain_text(line)
    expect(practice.locator(".line[data-role=assistant]", has_text="You are booked")).to_be_visible()
    expect(practice.locator(".line").last).to_be_in_viewport()

    board = agent.context.new_page()
    board.goto("/dashboard")
    expect(board.locator(".tile", has_text="Nora Webb")).to_contain_text("practice call")
    board.close()

    practice.get_by_role("button", name="Hang up").click()
    expect(practice).to_contain_text("What was booked in it has been given back.")


def test_a_practice_call_works_without_scripts(opened: Open):
    page = opened("/vapi-agent", java_script_enabled=False)
    page.get_by_role("button", name="Start a practice call").click()
    page.get_by_label("What you say").fill("Thanks, bye.")
    page.get_by_role("button", name="Say").click()

    expect(page.locator("#practice")).to_contain_text("The call is over.")
