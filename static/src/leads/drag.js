// Dragging a card with the mouse or a pen. A finger scrolls: it uses the card's menu.
const FAR_ENOUGH = 6;

export function startDrag(document, root, { drop }) {
  let drag = null;

  root.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card.is-movable");
    if (!card || event.button !== 0 || event.pointerType === "touch") return;
    if (event.target.closest("button, input, form, [data-opens-moves]")) return;
    drag = { card, x: event.clientX, y: event.clientY, ghost: null, column: null };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (!drag.ghost) {
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < FAR_ENOUGH) return;
      lift(event);
    }
    drag.ghost.style.translate = `${event.clientX - drag.x}px ${event.clientY - drag.y}px`;
    over(event);
  });
  document.addEventListener("pointerup", () => drag && end(drag.column));
  document.addEventListener("pointercancel", () => drag && end(null));
  document.addEventListener("keydown", (event) => event.key === "Escape" && drag?.ghost && end(null));
  // A drag ends with a click on the card's link: it is not meant.
  root.addEventListener("click", (event) => root.dataset.dragged && event.preventDefault(), true);
  root.addEventListener("dragstart", (event) => event.target.closest(".card") && event.preventDefault());

  function lift() {
    const { card } = drag;
    const box = card.getBoundingClientRect();
    drag.ghost = card.cloneNode(true);
    drag.ghost.classList.add("is-ghost");
    Object.assign(drag.ghost.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px` });
    document.body.append(drag.ghost);
    card.classList.add("is-lifted");
    document.body.classList.add("is-dragging");
  }

  function over(event) {
    const column = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-column]") ?? null;
    if (column === drag.column) return;
    drag.column?.classList.remove("is-over");
    drag.column = column;
    column?.classList.add("is-over");
  }

  function end(column) {
    const { card, ghost } = drag;
    drag.column?.classList.remove("is-over");
    drag = null;
    if (!ghost) return;
    ghost.remove();
    card.classList.remove("is-lifted");
    document.body.classList.remove("is-dragging");
    root.dataset.dragged = "1";
    setTimeout(() => delete root.dataset.dragged);
    if (column) drop(card, column.dataset.column);
  }
}
