// The bell's count, live; alerts by the browser where the person allowed them; one soft sound where they want it.
import { announce } from "./announce.js";

const KNOWN = "pete-newest-notice";

export function startNotices(root) {
  const link = root.querySelector('[data-place="notifications"]');
  if (!link) return;
  const ask = async () => {
    const known = localStorage.getItem(KNOWN);
    const answer = await fetch(`/notifications/news${known === null ? "" : `?after=${known}`}`).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const news = await answer.json();
    localStorage.setItem(KNOWN, String(Math.max(news.newest, Number(known ?? 0))));
    count(root, link, news.unread);
    show(root, news);
  };
  let wasOpen = false;
  root.addEventListener("desk:notices", ask);
  root.addEventListener("desk:snapshot", () => {
    // The first page load brought the count along; after a gap it may be old. A browser new to Pete learns where it stands.
    if (wasOpen || localStorage.getItem(KNOWN) === null) ask();
    wasOpen = true;
  });
  startAsking(root);
}

function count(root, link, unread) {
  let badge = link.querySelector(".rail-count");
  if (!badge) {
    badge = root.createElement("span");
    badge.className = "rail-count";
    link.append(badge);
  }
  const words = root.createElement("span");
  words.className = "sr-only";
  words.textContent = ` ${link.dataset.countWords}`;
  badge.replaceChildren(...(unread ? [String(unread), words] : []));
}

function show(root, { alerts, sound }) {
  if (alerts.length === 0) return;
  announce(root, alerts[0].text);
  if (sound && alerts.some((alert) => alert.sound)) chime();
  if (!("Notification" in window) || Notification.permission !== "granted" || !root.hidden) return;
  for (const alert of alerts) {
    // The same tag from two windows is one notification.
    const box = new Notification("Pete", { body: alert.text, tag: `pete-${alert.id}`, silent: true });
    box.onclick = () => {
      window.focus();
      location.assign(alert.url || "/notifications");
    };
  }
}

function chime() {
  const audio = new AudioContext();
  const volume = audio.createGain();
  volume.gain.setValueAtTime(0.05, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.6);
  const tone = audio.createOscillator();
  tone.frequency.value = 660;
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.6);
}

// Permission is asked where notifications are read, by a button, never by a page that just opened.
function startAsking(root) {
  const button = root.querySelector("[data-allow-alerts]");
  if (!button || !("Notification" in window)) return;
  button.hidden = Notification.permission !== "default";
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    button.hidden = Notification.permission !== "default";
  });
}
