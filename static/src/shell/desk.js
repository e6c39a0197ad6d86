// The one socket of every page: it passes on what the server says as "desk:<kind>" events on the document, and
// "desk:snapshot" when it opens, again after a sleep or a broken line, so that pages ask afresh for what they show.
import { LiveLink } from "./link.js";
import { sessionState } from "./session.js";

export function startDesk(root) {
  if (!root.querySelector("[data-rail]")) return;
  const tell = (kind, detail) => root.dispatchEvent(new CustomEvent(`desk:${kind}`, { detail }));
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const link = new LiveLink(`${scheme}://${location.host}/ws/desk`, {
    onMessage(message) {
      if (message.type === "snapshot") tell("snapshot", message);
      else if (message.type === "said") tell(message.kind, message);
    },
    onState: (state) => tell("state", { state }),
    ask: sessionState,
    isHidden: () => root.hidden,
  });
  link.open();
  setInterval(() => link.check(), 2000);
  addEventListener("online", () => link.hurry());
  addEventListener("offline", () => link.check());
  root.addEventListener("visibilitychange", () => root.hidden || link.hurry());
  // What waits in the back-forward cache may not hold a socket.
  addEventListener("pageshow", (event) => event.persisted && link.hurry());
}
