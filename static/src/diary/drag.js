// Dragging a viewing to another step. Nothing is saved by dropping: the question whom to tell comes first, and until it
// is answered the viewing stays where it was.
import { openSheet } from "./page.js";

const SLOP = 6;

export function startDragging(document) {
  let drag = null;

  document.addEventListener("pointerdown", (event) => {
    const block = event.target.closest?.("[data-movable]");
    if (!block || event.button || event.pointerType === "touch") return;
    drag = { block, x: event.clientX, y: event.clientY, ghost: null, target: null };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (!drag.ghost && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < SLOP) return;
    drag.ghost ??= lift(document, drag);
    drag.ghost.style.left = `${event.clientX - drag.dx}px`;
    drag.ghost.style.top = `${event.clientY - drag.dy}px`;
    aim(document, drag, event);
  });
  document.addEventListener("pointerup", () => {
    if (!drag?.ghost) return (drag = null);
    const { block, target } = drag;
    settle(drag);
    drag = null;
    // The click that follows is the end of the drag, not a wish to open the viewing.
    document.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
    if (target) ask(block, target);
    else shake(block);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drag?.ghost) return;
    settle(drag);
    drag = null;
  });
  document.addEventListener("dragstart", (event) => event.target.closest?.("[data-movable]") && event.preventDefault());
  // A refusal of the server: the viewing is still where it was, and is seen to be.
  document.addEventListener("htmx:afterSwap", () => {
    const refused = document.querySelector("[data-move][data-refused]");
    const block = refused && document.querySelector(`.diary-block[data-viewing="${refused.dataset.move}"]`);
    if (block) shake(block);
  });
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

function lift(document, drag) {
  const box = drag.block.getBoundingClientRect();
  const ghost = drag.block.cloneNode(true);
  ghost.classList.add("is-ghost");
  ghost.removeAttribute("href");
  ghost.style.width = `${box.width}px`;
  ghost.style.height = `${box.height}px`;
  drag.dx = drag.x - box.left;
  drag.dy = drag.y - box.top;
  document.body.append(ghost);
  drag.block.classList.add("is-dragged");
  return ghost;
}

/** Mark the step in which the top of the lifted viewing lies. */
function aim(document, drag, event) {
  const below = document.elementsFromPoint(event.clientX, event.clientY - drag.dy + 8);
  const cell = below.find((element) => element.matches?.(".cell")) ?? null;
  if (cell === drag.target) return;
  drag.target?.classList.remove("is-target");
  cell?.classList.add("is-target");
  drag.target = cell;
}

function settle(drag) {
  drag.ghost.remove();
  drag.block.classList.remove("is-dragged");
  drag.target?.classList.remove("is-target");
}

function ask(block, cell) {
  const wanted = new URL(cell.href).searchParams;
  const query = new URLSearchParams({ at: wanted.get("at") });
  if (wanted.get("agent")) query.set("agent", wanted.get("agent"));
  openSheet(`/appointments/${block.dataset.viewing}/move?${query}`, block);
}

function shake(block) {
  block.classList.remove("is-back");
  void block.offsetWidth;
  block.classList.add("is-back");
}
