// The pages about people: say what a button did, and keep quiet refreshes out of the way of whoever works there.
import { announce } from "../shell/announce.js";
import { toast } from "../shell/toasts.js";

export function startPeople(document, root) {
  let hasFailed = false;
  document.addEventListener("people:said", (event) => {
    toast(document, event.detail.value);
    announce(document, event.detail.value);
  });
  root.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.matches("[data-polls]") && (document.hidden || part.querySelector("details[open]"))) event.preventDefault();
  });
  // Signed out meanwhile: htmx followed the way to the door, which is no part of this page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (new URL(event.detail.xhr.responseURL || location.href).pathname !== "/login") return;
    event.detail.shouldSwap = false;
    location.reload();
  });
  document.addEventListener("htmx:afterSwap", () => (hasFailed = false));
  for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(kind, () => {
      if (!hasFailed) toast(document, root.dataset.failed);
      hasFailed = true;
    });
  }
}
