// The command palette: what this page offers first, then what the server finds; what was visited when nothing is typed.
import { ACTS, hasLetterKeys, visible } from "./shortcuts.js";

const AFTER_MS = 120;
const MOST_RECENT = 8;
const RECORD = /^\/(leads|calls|listings|appointments)\/[\w-]+\/?$/;

let palette = null;

export function togglePalette(root) {
  palette ??= new Palette(root);
  palette.toggle();
}

// Remembers a visited record for the palette's rest; called on every page.
export function remember(root) {
  if (!RECORD.test(location.pathname)) return;
  const label = root.title.split(" · ")[0];
  const href = location.pathname;
  const kept = recent(root).filter((item) => item.href !== href);
  localStorage.setItem(place(root), JSON.stringify([{ label, detail: "", icon: "history", href }, ...kept].slice(0, MOST_RECENT + 1)));
}

function recent(root) {
  try {
    return JSON.parse(localStorage.getItem(place(root)) ?? "[]");
  } catch {
    return [];
  }
}

// People share computers: what one visited is nobody else's business.
function place(root) {
  return `pete-recent-${root.getElementById("palette")?.dataset.person}`;
}

class Palette {
  #asked = null;
  #timer = null;
  #options = [];
  #at = 0;
  // What is typed has no answer yet; Enter then waits for it, and does not do what stands there from before.
  #isStale = false;
  #wantsFirst = false;

  constructor(root) {
    this.root = root;
    this.dialog = root.getElementById("palette");
    this.input = this.dialog.querySelector("input");
    this.list = this.dialog.querySelector("[role=listbox]");
    this.status = this.dialog.querySelector("[data-palette-status]");
    this.input.addEventListener("input", () => this.#later());
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => this.#forget());
    this.dialog.addEventListener("cancel", (event) => this.#back(event));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#run(this.#options[Number(option.dataset.at)]);
    });
  }

  toggle() {
    if (this.dialog.open) return this.dialog.close();
    this.input.value = "";
    this.#isStale = false;
    this.dialog.showModal();
    this.input.focus();
    this.#rest();
    this.#ask();
  }

  // What is there without the server.
  #rest() {
    this.#show(this.#resting());
  }

  #resting() {
    const seen = recent(this.root).filter((item) => item.href !== location.pathname).slice(0, MOST_RECENT);
    const { here, recent: words } = this.dialog.dataset;
    return [{ label: here, items: this.#here("") }, { label: words, items: seen }];
  }

  // What the page itself offers for its record; the first is what Enter does.
  #here(typed) {
    const keyed = Object.entries(ACTS)
      .map(([key, selector]) => [key, visible(this.root, selector)])
      .filter(([, element]) => element)
      .map(([key, element]) => {
        const label = (element.getAttribute("aria-label") ?? element.textContent).trim();
        return { label, detail: "", icon: "zap", key: hasLetterKeys(this.root) ? key : "", element };
      });
    // What stands in a menu that is closed has a name of its own for here.
    const named = [...this.root.querySelectorAll("[data-act]")].map((element) => {
      return { label: element.dataset.act, detail: "", icon: "zap", element };
    });
    return [...keyed, ...named].filter((item) => item.label.toLowerCase().includes(typed));
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    this.#wantsFirst = false;
  }

  #later() {
    this.#forget();
    this.#isStale = true;
    this.#timer = setTimeout(() => this.#ask(), AFTER_MS);
  }

  async #ask() {
    const typed = this.input.value.trim();
    this.#asked?.abort();
    this.#asked = new AbortController();
    try {
      const answer = await fetch(`/palette?q=${encodeURIComponent(typed)}`, { signal: this.#asked.signal });
      const { groups } = await answer.json();
      const here = [{ label: this.dialog.dataset.here, items: this.#here(typed.toLowerCase()) }];
      this.#show([...(typed ? here : this.#resting()), ...groups]);
      this.#isStale = false;
      if (this.#wantsFirst && this.#options[0]) this.#run(this.#options[0]);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#rest();
      this.#isStale = false;
      this.status.textContent = this.dialog.dataset.failed;
    }
  }

  #show(groups) {
    this.#options = [];
    const parts = groups.filter((group) => group.items.length).map((group) => this.#group(group));
    this.list.replaceChildren(...parts);
    const empty = this.#options.length === 0 && this.input.value.trim();
    if (empty) this.list.append(make(this.root, "p", "palette-none", this.dialog.dataset.nothing));
    this.status.textContent = empty ? this.dialog.dataset.nothing : "";
    this.#mark(0);
  }

  #group({ label, items }) {
    const group = make(this.root, "div", "palette-group");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    const head = make(this.root, "p", "palette-label", label);
    head.setAttribute("aria-hidden", "true");
    group.append(head, ...items.map((item) => this.#option(item)));
    return group;
  }

  #option(item) {
    const option = make(this.root, "div", "palette-option");
    option.id = `palette-${this.#options.length}`;
    option.dataset.at = String(this.#options.length);
    option.setAttribute("role", "option");
    option.append(icon(this.root, item.icon), make(this.root, "span", "palette-name", item.label));
    option.append(make(this.root, "span", "palette-detail", item.detail));
    if (item.key) option.append(make(this.root, "kbd", "key", item.key));
    this.#options.push(item);
    return option;
  }

  #mark(at) {
    this.#at = Math.min(Math.max(at, 0), Math.max(this.#options.length - 1, 0));
    for (const option of this.list.querySelectorAll("[role=option]")) {
      const isMarked = Number(option.dataset.at) === this.#at;
      option.setAttribute("aria-selected", String(isMarked));
      if (isMarked) option.scrollIntoView({ block: "nearest" });
    }
    if (this.#options.length) this.input.setAttribute("aria-activedescendant", `palette-${this.#at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const moves = { ArrowDown: this.#at + 1, ArrowUp: this.#at - 1, PageDown: this.#at + 8, PageUp: this.#at - 8 };
    if (event.key in moves) {
      event.preventDefault();
      this.#mark(moves[event.key]);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.#wantsFirst = this.#isStale;
      if (!this.#isStale && this.#options[this.#at]) this.#run(this.#options[this.#at]);
    }
  }

  // Esc steps back: what was typed first, then the palette.
  #back(event) {
    if (!this.input.value) return;
    event.preventDefault();
    this.input.value = "";
    this.#forget();
    this.#rest();
    this.#ask();
  }

  // While one chose, the page may have been drawn anew: what bears the same name now is what was meant.
  #present({ element, label }) {
    return element.isConnected ? element : this.#here("").find((one) => one.label === label)?.element;
  }

  #run(item) {
    this.dialog.close();
    if (item.element) this.#present(item)?.click();
    else if (item.is_post) submit(this.root, item.href);
    else location.assign(item.href);
  }
}

function make(root, name, className, text = "") {
  const element = root.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

function icon(root, name) {
  const svg = root.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = root.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

function submit(root, action) {
  const form = root.createElement("form");
  form.method = "post";
  form.action = action;
  const token = root.createElement("input");
  token.type = "hidden";
  token.name = "csrfmiddlewaretoken";
  token.value = JSON.parse(root.body.getAttribute("hx-headers"))["X-CSRFToken"];
  form.append(token);
  root.body.append(form);
  form.submit();
}
