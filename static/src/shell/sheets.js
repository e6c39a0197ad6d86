// Dialogs: opened by a button that names one (data-opens="id") or by htmx filling #sheet-body; closed by data-closes,
// Esc, a press beside it or the event "sheet:close". The focus goes back to where it came from.
import { toast } from "./toasts.js";

const SLOW_MS = 200;

export function startSheets(root) {
  let opener = null;
  const open = (dialog, from) => {
    if (!dialog || dialog.open) return;
    opener = from ?? root.activeElement;
    dialog.showModal();
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

// A line at the top when an answer takes longer than 200 ms, and words when it does not come at all.
export function startWaiting(root) {
  let waiting = 0;
  let timer = null;
  const line = root.getElementById("busy");
  if (!line) return;
  const isQuiet = (event) => event.target.closest?.("[data-polls], [data-quiet]");
  root.addEventListener("htmx:beforeRequest", (event) => {
    if (isQuiet(event)) return;
    waiting += 1;
    timer ??= setTimeout(() => line.classList.add("is-busy"), SLOW_MS);
  });
  root.addEventListener("htmx:afterRequest", (event) => {
    if (isQuiet(event)) return;
    waiting = Math.max(waiting - 1, 0);
    if (waiting) return;
    clearTimeout(timer);
    timer = null;
    line.classList.remove("is-busy");
  });
  const place = root.querySelector("[data-toasts]");
  // Pages with a watch of their own say it in their own words.
  if (root.querySelector("[data-people], [data-board], [data-agent-page]")) return;
  for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    root.addEventListener(kind, (event) => isQuiet(event) || toast(root, place.dataset.failed, { tone: "bad" }));
  }
}
