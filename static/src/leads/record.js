// One lead: keys, sending with Ctrl+Enter, and news from others that wait until nobody is typing.
import htmx from "htmx.org";

export function startRecord(document, root) {
  const now = () => document.getElementById("lead-now");
  const isBusy = () =>
    Boolean(document.querySelector("#lead-panel :is([data-editing], .htmx-request), [popover]:popover-open")) ||
    document.activeElement?.closest("#lead-panel form, #lead-now") !== null;
  let isBehind = false;
  // Asked again while an answer is under way, htmx would forget it: that answer replaces the element which asks.
  let isAsking = false;
  const ask = () => {
    if (isAsking) isBehind = true;
    else if (now()) htmx.trigger(now(), "lead:fresh");
  };
  const refresh = () => {
    if (document.hidden) return;
    isBehind = isBusy();
    if (!isBehind) ask();
  };
  document.addEventListener("desk:lead", ({ detail }) => String(detail.id) === root.dataset.lead && refresh());
  document.addEventListener("desk:snapshot", refresh);
  // Who has begun to write while news were on their way keeps what is begun, and who has written what was written:
  // news asked for before do not have it.
  let written = 0;
  const asked = new WeakMap();
  const isNews = ({ requestConfig }) => requestConfig.triggeringEvent?.type === "lead:fresh";
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    asked.set(detail.xhr, written);
    isAsking ||= isNews(detail);
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!isNews(detail) || (!isBusy() && asked.get(detail.xhr) === written)) return;
    detail.shouldSwap = false;
    isBehind = true;
  });
  const catchUp = () => isBehind && setTimeout(refresh);
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.requestConfig.verb !== "get") written += 1;
    if (isNews(detail)) isAsking = false;
    catchUp();
  });
  document.addEventListener("focusout", catchUp);
  // A fact was written: the panel has it already, the timeline not yet.
  document.addEventListener("lead:changed", ask);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.closest?.("[data-sends]");
      if (form) form.requestSubmit();
    }
    if (event.key === "Escape") event.target.closest?.("[data-editing]")?.querySelector("[data-escape]")?.click();
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    const place = detail.elt.id?.startsWith("fact-") ? document.getElementById(detail.elt.id) : null;
    place?.querySelector("[data-editing] input:not([type=hidden])")?.focus();
    if (detail.elt.id === "composer" && detail.requestConfig?.verb === "get") focusComposer(document);
  });
}

function focusComposer(document) {
  const form = document.getElementById("composer");
  form?.querySelector("textarea, input:not([type=hidden]), select")?.focus();
}
