// Tiles on the page. New ones are made from the templates the server sent; existing ones are changed in place.

// Where each part of a tile is, once it has been looked for.
const parts = new WeakMap();

function part(element, name) {
  if (!parts.has(element)) parts.set(element, new Map());
  const known = parts.get(element);
  if (!known.has(name)) known.set(name, element.querySelector(`[data-f="${name}"]`));
  return known.get(name);
}

function put(element, name, text) {
  const target = part(element, name);
  if (target && target.textContent !== text) target.textContent = text;
}

// Writing what stands there already would have the browser style the tile again.
function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

export function make(document, name) {
  return document.querySelector(`[data-template="${name}"]`).content.firstElementChild.cloneNode(true);
}

export function fillTile(element, tile, words, steps) {
  mark(element, "tile", tile.id);
  mark(element, "state", tile.state);
  mark(element, "phase", tile.phase);
  put(element, "name", tile.name);
  put(element, "subtitle", tile.subtitle);
  put(element, "phase", tile.phaseWord);
  put(element, "step", words.steps[tile.state]);
  put(element, "assistant", tile.assistant);
  part(element, "phase-timer").dataset.since = tile.phaseSince;
  part(element, "timer").dataset.since = tile.startedAt;
  fillSteps(part(element, "steps"), steps.indexOf(tile.state));
  fillLines(part(element, "lines"), tile.lines);
  fillFacts(part(element, "facts"), tile.facts);
  fillPromises(element, tile);
}

function fillPromises(element, tile) {
  part(element, "hold").hidden = !tile.hold;
  if (tile.hold) {
    put(element, "hold-when", tile.hold.when);
    part(element, "hold-left").dataset.until = tile.hold.expiresAt;
  }
  part(element, "booked").hidden = !tile.booked;
  put(element, "booked-when", tile.booked);
  part(element, "alert").hidden = !tile.alert;
  put(element, "alert-word", tile.alert);
  fillPeople(element, tile);
}

function fillPeople(element, tile) {
  part(element, "waiting").hidden = !tile.waiting;
  put(element, "waiting-word", tile.waiting);
  part(element, "waiting-timer").dataset.since = tile.waitingSince;
  part(element, "steered").hidden = !tile.steered;
  part(element, "steered").dataset.until = tile.steeredUntil;
  put(element, "steered-word", tile.steered);
  part(element, "muted").hidden = !tile.muted;
  fillActs(element, tile);
}

function fillActs(element, tile) {
  const call = `/calls/${tile.id}`;
  pointTo(part(element, "name"), call, true);
  pointTo(part(element, "open"), call, true);
  pointTo(part(element, "note"), `${call}/note`, tile.lead !== null);
  pointTo(part(element, "listen"), `${call}/tower?listen=1`, !tile.isEnded && tile.maySteer);
  pointTo(part(element, "steer"), `${call}/tower`, !tile.isEnded && tile.maySteer);
  const claim = part(element, "claim");
  set(claim, "action", `/leads/${tile.lead}/claim`);
  claim.hidden = !tile.mayClaim;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function pointTo(link, path, isOpen) {
  set(link, "href", path);
  link.hidden = !isOpen;
}

function fillSteps(list, present) {
  [...list.children].forEach((item, index) => {
    mark(item, "mark", index < present ? "done" : index === present ? "now" : "ahead");
  });
}

function fillLines(list, lines) {
  while (list.children.length > lines.length) list.lastElementChild.remove();
  lines.forEach((line, index) => {
    const item = list.children[index] ?? list.appendChild(makeLine(list.ownerDocument));
    mark(item, "role", line.role);
    item.toggleAttribute("data-cut", line.isCut);
    if (item.children[0].textContent !== line.who) item.children[0].textContent = line.who;
    if (item.children[1].textContent !== line.text) item.children[1].textContent = line.text;
  });
}

function makeLine(document) {
  const item = document.createElement("li");
  item.className = "line";
  for (const name of ["line-who", "line-text"]) {
    item.appendChild(document.createElement("span")).className = name;
  }
  return item;
}

function fillFacts(list, facts) {
  const shown = new Map([...list.children].map((item) => [item.dataset.fact, item]));
  const ordered = [];
  for (const [key, label, value] of facts) {
    const item = shown.get(key) ?? makeFact(list.ownerDocument, key, label);
    const said = item.querySelector("dd");
    if (said.textContent !== value) {
      said.textContent = value;
      item.dataset.new = "";
    }
    shown.delete(key);
    ordered.push(item);
  }
  for (const item of shown.values()) item.remove();
  // In the order of `facts`, whichever was heard first. Nothing is moved that stands where it belongs.
  ordered.forEach((item, index) => list.children[index] !== item && list.insertBefore(item, list.children[index] ?? null));
}

function makeFact(document, key, label) {
  const item = document.createElement("div");
  item.className = "fact";
  item.dataset.fact = key;
  item.appendChild(document.createElement("dt")).textContent = label;
  item.appendChild(document.createElement("dd"));
  return item;
}

export function fillEnded(element, tile) {
  element.dataset.endedCall = tile.id;
  element.dataset.tone = tile.outcomeTone;
  put(element, "name", tile.name);
  put(element, "outcome", tile.outcome);
  part(element, "ended-timer").dataset.since = tile.endedAt;
}
