"""Every page in both themes and on both widths: nobody is shut out, nothing is inline, nothing is said on the console.

The page is loaded once and looked at three times; axe-core judges it by WCAG 2.2 AA.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Response

from calls.vapi_sandbox import Server
from e2e.desk import BASE_DIR, Api, Call, Desk

pytestmark = pytest.mark.browser

AXE = BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
ALL_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# A colour on its way from one theme to the other belongs to neither.
JUDGE = """async (rules) => {
    let frames = 0;
    do await new Promise(requestAnimationFrame);
    while (frames++ < 60 && document.getAnimations().some((one) => one.playState === "running"));
    const judged = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    const nodes = judged.violations.flatMap(({ id, nodes }) => nodes.map((node) => ({ id, ...node })));
    return nodes.map(({ id, target, html, failureSummary }) => `${id}: ${target} ${html} ${failureSummary}`);
}"""
# The width changes everything but colours, the theme only those; the dark ones are looked at on both widths.
LOOKS: list[tuple[Literal["light", "dark"], int, bool]] = [
    ("light", 1280, False),
    ("dark", 1280, True),
    ("dark", 390, False),
]
PATHS = [
    "/dashboard",
    "/wallboard",
    "/calls",
    "/calls?q=nothing-like-it",
    "/calls/{call}",
    "/calls/{call}/events",
    "/calls/{call}/tower",
    "/leads?scope=all",
    "/leads?scope=all&q=nothing-like-it",
    "/leads/{lead}",
    "/leads/{lead}/merge/{other}",
    "/pipeline?scope=all",
    "/appointments",
    "/appointments?view=week&by=agent",
    "/appointments/new",
    "/appointments/{viewing}",
    "/appointments/{viewing}/cancel",
    "/listings",
    "/listings/new",
    "/listings/{listing}",
    "/listings/{listing}/edit/basics",
    "/users",
    "/users/{person}/calendar",
    "/users/{agent}/edit",
    "/users/new",
    "/vapi-agent",
    "/assistants",
    "/assistants/{assistant}",
    "/prompts",
    "/prompts/{stage}",
    "/prompts/{stage}/1",
    "/rehearsals",
    "/analytics",
    "/notifications",
    "/settings",
    "/imports",
    "/settings/programs",
    "/settings/programs?show=webhooks",
    "/test-suite",
    "/api/docs/",
    "/admin/",
    "/admin/crm/lead/",
    "/admin/crm/lead/{lead}/change/",
    "/no-such-page",
]
# What a page of 1280 px becomes at a zoom of 400 %: then nothing has to be pushed sideways either.
NARROWEST = 320
TOO_WIDE = """() => [document.documentElement, ...document.querySelectorAll(".main, .body")]
    .filter((part) => part.scrollWidth > Math.min(part.clientWidth, innerWidth))
    .map((part) => {
        const out = [...part.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth);
        const ends = out.filter((one) => !one.firstElementChild);
        const first = ends.slice(0, 3).map((one) => one.cloneNode().outerHTML);
        return `${part.tagName}.${part.className} is ${part.scrollWidth} wide in ${part.clientWidth}: ${first}`;
    })"""
# The frame fills the window and its parts scroll: a page that scrolls as a whole loses its header.
LOOSE = "() => !!document.querySelector('.frame') && document.documentElement.scrollHeight > innerHeight"
INLINE = r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*(?:src=|application/json))"


@pytest.fixture(scope="module")
def world(api: Api, desk: Desk, home: dict, vapi: Server) -> Iterator[dict[str, Any]]:
    """One of everything: a call that is over and one that goes on, two leads of one name, a viewing, an assistant.

    And somebody with a long name, and an assistant that talks to a long address.
    """
    over, live = Call(desk, "+13125557411"), Call(desk, "+13125557412")
    for call in (over, live):
        call.begins()
        call.line("assistant", "Thanks for calling. How can I help?")
        call.line("user", "Is the flat in Oak Street still free?")
        call.tool("save_lead", full_name="Ottoline Achterberg", budget=2000)
    over.tool("get_availability", days_ahead=14)
    over.ends()
    lead, other = (api.get("leads", phone=call.number)["results"][0]["id"] for call in (over, live))
    api.post("notes", {"lead": lead, "text": "Has a dog."})
    start = (datetime.now(UTC) + timedelta(days=9)).replace(hour=16, minute=0, second=0, microsecond=0)
    agent = home["agents"][0]
    place = {"agent": agent["id"] if isinstance(agent, dict) else agent, "listing": home["id"]}
    viewing = api.post("appointments", place | {"lead": lead, "starts_at": start.isoformat()})
    call = api.get("calls", vapi_id=over.id)["results"][0]["id"]
    address = {"url": f"https://{'long-' * 20}old.example.com/vapi/webhook"}
    name = "Pete with a name as long as Vapi takes!!"
    assistant = vapi.vapi.add("assistant", name=name, model={"provider": "openai", "tools": []}, server=address)
    long = {"email": "bartholomea@pete.local", "full_name": "Bartholomea Featherstonehaugh-Cholmondeley"}
    person = api.post("agents", long | {"timezone": "America/New_York"})
    yield {
        "assistant": assistant["id"],
        "person": person["id"],
        "call": call,
        "lead": lead,
        "other": other,
        "viewing": viewing["id"],
        "listing": home["id"],
        "agent": place["agent"],
        "stage": "qualification",
    }
    live.ends()
    del vapi.vapi.rows["assistant"][assistant["id"]]


@pytest.fixture(scope="module")
def signed_in(browser: Browser, desk: Desk) -> Iterator[Page]:
    context = browser.new_context(base_url=desk.url, reduced_motion="reduce", storage_state=desk.session())
    yield context.new_page()
    context.close()


def visit(page: Page, path: str) -> tuple[Response, list[str]]:
    """Open the page and return its answer and what the console says from then on."""
    heard: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.set_viewport_size({"width": LOOKS[0][1], "height": 850})
    page.emulate_media(color_scheme="light")
    answer = page.goto(path)
    assert answer is not None
    page.locator("html.is-scripted, html:has(.opblock-tag), html:not(:has(.frame, #docs))").wait_for()
    return answer, heard


def violations(page: Page, *, only_colours: bool) -> list[str]:
    """Return "rule: where", one for each element that breaks a rule."""
    return list(page.evaluate(JUDGE, {"type": "rule", "values": ["color-contrast"]} if only_colours else ALL_RULES))


@pytest.mark.parametrize("path", [*PATHS, "/login"])
def test_a_page_is_for_everybody(signed_in: Page, browser: Browser, desk: Desk, world: dict[str, Any], path: str):
    page = signed_in if path != "/login" else browser.new_page(base_url=desk.url)
    answer, heard = visit(page, path.format(**world))
    assert answer.status == (404 if path == "/no-such-page" else 200)
    if not path.startswith("/admin"):
        _follows_the_policy(answer)
    found = _looks(page)
    assert not found, "\n".join(found)
    assert [line for line in heard if "404" not in line] == []


@pytest.mark.parametrize("key", ["Control+k", "?"])
def test_a_dialog_is_for_everybody(signed_in: Page, key: str):
    visit(signed_in, "/leads")
    signed_in.keyboard.press(key)
    signed_in.locator("dialog[open] :focus").wait_for()
    found = _looks(signed_in)
    assert not found, "\n".join(found)


def _looks(page: Page) -> list[str]:
    """Return what is wrong, in each theme and on each width."""
    page.evaluate(AXE.read_text())
    page.evaluate("document.querySelectorAll('main details').forEach((part) => (part.open = true))")
    found: list[str] = []
    for scheme, width, only_colours in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 850})
        found += [f"{scheme} {width} {line}" for line in violations(page, only_colours=only_colours)]
        found += [f"{scheme} {width}: {line}" for line in page.evaluate(TOO_WIDE)]
        found += [f"{scheme} {width}: scrolls as a whole"] * page.evaluate(LOOSE)
    page.set_viewport_size({"width": NARROWEST, "height": 850})
    return found + [f"{NARROWEST}: {line}" for line in page.evaluate(TOO_WIDE)]


def _follows_the_policy(answer: Response) -> None:
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    for name in ("script-src", "style-src"):
        assert re.match(r"'self' 'nonce-[\w-]{22}'", policy[name])
        assert "'unsafe-inline'" not in policy[name]
        assert "'unsafe-eval'" not in policy[name]
    assert policy["default-src"] == "'self'"
    assert re.findall(INLINE, re.sub(r"<pre.*?</pre>", "", answer.text(), flags=re.S)) == []
