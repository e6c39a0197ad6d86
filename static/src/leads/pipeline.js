// The pipeline: a card goes where it is dropped, or where its menu says, at once; a refusal puts it back and says why.
import htmx from "htmx.org";
import { announce } from "../shell/announce.js";
import { toast } from "../shell/toasts.js";
import { startDrag } from "./drag.js";
import { keepFresh } from "./fresh.js";

export function startPipeline(document, root) {
  const menu = root.querySelector("[data-moves]");
  let chosen = null;

  const columnOf = (card) => card.closest("[data-column]");
  const columnFor = (stage) => root.querySelector(`[data-column="${stage}"]`);

  function place(card, column, before = null) {
    const from = columnOf(card);
    column.querySelector(".cards").insertBefore(card, before ?? column.querySelector(".cards").firstElementChild);
    if (from !== column) {
      count(from, -1);
      count(column, 1);
    }
  }

  function count(column, change) {
    const figure = column?.querySelector("[data-count]");
    if (figure) figure.textContent = String(Number(figure.textContent) + change);
  }

  function move(card, stage) {
    const target = columnFor(stage);
    if (!target || card.dataset.stage === stage) return;
    const home = { column: columnOf(card), next: card.nextElementSibling };
    place(card, target);
    if (stage === "lost") askWhy(card, home);
    else send(card, stage, "", home);
  }

  function putBack(card, home) {
    place(card, home.column, home.next?.isConnected ? home.next : null);
    card.classList.add("is-back");
    setTimeout(() => card.classList.remove("is-back"), 1500);
    card.querySelector("[data-opens-moves]")?.focus();
  }

  function askWhy(card, home) {
    const form = root.querySelector("[data-reason-form]").content.firstElementChild.cloneNode(true);
    const leave = () => {
      form.remove();
      putBack(card, home);
    };
    form.querySelector("[data-cancel]").addEventListener("click", leave);
    form.addEventListener("keydown", (event) => event.key === "Escape" && leave());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const reason = form.elements.lost_reason.value.trim();
      if (!reason) return;
      form.remove();
      send(card, "lost", reason, home);
    });
    card.append(form);
    form.elements.lost_reason.focus();
  }

  async function send(card, stage, reason, home) {
    card.classList.add("is-sending");
    const { "X-CSRFToken": token } = JSON.parse(document.body.getAttribute("hx-headers"));
    const body = new URLSearchParams({ stage, from: card.dataset.stage, lost_reason: reason });
    try {
      const headers = { "X-CSRFToken": token, "HX-Request": "true" };
      const answer = await fetch(card.dataset.move, { method: "POST", headers, body });
      const said = JSON.parse(answer.headers.get("HX-Trigger") ?? "{}").toast;
      if (!answer.ok) return refuse(card, home, said?.text);
      const fresh = replace(card, await answer.text());
      if (said) {
        toast(document, said.text, said);
        announce(document, said.text);
      }
      fresh.querySelector("[data-opens-moves]")?.focus({ preventScroll: true });
    } catch {
      refuse(card, home);
    }
  }

  function refuse(card, home, why) {
    card.classList.remove("is-sending");
    putBack(card, home);
    const text = why ?? root.querySelector("[data-failed]").dataset.failed;
    toast(document, text, { tone: "bad" });
    announce(document, text);
  }

  function replace(card, html) {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    const fresh = holder.content.firstElementChild;
    card.replaceWith(fresh);
    htmx.process(fresh);
    return fresh;
  }

  root.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens-moves]");
    if (opener) {
      event.preventDefault();
      openMenu(opener);
    }
  });

  function openMenu(opener) {
    chosen = opener.closest("[data-card]");
    for (const item of menu.children) item.disabled = item.dataset.stage === chosen.dataset.stage;
    const { bottom, right } = opener.getBoundingClientRect();
    menu.showPopover();
    const { width, height } = menu.getBoundingClientRect();
    menu.style.inset = "auto";
    menu.style.left = `${Math.max(8, Math.min(right - width, innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(bottom + 4, innerHeight - height - 8))}px`;
    menu.querySelector("button:not(:disabled)").focus();
  }

  menu.addEventListener("click", ({ target }) => {
    const stage = target.closest("[data-stage]")?.dataset.stage;
    if (!stage || !chosen) return;
    menu.hidePopover();
    move(chosen, stage);
  });
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll("button:not(:disabled)")];
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && menu.contains(document.activeElement)) {
      chosen?.querySelector("[data-opens-moves]")?.focus();
    }
  });
  root.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.closest("[data-polls]")) event.preventDefault();
  });
  startDrag(document, root, { drop: move });
  keepFresh(document, {
    url: "/pipeline/cards",
    find: (id) => root.querySelector(`[data-card="${id}"]`),
    idOf: (card) => card.dataset.card,
    isBusy: (card) => card.matches(".is-sending, .is-lifted") || card.querySelector(".reason-form") !== null,
    remove(card) {
      count(columnOf(card), -1);
      card.remove();
    },
    put(old, card) {
      const hasMoved = old.dataset.stage !== card.dataset.stage;
      if (hasMoved) place(old, columnFor(card.dataset.stage));
      old.replaceWith(card);
    },
  });
}
