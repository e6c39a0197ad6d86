// What is on the page of what is in the store: live tiles in stable order, and the strip of calls that just ended.
import { describe, duration } from "./describe.js";
import { fillEnded, fillTile, make } from "./tiles.js";

const JUST_ENDED_MS = 120_000;
// An ended tile keeps its place for a moment, and for as long as somebody points at the board.
const LINGERS_MS = 4_000;
// What a frame may take for drawing; what is left waits for the next one. A page nobody looks at has no frames.
const DRAWS_MS = 8;
const LATEST_MS = 250;
// A tile out of sight is drawn this late: nobody sees it, and a hundred of them would hold up those in sight.
const UNSEEN_MS = 1_000;
const NEARLY_IN_SIGHT = "200px";

export class Board {
  #tiles = new Map();
  #ended = new Map();
  #leaving = new Map();
  #undrawn = new Map();
  #isDue = false;
  #seen = new Set();
  // Which calls go on, and in which of them a time is held. Asking the page for it would take longer than drawing.
  #state = new Map();
  #counted = {};

  constructor(document, root, { words, steps, zone, language, viewer, holdSeconds, serverNow, onNews }) {
    Object.assign(this, { document, root, words, steps, zone, language, viewer, holdSeconds, serverNow, onNews });
    this.list = root.querySelector("[data-tiles]");
    this.strip = root.querySelector("[data-ended]");
    this.empty = root.querySelector("[data-board-empty]");
    this.endedSection = root.querySelector("[data-ended-section]");
    this.rail = document.querySelector("[data-live-count]");
    const shown = (name) => [...document.querySelectorAll(`[data-count="${name}"]`)];
    this.counts = { live: shown("live"), held: shown("held") };
    this.sight = new IntersectionObserver((entries) => this.#look(entries), { rootMargin: NEARLY_IN_SIGHT });
    for (const element of this.list.children) this.#keep(element.dataset.tile, element);
    for (const element of this.strip.children) this.#ended.set(element.dataset.endedCall, element);
  }

  #keep(id, element) {
    this.#tiles.set(id, element);
    this.sight.observe(element);
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#seen.add(target.dataset.tile);
      else this.#seen.delete(target.dataset.tile);
    }
    this.#drawSoon();
  }

  // Show the call as the store has it, with the next frame: of many changes in between only the last is drawn.
  // `isNews`: say so when it is new or has just ended.
  show(call, isNews) {
    const before = this.#undrawn.get(call.id);
    const at = before?.at ?? performance.now();
    this.#undrawn.set(call.id, { call, isNews: isNews || Boolean(before?.isNews), at });
    if (this.#isUrgent(call)) this.#drawSoon();
  }

  // Whether somebody looks at the tile, or should.
  #isUrgent(call) {
    return this.#seen.has(call.id) || !this.#tiles.has(call.id) || call.phase === "ENDED" || call.waiting_for_person;
  }

  #drawSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    const draw = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      this.#isDue = false;
      this.#drawSome();
    };
    const frame = requestAnimationFrame(draw);
    const timer = setTimeout(draw, LATEST_MS);
  }

  #drawSome() {
    const began = performance.now();
    for (const [id, { call, isNews, at }] of this.#undrawn) {
      if (!this.#isUrgent(call) && began - at < UNSEEN_MS) continue;
      if (performance.now() - began > DRAWS_MS) {
        this.#drawSoon();
        break;
      }
      this.#undrawn.delete(id);
      this.#draw(call, isNews);
    }
    this.#summarize();
  }

  #draw(call, isNews) {
    const tile = describe(call, this.words, {
      zone: this.zone, language: this.language, now: this.serverNow(), viewer: this.viewer,
    });
    this.#state.set(tile.id, { isLive: !tile.isEnded, isHeld: tile.hold !== null });
    if (!tile.isEnded) this.#showLive(tile, isNews);
    else if (this.#tiles.has(tile.id)) this.#end(tile, isNews);
    else this.#showEnded(tile, false);
  }

  #showLive(tile, isNews) {
    let element = this.#tiles.get(tile.id);
    if (!element) {
      element = make(this.document, "tile");
      element.dataset.new = "";
      this.#keep(tile.id, element);
      this.list.append(element);
      if (isNews) this.onNews("new_call", tile);
    } else if (isNews && tile.waiting && element.querySelector('[data-f="waiting"]').hidden) {
      this.onNews("waits", tile);
    }
    fillTile(element, tile, this.words, this.steps);
  }

  #end(tile, isNews) {
    fillTile(this.#tiles.get(tile.id), tile, this.words, this.steps);
    if (!this.#leaving.has(tile.id) && isNews) this.onNews("ended", tile);
    const since = this.#leaving.get(tile.id)?.since ?? this.serverNow();
    this.#leaving.set(tile.id, { tile, since });
  }

  #showEnded(tile, isNew) {
    let element = this.#ended.get(tile.id);
    if (!element) {
      element = make(this.document, "ended");
      if (isNew) element.dataset.new = "";
      this.#ended.set(tile.id, element);
      this.strip.prepend(element);
    }
    fillEnded(element, tile);
  }

  remove(id) {
    this.#tiles.get(id)?.remove();
    this.#ended.get(id)?.remove();
    const all = [this.#tiles, this.#ended, this.#leaving, this.#undrawn, this.#seen, this.#state];
    for (const held of all) held.delete(id);
    this.#summarize();
  }

  // Once a second. `isLive`: the line to the server works, so that times of calls may count on.
  tick(isLive) {
    const now = this.serverNow();
    if (this.#undrawn.size) this.#drawSoon();
    this.#move(now);
    this.root.toggleAttribute("data-still", !isLive);
    for (const element of this.root.querySelectorAll("[data-since]")) {
      const isCounting = isLive && element.closest("[data-phase]")?.dataset.phase !== "ENDED";
      if (element.dataset.f === "ended-timer") this.#tellAge(element, now);
      else if (!element.dataset.since) element.textContent = "";
      else if (isCounting) element.textContent = duration(now - Date.parse(element.dataset.since));
    }
    for (const element of this.root.querySelectorAll(".hold:not([hidden])")) this.#drain(element, now);
    // A lease that nobody renews lapses without a word from the server.
    for (const element of this.root.querySelectorAll(".steered:not([hidden])")) {
      element.hidden = Date.parse(element.dataset.until) <= now;
    }
  }

  #move(now) {
    const isPointedAt = this.list.matches(":hover") || this.list.contains(this.document.activeElement);
    for (const [id, { tile, since }] of this.#leaving) {
      if (isPointedAt || now - since < LINGERS_MS) continue;
      this.#leaving.delete(id);
      this.#tiles.get(id).remove();
      this.#tiles.delete(id);
      this.#seen.delete(id);
      this.#showEnded(tile, true);
    }
    for (const [id, element] of this.#ended) {
      const ended = Date.parse(element.querySelector("[data-since]").dataset.since);
      if (now - ended < JUST_ENDED_MS) continue;
      element.remove();
      this.#ended.delete(id);
      this.#state.delete(id);
    }
    this.#summarize();
  }

  #tellAge(element, now) {
    const age = now - Date.parse(element.dataset.since);
    element.textContent = Number.isFinite(age) ? this.words.days.since.replace("{time}", duration(age)) : "";
  }

  #drain(element, now) {
    const left = element.querySelector('[data-f="hold-left"]');
    const milliseconds = Date.parse(left.dataset.until) - now;
    const words = milliseconds > 0 ? this.words.say.left.replace("{time}", duration(milliseconds)) : this.words.say.lapsed;
    if (left.textContent !== words) left.textContent = words;
    const share = Math.min(Math.max(milliseconds / (this.holdSeconds * 1000), 0), 1);
    element.querySelector('[data-f="drain"]').style.transform = `scaleX(${share})`;
  }

  #summarize() {
    const live = [...this.#state.values()].filter((state) => state.isLive);
    this.#count("live", live.length);
    this.#count("held", live.filter((state) => state.isHeld).length);
    this.empty.hidden = this.#tiles.size > 0;
    this.endedSection.hidden = this.#ended.size === 0;
  }

  #count(name, number) {
    if (this.#counted[name] === number) return;
    this.#counted[name] = number;
    const written = number.toLocaleString(this.language);
    for (const element of this.counts[name]) element.textContent = written;
    if (name === "live" && this.rail) this.rail.textContent = number ? written : "";
  }
}
