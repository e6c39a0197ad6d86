// The live desk: the store is fed by the link and shown by the board; the panel is asked for again when it may have changed.
import htmx from "htmx.org";
import { announce } from "../shell/announce.js";
import { LiveLink } from "../shell/link.js";
import { sessionState } from "../shell/session.js";
import { toast } from "../shell/toasts.js";
import { startActs } from "./acts.js";
import { Board } from "./board.js";
import { Freshness } from "./freshness.js";
import { BoardStore } from "./store.js";
import { startTower } from "./tower.js";

const DESK_EVERY_MS = 60_000;
const DESK_AFTER_NEWS_MS = 1_500;
// Not more than one call is announced in this time; the counts say the rest.
const QUIET_MS = 3_000;

export function startBoard(document, root) {
  const { snapshot, words, steps, zone, now, viewer, hold_seconds: holdSeconds } = JSON.parse(
    document.getElementById("board-data").textContent,
  );
  // The server's clock, not this machine's: laptops are wrong by minutes.
  let offset = Date.parse(now) - Date.now();
  const serverNow = () => Date.now() + offset;
  const store = new BoardStore();
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const freshness = new Freshness(document.querySelector("[data-freshness]"), { words, zone, asOf: Date.parse(now) });
  const refreshDesk = deskRefresher(document, words, () => link.state === "live");
  const board = new Board(document, root, {
    words, steps, zone, language, viewer, holdSeconds, serverNow, onNews: newsTeller(document, words, refreshDesk),
  });

  const tower = startTower(document);
  startActs(document);

  store.snapshot(snapshot, true);
  for (const call of store.calls.values()) board.show(call, false);

  let hasBeenLive = false;
  const take = {
    snapshot(message, isFirst) {
      const news = store.snapshot(message, isFirst);
      if (!news) return;
      for (const id of news.removed) board.remove(id);
      for (const id of news.changed) board.show(store.calls.get(id), false);
      if (isFirst && hasBeenLive) caughtUp(document, words, news.changed.length + news.removed.length);
      if (isFirst && hasBeenLive) refreshDesk();
      hasBeenLive = true;
    },
    call(message) {
      if (!store.call(message)) return;
      board.show(message.call, true);
      tower.changed(message.call);
    },
    heartbeat(message) {
      offset = Date.parse(message.at) - Date.now();
      const from = store.heartbeat(message);
      if (from !== null) link.send({ type: "resume", seq: from });
    },
  };
  const link = new LiveLink(socketUrl(), {
    onMessage(message, isFirst) {
      take[message.type]?.(message, isFirst);
      freshness.asOf = serverNow();
    },
    onState(state) {
      if (state === "reconnecting" || state === "signed-out") announce(document, words.say[state.replace("-", "_")]);
      tick();
    },
    ask: sessionState,
    isHidden: () => document.hidden,
  });

  function tick() {
    link.check();
    freshness.show(link.state, link.heardAt === null ? 0 : Date.now() - link.heardAt);
    board.tick(link.state === "live");
  }

  link.open();
  tick();
  setInterval(tick, 1000);
  addEventListener("online", () => link.hurry());
  addEventListener("offline", () => link.check());
  document.addEventListener("visibilitychange", () => document.hidden || link.hurry());
  setInterval(() => document.hidden || refreshDesk(), DESK_EVERY_MS);
}

function socketUrl() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live`;
}

function caughtUp(document, words, count) {
  const say = words.say;
  const text = count === 0 ? say.caught_up_none : count === 1 ? say.caught_up_one : say.caught_up.replace("{n}", count);
  toast(document, text);
  announce(document, text);
}

// Returns a function that asks for the panel anew, soon and once, however often it is called, while the line works.
function deskRefresher(document, words, isLive) {
  let timer = null;
  const failed = (event) => {
    const stamp = document.querySelector("[data-desk-stamp]");
    if (event.target.id === "desk" && stamp) stamp.textContent = words.say.desk_failed;
  };
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:responseError", failed);
  // A session that has ended answers with the sign-in page, which does not belong into the panel.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id === "desk" && !event.detail.xhr.responseURL.endsWith("/dashboard")) event.detail.shouldSwap = false;
  });
  // What was done in the panel itself is shown at once, whatever has the focus.
  document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
    if (!detail.successful || detail.requestConfig.verb !== "post" || !target.closest("#desk .needs")) return;
    htmx.trigger(document.getElementById("desk"), "desk:refresh");
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "desk" && document.activeElement === document.body) document.getElementById("needs-title").focus();
  });
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      const desk = document.getElementById("desk");
      if (desk && isLive() && !desk.contains(document.activeElement)) htmx.trigger(desk, "desk:refresh");
    }, DESK_AFTER_NEWS_MS);
  };
}

// Returns a function that tells of new and ended calls; not more than one line in a few seconds is read out.
function newsTeller(document, words, refreshDesk) {
  let saidAt = 0;
  return (kind, tile) => {
    refreshDesk();
    if (Date.now() - saidAt < QUIET_MS) return;
    saidAt = Date.now();
    announce(document, words.say[kind].replace("{name}", tile.name).replace("{outcome}", tile.outcome));
  };
}
