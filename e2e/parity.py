"""Whether a live board says what the server says: its tiles beside those of a page that is drawn anew."""

from __future__ import annotations

import time

from playwright.sync_api import Page

# Everything a tile shows but the seconds that count by themselves. An ended call keeps its tile for a moment.
_COMPARE = """
async () => {
  const answer = await fetch("/dashboard", {headers: {Accept: "text/html"}});
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = (tile, name) => tile.querySelector(`[data-f="${name}"]`);
  const text = (tile, name) => part(tile, name).textContent.trim();
  const unless = (tile, name, say) => (part(tile, name).hidden ? null : say());
  const said = (tile) => ({
    id: tile.dataset.tile, state: tile.dataset.state, phase: tile.dataset.phase,
    name: text(tile, "name"), subtitle: text(tile, "subtitle"), step: text(tile, "step"), word: text(tile, "phase"),
    since: part(tile, "phase-timer").dataset.since, began: part(tile, "timer").dataset.since,
    assistant: text(tile, "assistant"),
    lines: [...part(tile, "lines").children]
      .map((line) => [line.dataset.role, line.textContent, "cut" in line.dataset]),
    facts: [...part(tile, "facts").children].map((fact) => [fact.dataset.fact, fact.textContent]),
    hold: unless(tile, "hold", () => [text(tile, "hold-when"), part(tile, "hold-left").dataset.until]),
    booked: unless(tile, "booked", () => text(tile, "booked-when")),
    alert: unless(tile, "alert", () => text(tile, "alert-word")),
    waiting: unless(tile, "waiting", () => text(tile, "waiting-word")),
    muted: part(tile, "muted").hidden, steered: unless(tile, "steered", () => text(tile, "steered-word")),
    claim: part(tile, "claim").hidden, note: part(tile, "note").hidden,
  });
  const all = (root) => [...root.querySelectorAll("[data-tiles] > li")];
  const board = (root) => ({
    live: all(root).filter((tile) => tile.dataset.phase !== "ENDED").map(said),
    ended: [...all(root).filter((tile) => tile.dataset.phase === "ENDED").map((tile) => tile.dataset.tile),
            ...[...root.querySelectorAll("[data-ended-call]")].map((row) => row.dataset.endedCall)]
      .filter(Boolean).sort(),
  });
  const [here, there] = [board(document), board(fresh)];
  const found = [];
  const same = (what, ...both) => {
    const [a, b] = both.map((one) => JSON.stringify(one));
    if (a !== b) found.push(`${what}: ${a} is ${b}`);
  };
  same("order", here.live.map((tile) => tile.id), there.live.map((tile) => tile.id));
  same("ended", here.ended, there.ended);
  for (const tile of there.live) same(tile.name, here.live.find((other) => other.id === tile.id), tile);
  return found;
}
"""


def differences(page: Page, within: float = 5.0) -> list[str]:
    """Return where the page's board differs from the server's, in words; nothing once they agree.

    Tiles out of sight are drawn a little later than those in sight: that long they may differ.
    """
    deadline = time.monotonic() + within
    while True:
        found: list[str] = page.evaluate(_COMPARE)
        if not found or time.monotonic() > deadline:
            return found
        page.wait_for_timeout(250)
