// A call as its tile shows it: the same as calls/tiles.py makes for the first page. cases.json holds both to it.

const BEFORE_ANSWER = new Set(["scheduled", "queued", "ringing"]);
const FACTS = ["budget", "bedrooms", "property_type", "location", "timeline", "move_in_on", "pets"];
const LONGEST_FACT = 48;
const A_MINUTE = 60_000;

export function describe(call, words, { zone, language, now, viewer }) {
  const isEnded = call.phase === "ENDED";
  const when = (written) => whenWords(written, words, { zone, language, now });
  const booked = call.booked_viewing ? when(call.booked_viewing.starts_at) : "";
  const [outcome, tone] = outcomeOf(call, words, booked);
  return {
    id: call.id,
    name: callerName(call, words),
    subtitle: subtitle(call, words),
    state: stateOf(call),
    phase: call.phase,
    phaseWord: words.phases[call.phase] ?? call.phase,
    phaseSince: call.phase_since ?? "",
    startedAt: call.started_at ?? "",
    facts: facts(call.context ?? {}, words),
    lines: (call.last_lines ?? []).map((line) => lineOf(line, words)),
    hold: call.held_slot
      ? { when: when(call.held_slot.starts_at), expiresAt: call.held_slot.expires_at ?? "" }
      : null,
    booked,
    alert: alertOf(call, words),
    assistant: call.assistant_name ?? "",
    ...peopleOf(call, words, now),
    maySteer: maySteer(call.supervisors, viewer),
    lead: call.lead ?? null,
    // A lead of nobody's: then the call is everybody's.
    mayClaim: call.lead != null && call.seen_by === null,
    isEnded,
    endedAt: call.ended_at ?? call.phase_since ?? "",
    outcome,
    outcomeTone: tone,
  };
}

export function stateOf(call) {
  if (call.booked_viewing) return "booked";
  if (call.stage === "CONFIRMATION") return "confirming";
  if (call.held_slot) return "held";
  if (call.stage === "BOOKING") return "offering";
  const isRinging = call.phase === "INITIALIZING" && BEFORE_ANSWER.has(call.status) && !call.last_lines?.length;
  return isRinging ? "ringing" : "qualifying";
}

// Who steers the call, and whom it waits for.
function peopleOf(call, words, now) {
  const { supervisor: steers, waiting_for_person: waits, assistant_muted: isMuted } = call;
  const isSteered = steers && Date.parse(steers.expires_at) > now;
  const waiting = waits && words.say[waits.state === "transfer" ? "put_through" : "wants_person"];
  return {
    steered: isSteered ? words.say.steered.replace("{name}", steers.name) : "",
    steeredUntil: isSteered ? steers.expires_at : "",
    muted: isMuted ? words.say.muted : "",
    waiting: waiting ? waiting.replace("{name}", waits.name) : "",
    waitingSince: waits?.since ?? "",
  };
}

// As the server decides when the menu is asked for: see calls/tower/rights.py.
export function maySteer(allowed, viewer) {
  if (viewer.sees_everything) return true;
  // Put on the board by an older release.
  if (!allowed) return false;
  if (allowed.agents.includes(viewer.id)) return true;
  return viewer.team !== null && viewer.team === allowed.team;
}

function callerName(call, words) {
  const name = call.lead_name || call.context?.full_name || "";
  if (name && !name.startsWith("+")) return String(name);
  return phone(call.customer_number || name) || words.say.unknown;
}

function subtitle(call, words) {
  const number = phone(call.customer_number);
  const parts = [call.listing_label ?? "", number === callerName(call, words) ? "" : number];
  return parts.filter(Boolean).join(" · ");
}

// North American numbers in their groups; others as they are until the page is loaded again.
export function phone(number) {
  const match = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number ?? "");
  return match ? `+1 ${match[1]}-${match[2]}-${match[3]}` : (number ?? "");
}

function facts(context, words) {
  return FACTS.map((key) => [key, words.facts[key], factOf(key, context[key], words).slice(0, LONGEST_FACT)]).filter(
    ([, , value]) => value,
  );
}

function factOf(key, value, words) {
  if (typeof value === "boolean") return key === "pets" ? words.say[value ? "pets_yes" : "pets_no"] : "";
  if (typeof value === "number") {
    if (key !== "budget") return String(value);
    return words.say.month.replace("{amount}", `$${Math.round(value).toLocaleString("en-US")}`);
  }
  return typeof value === "string" ? value.trim() : "";
}

function lineOf(line, words) {
  const role = line.role ?? "";
  return { role, who: words.roles[role] ?? role, text: line.text ?? "", isCut: Boolean(line.interrupted) };
}

function outcomeOf(call, words, booked) {
  if (call.phase !== "ENDED") return ["", ""];
  if (booked) return [`${words.steps.booked}: ${booked}`, "ok"];
  const family = call.ended_class || "other";
  return [words.outcomes[family] ?? words.outcomes.other, family === "error" ? "bad" : ""];
}

function alertOf(call, words) {
  const newest = call.alerts?.at(-1);
  if (!newest || call.phase === "ENDED") return "";
  if (call.phase_since && Date.parse(call.phase_since) - Date.parse(newest.at) > A_MINUTE) return "";
  return words.alerts[newest.code] ?? newest.code;
}

// "Thursday 12 June, 15:00 (in 3 days)", in the office's zone.
export function whenWords(written, words, { zone, language, now }) {
  const at = new Date(written);
  const part = (options) => formatter(language, { timeZone: zone, ...options }).format(at);
  const day = `${part({ weekday: "long" })} ${part({ day: "numeric" })} ${part({ month: "long" })}`;
  return `${day}, ${clock(at, zone)} (${distance(at, new Date(now), words, zone)})`;
}

export function clock(at, zone, withSeconds = false) {
  const options = { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (withSeconds) options.second = "2-digit";
  return formatter("en-GB", options).format(at);
}

function distance(at, now, words, zone) {
  const days = Math.round((localDay(at, zone) - localDay(now, zone)) / 86_400_000);
  const named = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  if (named) return words.days[named];
  return words.days[days > 0 ? "ahead" : "ago"].replace("{n}", Math.abs(days));
}

function localDay(at, zone) {
  return Date.parse(formatter("en-CA", { timeZone: zone, dateStyle: "short" }).format(at));
}

// Making one takes longer than all else that is done for a tile.
const formatters = new Map();

function formatter(language, options) {
  const key = `${language} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat(language, options));
  return formatters.get(key);
}

// "1:05" or "1:02:05".
export function duration(milliseconds) {
  const whole = Math.max(Math.floor(milliseconds / 1000), 0);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}
