// The diary: panels and forms without leaving the page, the keyboard in the grid, dragging, countdowns, the line of now.
import htmx from "htmx.org";
import { startCountdowns } from "./countdowns.js";
import { startDragging } from "./drag.js";
import { startKeys } from "./keys.js";
import { startPanel } from "./panel.js";
import { showWhy } from "./why.js";

export function startDiary(document) {
  const diary = () => document.getElementById("diary");
  const load = (href) => htmx.ajax("GET", href, { target: "#diary", swap: "outerHTML" });
  const show = (href) => {
    history.pushState({}, "", href);
    return load(href);
  };

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const link = event.target.closest?.("a");
    if (!link || !link.href) return;
    if (link.closest("[data-links]")) {
      event.preventDefault();
      show(link.href);
    } else if (link.matches(".cell")) {
      event.preventDefault();
      openCell(document, link);
    } else if (link.matches("[data-book]")) {
      event.preventDefault();
      openSheet(link.href, link);
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("[data-filters]");
    if (form) show(`${form.getAttribute("action")}?${filled(form)}`);
  });
  addEventListener("popstate", () => load(location.href));
  for (const kind of ["diary:changed", "undone"]) {
    document.addEventListener(kind, () => load(diary().dataset.here));
  }
  startPanel(document);
  startKeys(document, diary);
  startDragging(document);
  startCountdowns(document);
  scrollToNow(document);
}

function filled(form) {
  const given = [...new FormData(form)].filter(([, value]) => value !== "");
  return new URLSearchParams(given).toString();
}

export function openCell(document, cell) {
  if (cell.classList.contains("is-open")) openSheet(cell.href, cell);
  else showWhy(document, cell);
}

export function openSheet(href, source) {
  htmx.ajax("GET", href, { target: "#sheet-body", swap: "innerHTML", source });
}

function scrollToNow(document) {
  const line = document.querySelector("[data-now]");
  const scroll = line?.closest(".grid-scroll");
  if (scroll) scroll.scrollTop = Math.max(line.offsetTop - scroll.clientHeight / 2, 0);
}
