// Writes templates/parts/icons.svg, the sprite of the Lucide icons that templates use: `npm run icons`.
import { readFileSync, writeFileSync } from "node:fs";

const NAMES = [
  "activity", "audio-lines", "bell", "book-open", "bot", "calendar-check", "calendar-clock", "calendar-days",
  "calendar-x", "chevron-down", "circle-alert", "circle-check", "clock", "ear", "eye", "eye-off", "headphones",
  "history", "hourglass", "inbox", "layout-dashboard", "link", "loader", "log-out", "mail", "map-pin",
  "message-square", "mic", "mic-off", "monitor", "moon", "panel-right", "phone", "phone-call", "phone-forwarded",
  "phone-incoming", "phone-missed", "phone-off", "radio-tower", "refresh-cw", "rotate-ccw", "search", "shield",
  "shield-alert", "sun", "triangle-alert", "unlink", "user", "users", "wifi-off", "wrench", "x", "zap",
];

function symbol(name) {
  const source = readFileSync(new URL(`../../node_modules/lucide-static/icons/${name}.svg`, import.meta.url), "utf8");
  const shapes = source.match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1].replace(/\s*\n\s*/g, "");
  return `  <symbol id="icon-${name}" viewBox="0 0 24 24">${shapes}</symbol>`;
}

const sprite = [
  "{# Lucide icons (ISC licence), made by `npm run icons`. #}",
  '<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false">',
  ...NAMES.map(symbol),
  "</svg>",
  "",
].join("\n");
writeFileSync(new URL("../../templates/parts/icons.svg", import.meta.url), sprite);
