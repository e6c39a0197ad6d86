// Homes: what was changed is shown at once, and what was taken back too; a filter works as soon as it is chosen.
import htmx from "htmx.org";

export function startListings(document, root) {
  const again = () => htmx.ajax("GET", location.href, { target: `#${root.id}`, select: `#${root.id}`, swap: "outerHTML" });
  for (const kind of ["undone", "listing:changed"]) {
    document.addEventListener(kind, (event) => {
      const isForm = document.querySelector(".section-form");
      if (kind === "undone" || !isForm) again(event);
    });
  }
  // Booked from here: the viewing is to be seen beside the home.
  document.addEventListener("diary:changed", () => {
    htmx.ajax("GET", location.href, { target: ".panel", select: ".panel", swap: "outerHTML" });
  });
  document.addEventListener("change", ({ target }) => target.closest("[data-filter-form]")?.requestSubmit());
  document.addEventListener("click", ({ target }) => {
    for (const menu of document.querySelectorAll(".photo-menu[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
}
