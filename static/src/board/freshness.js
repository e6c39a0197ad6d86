// The header's word on how fresh the page is.
import { clock } from "./describe.js";

export class Freshness {
  // `asOf` is the server's time of the newest data, in milliseconds.
  constructor(element, { words, zone, asOf }) {
    Object.assign(this, { element, words, zone, asOf });
    this.text = element.querySelector("[data-freshness-text]");
    this.since = element.querySelector("[data-freshness-since]");
    this.door = element.querySelector("[data-freshness-door]");
  }

  // `state` is the link's; `age` the milliseconds since the server was last heard.
  show(state, age) {
    const say = this.words.say;
    const time = clock(new Date(this.asOf), this.zone);
    const first = {
      connecting: () => [say.as_of.replace("{time}", time), ""],
      live: () => [say.live.replace("{n}", Math.round(age / 1000)), ""],
      reconnecting: () => [say.reconnecting, say.as_of_short.replace("{time}", clock(new Date(this.asOf), this.zone, true))],
      stale: () => [say.as_of.replace("{time}", time), say.reconnecting],
      "signed-out": () => [say.signed_out, say.as_of_short.replace("{time}", time)],
    };
    [this.text.textContent, this.since.textContent] = first[state]();
    this.element.dataset.state = state === "connecting" ? "still" : state;
    this.door.hidden = state !== "signed-out";
  }
}
