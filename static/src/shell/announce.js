// Words for people who cannot see the change: a polite live region, and a line that goes away by itself.
const STAYS_MS = 6000;
const MOST_TOASTS = 3;

export function announce(root, text) {
  const region = root.querySelector("[data-announcer]");
  if (!region) return;
  // Emptied first, so that the same words are read again.
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50);
}

export function toast(root, text) {
  const place = root.querySelector("[data-toasts]");
  const line = root.createElement("div");
  line.className = "toast-line";
  line.textContent = text;
  place.append(line);
  while (place.children.length > MOST_TOASTS) place.firstElementChild.remove();
  setTimeout(() => line.remove(), STAYS_MS);
}
