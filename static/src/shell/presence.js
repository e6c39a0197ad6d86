// Who else has this record open: an element with data-presence="lead:12" says so while its page is in sight.
const EVERY_MS = 15_000;

export function startPresence(root) {
  for (const line of root.querySelectorAll("[data-presence]")) watch(root, line);
}

export function post(root, url, fields = {}) {
  const { "X-CSRFToken": token } = JSON.parse(root.body.getAttribute("hx-headers"));
  return fetch(url, { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams(fields), keepalive: true });
}

function watch(root, line) {
  const about = line.dataset.presence;
  const url = `/presence/${about.replace(":", "/")}`;
  const text = line.querySelector("[data-presence-text]") ?? line;
  const look = async () => {
    if (root.hidden) return;
    try {
      const answer = await post(root, url);
      if (!answer.ok) return;
      text.textContent = (await answer.json()).text;
      line.hidden = !text.textContent;
    } catch {
      // No line to the server: who looks is not known, and the page says elsewhere that it is not live.
      line.hidden = true;
    }
  };
  look();
  setInterval(look, EVERY_MS);
  root.addEventListener("visibilitychange", () => (root.hidden ? post(root, url, { leave: "1" }) : look()));
  addEventListener("pagehide", () => post(root, url, { leave: "1" }));
  root.addEventListener("desk:presence", (event) => event.detail.about === about && look());
}
