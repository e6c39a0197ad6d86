// The wallboard: the server draws it every few seconds; when it does not answer, the screen says so instead of looking live.
export function startWall(document, root) {
  for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    root.addEventListener(kind, () => {
      root.querySelector("[data-wall-lost]").hidden = false;
      root.setAttribute("data-still", "");
    });
  }
  // The answer brings the line back as it was: hidden.
  root.addEventListener("htmx:afterSwap", () => root.removeAttribute("data-still"));
}
