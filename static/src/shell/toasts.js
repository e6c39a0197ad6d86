// What was just done, with an undo where there is one. Never more than three; one that the pointer or the focus rests
// on stays. A server says it with HX-Trigger: {"toast": {"text": …, "undo": url, "tone": "bad"}}; "undone" follows an undo.
import htmx from "htmx.org";
import { announce } from "./announce.js";

const STAYS_MS = 6000;
const STAYS_WITH_UNDO_MS = 10_000;
const MOST = 3;

export function toast(root, text, { undo = "", tone = "" } = {}) {
  const place = root.querySelector("[data-toasts]");
  if (!place) return;
  const line = root.createElement("div");
  line.className = `toast-line${tone === "bad" ? " is-bad" : ""}`;
  const words = root.createElement("span");
  words.textContent = text;
  line.append(words);
  if (undo) line.append(undoButton(root, place, line, undo));
  place.append(line);
  settle(place, line, Boolean(undo));
}

function undoButton(root, place, line, undo) {
  const button = root.createElement("button");
  button.className = "toast-act";
  button.type = "button";
  button.textContent = place.dataset.undoWord;
  button.addEventListener("click", async () => {
    button.disabled = true;
    if (typeof undo === "function") await undo();
    else await htmx.ajax("POST", undo, { source: root.body, swap: "none" });
    line.remove();
  });
  return button;
}

function settle(place, line, canUndo) {
  while (place.children.length > MOST) place.firstElementChild.remove();
  let timer = null;
  const leave = () => (timer = setTimeout(() => line.remove(), canUndo ? STAYS_WITH_UNDO_MS : STAYS_MS));
  for (const kind of ["pointerenter", "focusin"]) line.addEventListener(kind, () => clearTimeout(timer));
  for (const kind of ["pointerleave", "focusout"]) line.addEventListener(kind, leave);
  leave();
}

export function startToasts(root) {
  const place = root.querySelector("[data-toasts]");
  if (!place) return;
  for (const line of [...place.children]) settle(place, line, Boolean(line.querySelector("form")));
  root.addEventListener("toast", ({ detail }) => {
    toast(root, detail.text, detail);
    announce(root, detail.text);
  });
  root.addEventListener("undone", () => toast(root, place.dataset.undone));
}
