// One key, one act; off while somebody types or a dialog is open. What a page offers is found by its attributes, so
// pages need no code of their own: [data-key="n"], [data-list] with [data-row], rel="prev" and rel="next".
export const ACTS = {
  c: '[data-key="c"], [data-claim]',
  b: '[data-key="b"], [data-verb="viewing"], [data-book]',
  n: '[data-key="n"], [data-verb="note"]',
};
const KEYS = {
  ...ACTS,
  "[": '[data-key="["], [data-previous], a[rel="prev"]',
  "]": '[data-key="]"], [data-next], a[rel="next"]',
  "/": '[data-key="/"], main input[type="search"], .header input[type="search"]',
};
const GO_WITHIN_MS = 1200;

export function startShortcuts(root) {
  if (!root.querySelector("[data-rail]")) return;
  let wentAt = 0;
  const isOn = hasLetterKeys(root);
  root.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-palette]")) openPalette(root, event);
    if (event.target.closest?.("[data-keys]")) root.getElementById("shortcuts").showModal();
  });
  root.addEventListener("keydown", (event) => {
    const { key } = event;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && key.toLowerCase() === "k") return openPalette(root, event);
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isBusy(root, event.target)) return;
    if (!isOn) return key === "Enter" ? openRow(root, event) : undefined;
    const isGoing = Date.now() - wentAt < GO_WITHIN_MS;
    wentAt = 0;
    if (isGoing) follow(event, root.querySelector(`[data-go="${CSS.escape(key)}"]`));
    else if (key === "g") wentAt = Date.now();
    else if (key === "?") follow(event, null, () => root.getElementById("shortcuts").showModal());
    else if (key === "j" || key === "k") follow(event, null, () => walk(root, key === "j" ? 1 : -1));
    else if (key === "Enter") openRow(root, event);
    else if (KEYS[key]) follow(event, visible(root, KEYS[key]), key === "/" ? () => openPalette(root, event) : null);
  });
}

// Who dictates, or whose hand slips, switches off what a letter alone would do; Ctrl+K and Enter stay.
export function hasLetterKeys(root) {
  return root.querySelector("[data-rail]")?.dataset.letterKeys !== "off";
}

async function openPalette(root, event) {
  event.preventDefault();
  const { togglePalette } = await import("./palette.js");
  togglePalette(root);
}

function isBusy(root, target) {
  return target.closest?.("input, textarea, select, [contenteditable]") || root.querySelector("dialog[open]");
}

// What a key means here: in the line one stands on, else for the page as a whole; never in some other line.
export function visible(root, selector) {
  const usable = [...root.querySelectorAll(selector)].filter((element) => element.offsetParent !== null && !element.disabled);
  const lineOf = (element) => element.closest("[data-row], .tile, .rows > li");
  const here = (line) => line.classList.contains("is-current") || line.contains(root.activeElement);
  return usable.find((element) => lineOf(element) && here(lineOf(element))) ?? usable.find((element) => !lineOf(element));
}

function follow(event, element, act) {
  if (!element && !act) return;
  event.preventDefault();
  // The second key of `g n` is no `n` of the page's own.
  event.stopImmediatePropagation();
  if (!element) act();
  else if (element.matches("input")) element.focus();
  else element.click();
}

function rows(root) {
  return [...root.querySelectorAll("[data-list] [data-row]")].filter((row) => row.offsetParent !== null);
}

function walk(root, step) {
  const all = rows(root);
  if (all.length === 0) return;
  const now = all.findIndex((row) => row.classList.contains("is-current"));
  const row = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + step, 0), all.length - 1)];
  all[now]?.classList.remove("is-current");
  row.classList.add("is-current");
  row.scrollIntoView({ block: "nearest" });
  // A screen reader follows the focus, not a colour.
  way(row)?.focus({ preventScroll: true });
}

function openRow(root, event) {
  // What has the focus is opened by the browser itself.
  if (event.target.closest("a, button, summary, [role=button]")) return;
  const row = rows(root).find((element) => element.classList.contains("is-current"));
  if (row) follow(event, way(row));
}

function way(row) {
  return row.querySelector(".row-open") ?? row.querySelector("a[href]");
}
