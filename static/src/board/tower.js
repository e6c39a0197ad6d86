// The menu of a live call: opened from its tile, filled by the server, closed with Escape.
import htmx from "htmx.org";

export function startTower(document) {
  const sheet = document.querySelector("[data-tower]");
  const place = sheet.querySelector("#tower");
  const shown = () => place.querySelector("[data-call]");

  document.addEventListener("click", (event) => {
    const link = event.target.closest('[data-f="steer"], [data-f="listen"]');
    if (link && isPlain(event)) {
      event.preventDefault();
      open(link.href);
    } else if (event.target === sheet || event.target.closest("[data-tower] [data-close]")) {
      event.preventDefault();
      sheet.close();
    }
  });

  async function open(path) {
    place.replaceChildren();
    sheet.showModal();
    await htmx.ajax("GET", path, { target: place, swap: "innerHTML" });
    (place.querySelector("#tower-reason") ?? place.querySelector("#tower-title"))?.focus();
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== place) return;
    // Signed out meanwhile: the way to the door is no part of this menu.
    if (new URL(event.detail.xhr.responseURL).pathname === "/login") return location.reload();
    // A refusal is an answer too: it comes as the menu with what was refused, and why.
    event.detail.shouldSwap = event.detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/html") ?? false;
    event.detail.isError = !event.detail.shouldSwap;
    if (event.detail.isError) tellFailure();
  });
  for (const kind of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(kind, (event) => event.detail.target === place && tellFailure());
  }

  function tellFailure() {
    const line = place.querySelector("[data-tower-failed]") ?? place.appendChild(document.createElement("p"));
    line.className = "notice";
    line.hidden = false;
    line.textContent = sheet.dataset.failed;
  }

  // What the board hears of the call whose menu is open.
  return {
    changed(call) {
      const menu = shown();
      if (!sheet.open || menu?.dataset.call !== call.id || menu.hasAttribute("data-over")) return;
      if (call.phase !== "ENDED") return;
      menu.setAttribute("data-over", "");
      const line = place.querySelector("[data-tower-failed]");
      line.hidden = false;
      line.textContent = sheet.dataset.over;
      for (const set of place.querySelectorAll("fieldset")) set.disabled = true;
    },
  };
}

function isPlain(event) {
  return !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}
