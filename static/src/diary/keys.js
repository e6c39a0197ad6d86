// The keyboard in the grid: one stop for Tab, arrows go from step to step, Enter opens, p and n turn the page.
import { hasLetterKeys } from "../shell/shortcuts.js";

const TURNS = { p: "previous", t: "today", n: "next" };
const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

export function startKeys(document, diary) {
  const rove = () => {
    const cells = [...document.querySelectorAll("[data-grid] .cell")];
    const first = cells.find((cell) => cell.classList.contains("is-open")) ?? cells[0];
    for (const cell of cells) cell.tabIndex = cell === first ? 0 : -1;
  };
  rove();
  document.addEventListener("htmx:afterSettle", rove);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea, dialog, [contenteditable]")) return;
    const cell = event.target.closest?.(".cell");
    if (cell && ARROWS.includes(event.key)) {
      event.preventDefault();
      move(document, cell, event.key);
    } else if (!hasLetterKeys(document)) {
      return;
    } else if (TURNS[event.key]) {
      diary().querySelector(`[data-step="${TURNS[event.key]}"]`)?.click();
    } else if (event.key === "b") {
      event.preventDefault();
      document.querySelector("[data-book]")?.click();
    }
  });
}

function move(document, cell, key) {
  const to = key === "ArrowUp" || key === "ArrowDown" ? inColumn(cell, key) : inRow(document, cell, key);
  if (!to) return;
  cell.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function inColumn(cell, key) {
  const cells = [...cell.parentElement.querySelectorAll(".cell")];
  return cells[cells.indexOf(cell) + (key === "ArrowUp" ? -1 : 1)];
}

function inRow(document, cell, key) {
  const columns = [...document.querySelectorAll("[data-grid] [data-column]")];
  const column = columns[columns.indexOf(cell.parentElement) + (key === "ArrowLeft" ? -1 : 1)];
  const cells = [...(column?.querySelectorAll(".cell") ?? [])];
  return cells.find((other) => other.dataset.time === cell.dataset.time) ?? cells[0];
}
