// One call: the recording follows the transcript, the flight recorder follows both.
import { duration } from "../board/describe.js";

const WHOLE = 1000;

export function startCall(document, root) {
  const player = root.querySelector("[data-player]");
  const slider = root.querySelector("[data-slider]");
  const needle = root.querySelector("[data-needle]");
  const lines = [...root.querySelectorAll(".said-line:has([data-second])")].map((line) => ({
    line,
    second: Number(line.querySelector("[data-second]").dataset.second),
  }));

  function point(second) {
    const whole = Math.max(Number(slider.max), 1);
    needle.setAttribute("x", String(Math.min((second / whole) * WHOLE, WHOLE - 2)));
    slider.setAttribute("aria-valuetext", duration(second * 1000));
    mark(second);
  }

  function mark(second) {
    const now = lines.findLast((item) => item.second <= second + 0.2)?.line;
    for (const { line } of lines) line.toggleAttribute("data-now", line === now);
    return now;
  }

  // Stand at a second: the recorder asks the server how the call stood there.
  function stand(second) {
    slider.value = String(Math.round(second));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }

  slider.addEventListener("input", () => point(Number(slider.value)));
  root.addEventListener("click", (event) => {
    const link = event.target.closest("[data-second]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const second = Number(link.dataset.second);
    stand(second);
    if (player) play(player, second);
  });
  root.querySelector("[data-line-chart]").addEventListener("click", ({ clientX, currentTarget }) => {
    const box = currentTarget.querySelector("svg").getBoundingClientRect();
    stand(((clientX - box.left) / box.width) * Number(slider.max));
  });
  if (player) follow(root, player, { mark, stand });
  point(Number(slider.value));
}

function play(player, second) {
  player.currentTime = second;
  // Refused when the recording cannot be loaded: the player itself says so.
  player.play().catch(() => {});
}

function follow(root, player, { mark, stand }) {
  let last = -1;
  player.addEventListener("timeupdate", () => {
    const line = mark(player.currentTime);
    const second = Math.floor(player.currentTime);
    if (player.paused || second === last) return;
    last = second;
    stand(second);
    line?.scrollIntoView({ block: "nearest" });
  });
  const speed = root.querySelector("[data-speed]");
  speed.addEventListener("change", () => (player.playbackRate = Number(speed.value)));
}
