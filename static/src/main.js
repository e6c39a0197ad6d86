import "./main.css";
import htmx from "htmx.org";
import { startDesk } from "./shell/desk.js";
import { startDoor } from "./shell/door.js";
import { startNotices } from "./shell/notices.js";
import { startPresence } from "./shell/presence.js";
import { startSheets, startWaiting } from "./shell/sheets.js";
import { startShortcuts } from "./shell/shortcuts.js";
import { startThemes } from "./shell/themes.js";
import { startToasts } from "./shell/toasts.js";

// Buttons for pages whose scripts did not arrive; here and in whatever htmx brings.
htmx.onLoad((part) => {
  const spare = ".without-script";
  if (part.matches(spare)) part.remove();
  for (const element of part.querySelectorAll(spare)) element.remove();
});

startThemes(document);
startDoor(document);
startToasts(document);
startSheets(document);
startWaiting(document);
startPresence(document);
startNotices(document);
startShortcuts(document);

// A page's own code loads only where an element asks for it.
const PAGES = {
  "[data-board]": async () => (await import("./board/page.js")).startBoard,
  "[data-wall]": async () => (await import("./board/wall.js")).startWall,
  "[data-agent-page]": async () => (await import("./agent/page.js")).startAgent,
  "[data-listening]": async () => (await import("./listen/page.js")).startListening,
  "[data-analytics]": async () => (await import("./charts/page.js")).startAnalytics,
  "[data-checks]": async () => (await import("./checks/page.js")).startChecks,
  "[data-call-page]": async () => (await import("./calls/page.js")).startCall,
  "[data-people]": async () => (await import("./people/page.js")).startPeople,
  "[data-diary]": async () => (await import("./diary/page.js")).startDiary,
  "[data-leads-page]": async () => (await import("./leads/page.js")).startLeads,
  "[data-lead-page]": async () => (await import("./leads/record.js")).startRecord,
  "[data-pipeline-page]": async () => (await import("./leads/pipeline.js")).startPipeline,
  "[data-listings]": async () => (await import("./diary/listings.js")).startListings,
  "[data-listing-page]": async () => (await import("./diary/listings.js")).startListings,
};

const started = Object.entries(PAGES).map(async ([selector, load]) => {
  const root = document.querySelector(selector);
  if (root) (await load())(document, root);
});
Promise.allSettled(started).then(() => {
  // What needs a script (.needs-script) is there from now on.
  document.documentElement.classList.add("is-scripted");
  // Last: what the socket says first is for those who listen by now.
  startDesk(document);
});

// What the palette shows at rest; nobody waits for it.
if (document.getElementById("palette")) import("./shell/palette.js").then(({ remember }) => remember(document));
