// Why a time is not offered, beside the time.
const GAP = 8;

export async function showWhy(document, cell) {
  const card = cardOf(document);
  const answer = await fetch(cell.href, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) {
    location.assign(cell.href);
    return;
  }
  card.innerHTML = await answer.text();
  card.showPopover();
  place(card, cell.getBoundingClientRect());
  card.focus();
  card.addEventListener("toggle", ({ newState }) => newState === "closed" && cell.isConnected && cell.focus(), {
    once: true,
  });
}

function cardOf(document) {
  const known = document.getElementById("why-card");
  if (known) return known;
  const card = document.createElement("div");
  card.id = "why-card";
  card.className = "why-card";
  card.popover = "auto";
  card.tabIndex = -1;
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-labelledby", "why-title");
  document.body.append(card);
  return card;
}

function place(card, cell) {
  const fitsRight = cell.right + GAP + card.offsetWidth < innerWidth;
  const left = fitsRight ? cell.right + GAP : Math.max(cell.left - GAP - card.offsetWidth, GAP);
  const top = Math.min(cell.top, innerHeight - card.offsetHeight - GAP);
  card.style.left = `${left}px`;
  card.style.top = `${Math.max(top, GAP)}px`;
}
