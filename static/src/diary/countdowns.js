// How long a hold lasts yet, second by second; a server's "until 14:02" stands there without this.
const SECOND = 1000;

export function startCountdowns(document) {
  const tick = () => {
    for (const place of document.querySelectorAll("[data-countdown]")) {
      const left = Math.floor((new Date(place.dataset.countdown) - Date.now()) / SECOND);
      place.textContent = left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "0:00";
    }
  };
  tick();
  setInterval(tick, SECOND);
}
