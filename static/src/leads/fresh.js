// What others do to the leads in sight: their rows or cards come afresh when the server says that they changed.
import htmx from "htmx.org";

const SETTLES_MS = 150;

// `url` answers ?lead=1&lead=2 with elements that carry these ids; `find(id)` is where one stands, `put(old, fresh)`
// puts the new one there. `isBusy(old)` keeps what somebody is at; a lead that is seen no longer goes with `remove(old)`.
export function keepFresh(document, { url, find, idOf, put, remove, isBusy }) {
  const waiting = new Set();
  let timer = null;

  const soon = () => (timer ??= setTimeout(ask, SETTLES_MS));

  async function ask() {
    timer = null;
    const ids = [...waiting].filter((id) => find(id));
    waiting.clear();
    const idle = ids.filter((id) => !isBusy(find(id)));
    for (const id of ids) if (!idle.includes(id)) waiting.add(id);
    if (idle.length) await bring(idle);
    if (waiting.size) setTimeout(soon, SETTLES_MS * 4);
  }

  async function bring(ids) {
    const query = new URLSearchParams(location.search);
    for (const id of ids) query.append("lead", id);
    const answer = await fetch(`${url}?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    // Without an answer the page says elsewhere that it is not live.
    if (!answer?.ok || answer.redirected) return;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const fresh = new Map([...holder.content.querySelectorAll("[data-row]")].map((row) => [idOf(row), row]));
    for (const id of ids) {
      const old = find(id);
      if (!old || isBusy(old)) continue;
      if (fresh.has(id)) swap(old, fresh.get(id));
      else remove(old);
    }
  }

  function swap(old, row) {
    const wasFocused = old.contains(document.activeElement);
    put(old, row);
    htmx.process(row);
    if (wasFocused) row.querySelector("a")?.focus({ preventScroll: true });
  }

  document.addEventListener("desk:lead", ({ detail }) => {
    waiting.add(String(detail.id));
    soon();
  });
}
