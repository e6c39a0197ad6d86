// Words for people who cannot see the change: a polite live region.
export function announce(root, text) {
  const region = root.querySelector("[data-announcer]");
  if (!region) return;
  // Emptied first, so that the same words are read again.
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50);
}
