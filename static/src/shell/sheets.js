// Dialogs: opened by a button that names one (data-opens="id") or by htmx filling #sheet-body; closed by data-closes,
// Esc, a press beside it or the event "sheet:close". The focus goes back to where it came from.
import { toast } from "./toasts.js";

const SLOW_MS = 200;

export function startSheets(root) {
  let opener = null;
  const open = (dialog, from) => {
    if (!dialog) return;
    if (!dialog.open) {
      opener = from ?? root.activeElement;
      dialog.showModal();
    }
    dialog.querySelector("[autofocus]")?.focus();
  };
  root.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-opens]");
    if (button) open(root.getElementById(button.dataset.opens), button);
    const isBeside = target.matches?.("dialog[data-sheet]");
    if (isBeside || target.closest?.("[data-closes]")) target.closest("dialog")?.close();
  });
  root.addEventListener("htmx:afterSwap", ({ target, detail }) => {
    if (target.id === "sheet-body") open(root.getElementById("sheet"), detail.requestConfig?.elt);
  });
  root.addEventListener("sheet:close", () => root.querySelector("dialog[data-sheet][open]")?.close());
  root.addEventListener(
    "close",
    ({ target }) => {
      if (!target.matches("dialog[data-sheet]")) return;
      if (opener?.isConnected) opener.focus();
      opener = null;
    },
    true,
  );
}

// When an answer takes longer than 200 ms: a line at the top, and the part it is for says so (aria-busy; the sheet opens
// with a skeleton). Words when it does not come at all.
export function startWaiting(root) {
  const line = root.getElementById("busy");
  if (!line) return;
  const waits = new Map();
  const isQuiet = (event) => event.target.closest?.("[data-polls], [data-quiet]");
  const slow = (part) => {
    line.classList.add("is-busy");
    part?.setAttribute("aria-busy", "true");
    if (part?.id === "sheet-body") openEmpty(root, part);
  };
  root.addEventListener("htmx:beforeRequest", (event) => {
    const { xhr, target } = event.detail;
    if (!isQuiet(event)) waits.set(xhr, { part: target, timer: setTimeout(() => slow(target), SLOW_MS) });
  });
  root.addEventListener("htmx:afterRequest", ({ detail: { xhr, successful } }) => {
    const wait = waits.get(xhr);
    waits.delete(xhr);
    clearTimeout(wait?.timer);
    wait?.part?.removeAttribute("aria-busy");
    if (!successful) wait?.part?.querySelector(":scope > .skeletons")?.closest("dialog")?.close();
    if (waits.size === 0) line.classList.remove("is-busy");
  });
  const place = root.querySelector("[data-toasts]");
  // Pages with a watch of their own say it in their own words.
  if (root.querySelector("[data-people], [data-board], [data-agent-page]")) return;
  for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    root.addEventListener(kind, (event) => isQuiet(event) || toast(root, place.dataset.failed, { tone: "bad" }));
  }
}

function openEmpty(root, body) {
  const sheet = root.getElementById("sheet");
  if (sheet.open) return;
  body.replaceChildren(root.getElementById("skeleton").content.cloneNode(true));
  sheet.showModal();
}
