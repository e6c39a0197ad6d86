// Writes templates/parts/icons.svg, the sprite of the Lucide icons that templates use: `npm run icons`.
import { readFileSync, writeFileSync } from "node:fs";

const NAMES = [
  "activity", "archive", "arrow-down", "arrow-left", "arrow-right", "arrow-up", "arrow-up-right", "at-sign",
  "audio-lines", "ban", "banknote", "bath", "bed-double", "bell", "bell-off", "bell-ring", "book-open", "bot",
  "briefcase-business", "bug", "building-2", "calendar-check", "calendar-clock", "calendar-days", "calendar-off",
  "calendar-plus", "calendar-range", "calendar-x", "camera", "car", "chart-column", "check", "check-check",
  "chevron-down", "chevron-left", "chevron-right", "chevron-up", "circle-alert", "circle-check", "circle-dot",
  "circle-help", "circle-user", "circle-x", "clock", "coins", "columns-3", "command", "contact", "copy", "door-open",
  "download", "drama", "ear", "ellipsis", "ellipsis-vertical", "external-link", "eye", "eye-off", "file-text",
  "filter", "flag", "flame", "footprints", "funnel", "gauge", "globe", "grip-vertical", "hand", "handshake", "hash",
  "headphones", "history", "hourglass", "house", "image", "inbox", "info", "key", "keyboard", "languages", "layers",
  "layout-dashboard", "link", "list", "list-checks", "list-filter", "loader", "lock", "log-out", "mail", "map",
  "map-pin", "maximize", "megaphone", "merge", "message-circle", "message-square", "mic", "mic-off", "minus",
  "monitor", "moon", "moon-star", "palette", "panel-right", "paperclip", "pause", "pencil", "percent", "phone",
  "phone-call", "phone-forwarded", "phone-incoming", "phone-missed", "phone-off", "phone-outgoing", "pin", "play",
  "plus", "printer", "radio-tower", "refresh-cw", "repeat", "rotate-ccw", "route", "rows-3", "save", "search", "send",
  "server", "settings", "shield", "shield-alert", "skip-back", "skip-forward", "sliders-horizontal", "sparkles",
  "split", "square", "square-check", "square-kanban", "star", "stethoscope", "sticky-note", "sun", "sunrise",
  "table-2", "tag", "target", "terminal", "thumbs-down", "thumbs-up", "timer", "trash-2", "trending-down",
  "trending-up", "triangle-alert", "trophy", "undo-2", "unlink", "upload", "user", "user-check", "user-plus",
  "user-round", "user-x", "users", "volume-2", "volume-x", "waves", "webhook", "wifi-off", "workflow", "wrench", "x",
  "zap",
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
