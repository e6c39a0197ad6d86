// What a tile offers besides the tower: claim its lead, write a note. The server decides; the board hears of it by the socket.
import htmx from "htmx.org";

export function startActs(document) {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest('[data-f="claim"]');
    if (!form) return;
    event.preventDefault();
    htmx.ajax("POST", form.action, { source: form, swap: "none" }).catch(() => {});
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest('[data-f="note"]');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    htmx.ajax("GET", link.href, { source: link, target: "#sheet-body", swap: "innerHTML" }).catch(() => {});
  });
}
