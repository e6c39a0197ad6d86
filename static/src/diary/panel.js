// One viewing beside the diary. The address says which, so that it can be sent to somebody and found again.
import htmx from "htmx.org";

export function startPanel(document) {
  const panel = document.getElementById("viewing");
  if (!panel) return;
  let opener = null;

  const mark = () => {
    const open = panel.querySelector("[data-open-viewing]")?.dataset.openViewing;
    for (const row of document.querySelectorAll("[data-viewing]")) {
      if (!panel.hidden && row.dataset.viewing === open) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  };
  const remember = (id) => {
    const address = new URL(location.href);
    if (id) address.searchParams.set("appointment", id);
    else address.searchParams.delete("appointment");
    history.replaceState(history.state, "", address);
  };
  const open = async (id) => {
    await htmx.ajax("GET", `/appointments/${id}`, { target: "#viewing", swap: "innerHTML" });
    panel.hidden = false;
    remember(id);
    mark();
  };
  const close = () => {
    if (panel.hidden) return;
    panel.hidden = true;
    remember(null);
    mark();
    if (opener?.isConnected) opener.focus();
  };

  document.addEventListener("click", async (event) => {
    if (event.target.closest?.("[data-close-viewing]")) return close();
    const link = event.target.closest?.("a[data-viewing]");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    opener = link;
    await open(link.dataset.viewing);
    panel.querySelector("[data-close-viewing]")?.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const isElsewhere = document.querySelector("dialog[open], [popover]:popover-open");
    if (event.key === "Escape" && !isElsewhere) close();
  });
  document.addEventListener("diary:changed", ({ detail }) => detail?.viewing && open(detail.viewing));
  document.addEventListener("undone", () => {
    const shown = panel.querySelector("[data-open-viewing]")?.dataset.openViewing;
    if (shown && !panel.hidden) open(shown);
  });
  document.addEventListener("htmx:afterSettle", mark);
  mark();
}
