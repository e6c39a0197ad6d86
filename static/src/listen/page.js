// Hearing a live call: the tower's answer brings a permission, which opens the line at once and is used up by it.
import { duration } from "../board/describe.js";
import { Line } from "./line.js";
import { Player } from "./player.js";

export function startListening(document, bar) {
  const part = (name) => bar.querySelector(`[data-${name}]`);
  const player = new Player((loudest) => part("level").style.setProperty("transform", `scaleX(${loudest})`));
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/listen`;
  let line = null;
  let since = 0;
  // Frames that come while the player is made are few, and the call goes on: they are let go.
  let isReady = false;

  function say(code) {
    const known = bar.querySelector(`[data-says="${code}"]`) ? code : "failed";
    for (const words of bar.querySelectorAll("[data-says]")) words.hidden = words.dataset.says !== known;
    bar.dataset.state = known;
  }

  function listen(permit) {
    stop();
    since = Date.now();
    bar.hidden = false;
    part("stop").hidden = false;
    say("opening");
    line = new Line(url, { onFormat, onSound: (buffer) => isReady && player.play(buffer), onEnd });
    line.open(permit);
  }

  async function onFormat(format) {
    isReady = false;
    say("waiting");
    try {
      const isHeard = await player.start(format);
      if (isHeard === null) return;
      isReady = true;
      part("play").hidden = isHeard;
      say(isHeard ? "playing" : "blocked");
    } catch (error) {
      console.warn("The sound cannot be played:", error);
      finish("unplayable");
    }
  }

  function onEnd(code) {
    line = null;
    finish(code);
  }

  function finish(code) {
    stop();
    say(code);
  }

  function stop() {
    line?.close();
    line = null;
    isReady = false;
    player.stop();
    part("play").hidden = part("stop").hidden = true;
    part("level").style.removeProperty("transform");
  }

  part("stop").addEventListener("click", () => finish("stopped"));
  part("play").addEventListener("click", async () => {
    await player.resume();
    part("play").hidden = player.isHeard;
    if (player.isHeard) say("playing");
  });
  setInterval(() => {
    if (line) part("listening-time").textContent = duration(Date.now() - since);
  }, 1000);

  const show = () => {
    for (const button of document.querySelectorAll("[data-listen]")) button.hidden = false;
  };
  show();
  document.addEventListener("htmx:afterSwap", () => {
    show();
    const granted = document.querySelector("[data-permit]");
    if (!granted) return;
    const { permit } = granted.dataset;
    granted.remove();
    listen(permit);
  });
  // Whoever closes the menu has stopped listening.
  bar.closest("dialog")?.addEventListener("close", () => {
    stop();
    bar.hidden = true;
  });
}
