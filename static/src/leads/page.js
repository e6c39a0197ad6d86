// The list of leads: what others change shows at once, how many are picked, the filters a view is saved with, and asking for news only while in sight.
import { keepFresh } from "./fresh.js";

export function startLeads(document, root) {
  const picks = () => [...root.querySelectorAll(".pick")];
  const count = () => {
    const all = picks();
    const picked = all.filter((box) => box.checked).length;
    const words = root.querySelector("[data-picked]");
    if (words) words.textContent = `${picked} ${words.dataset.word}`;
    const every = root.querySelector("[data-pick-all]");
    if (every) {
      every.checked = picked > 0 && picked === all.length;
      every.indeterminate = picked > 0 && picked < all.length;
    }
  };
  root.addEventListener("change", ({ target }) => {
    if (target.matches("[data-pick-all]")) for (const box of picks()) box.checked = target.checked;
    if (target.matches(".pick, [data-pick-all]")) count();
  });
  root.addEventListener("reset", () => {
    for (const box of picks()) box.checked = false;
    setTimeout(count);
  });
  root.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.closest("[data-polls]")) event.preventDefault();
  });
  root.addEventListener("submit", ({ target }) => {
    if (target.matches("[data-view-form]")) target.elements.query.value = location.search.slice(1);
  });
  keepFresh(document, {
    url: "/leads/rows",
    find: (id) => root.querySelector(`[data-lead="${id}"]`),
    idOf: (row) => row.dataset.lead,
    isBusy: () => false,
    remove: (row) => row.remove(),
    put(old, row) {
      row.querySelector(".pick").checked = old.querySelector(".pick").checked;
      old.replaceWith(row);
    },
  });
}
