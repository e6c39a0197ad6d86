// A call with an assistant in the browser: what the person does, what Vapi's SDK tells, what the page shows.
import { announce } from "../shell/announce.js";
import { microphoneTrouble, sdkTrouble } from "./troubles.js";

const CLOSE_TO_END = 40;

export function startAgent(document, root) {
  follow(root);
  root.addEventListener("htmx:afterSwap", () => follow(root));
  const voice = root.querySelector("[data-agent]");
  if (voice?.querySelector("[data-act]")) new AgentCall(document, voice);
}

// Show what was said last in the practice call.
function follow(root) {
  const lines = root.querySelector("#practice .agent-lines");
  if (lines) lines.scrollTop = lines.scrollHeight;
}

class AgentCall {
  constructor(document, root) {
    this.document = document;
    this.root = root;
    this.words = JSON.parse(document.getElementById("agent-words").textContent);
    this.vapi = null;
    for (const act of ["start", "stop", "mute"]) {
      root.querySelector(`[data-act="${act}"]`).addEventListener("click", () => this[act]());
    }
    // Out of reach until now: a press before this script had come would be lost.
    root.querySelector('[data-act="start"]').disabled = false;
    // A call that nobody hears any more would go on, and cost.
    document.defaultView.addEventListener("pagehide", () => this.vapi?.stop());
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  async start() {
    if (["connecting", "live"].includes(this.root.dataset.state)) return;
    this.show("connecting");
    this.part("lines").replaceChildren();
    const trouble = await microphoneTrouble(this.document.defaultView.navigator.mediaDevices);
    if (trouble) return this.fail(trouble);
    try {
      this.vapi ??= await this.connect();
    } catch {
      return this.fail("sdk");
    }
    try {
      const call = await this.vapi.start(this.part("assistant").value);
      // The SDK tells of its failures by an event, and then answers nothing.
      if (!call && this.root.dataset.state === "connecting") this.fail("network");
    } catch (error) {
      this.fail(...sdkTrouble(error));
    }
  }

  async connect() {
    const { sdk, key, api } = this.root.dataset;
    const { default: Vapi } = await import(/* @vite-ignore */ sdk);
    // Without eval, which the page's security policy forbids.
    const vapi = new Vapi(key, api, { avoidEval: true });
    vapi.on("call-start", () => this.show("live"));
    vapi.on("call-end", () => this.over());
    vapi.on("speech-start", () => this.say(this.words.speaking));
    vapi.on("speech-end", () => this.root.dataset.state === "live" && this.say(this.words.live));
    vapi.on("volume-level", (level) => (this.part("volume").value = level));
    vapi.on("message", (message) => this.hear(message));
    vapi.on("error", (error) => this.heardError(error));
    return vapi;
  }

  stop() {
    this.vapi?.stop();
    this.over();
  }

  mute() {
    if (!this.vapi || this.root.dataset.state !== "live") return;
    const isMuted = !this.vapi.isMuted();
    this.vapi.setMuted(isMuted);
    this.showMuted(isMuted);
  }

  hear(message) {
    if (message?.type === "status-update" && message.status === "ended") return this.over();
    if (!message?.type?.startsWith("transcript") || typeof message.transcript !== "string") return;
    const isFinal = message.transcriptType !== "partial";
    const role = message.role === "user" ? "user" : "assistant";
    const line = this.lineFor(role);
    line.lastElementChild.textContent = message.transcript;
    line.toggleAttribute("data-partial", !isFinal);
    const list = this.part("lines");
    if (list.scrollHeight - list.scrollTop - list.clientHeight < CLOSE_TO_END + line.offsetHeight) {
      list.scrollTop = list.scrollHeight;
    }
  }

  // A partial line is rewritten until it is final.
  lineFor(role) {
    const list = this.part("lines");
    const open = [...list.children].findLast((line) => line.dataset.role === role && line.hasAttribute("data-partial"));
    if (open) return open;
    const line = this.document.createElement("li");
    line.className = "line";
    line.dataset.role = role;
    for (const [name, text] of [["line-who", role === "user" ? this.words.you : this.words.assistant], ["line-text", ""]]) {
      const span = line.appendChild(this.document.createElement("span"));
      span.className = name;
      span.textContent = text;
    }
    return list.appendChild(line);
  }

  heardError(error) {
    // Noise filters may fail; the call goes on without them.
    if (/audio-processor|audio-processing/.test(error?.type ?? "")) return;
    if (["ended", "idle"].includes(this.root.dataset.state)) return;
    // Vapi ends meetings of calls that are over by what Daily calls an error.
    if (this.root.dataset.state === "live" && /meeting has ended|ejected/i.test(sdkTrouble(error)[1])) return this.over();
    this.fail(...sdkTrouble(error));
    this.vapi?.stop();
  }

  over() {
    if (["connecting", "live"].includes(this.root.dataset.state)) this.show("ended");
  }

  fail(word, why = "") {
    this.show("idle");
    const trouble = this.part("trouble");
    trouble.textContent = this.words[word].replace("{why}", why || "–");
    trouble.dataset.word = word;
    trouble.hidden = false;
  }

  say(text) {
    this.part("state").textContent = text;
  }

  show(state) {
    this.root.dataset.state = state;
    const isOn = state === "connecting" || state === "live";
    this.say(this.words[state]);
    announce(this.document, this.words[state]);
    this.part("state").classList.toggle("tone-live", isOn);
    this.part("trouble").hidden = true;
    this.part("assistant").disabled = isOn;
    this.root.querySelector('[data-act="start"]').disabled = isOn;
    this.root.querySelector('[data-act="stop"]').disabled = !isOn;
    this.root.querySelector('[data-act="mute"]').disabled = state !== "live";
    if (state !== "live") {
      this.part("volume").value = 0;
      this.showMuted(false);
    }
  }

  showMuted(isMuted) {
    const button = this.root.querySelector('[data-act="mute"]');
    button.setAttribute("aria-pressed", String(isMuted));
    this.part("mute").textContent = isMuted ? this.words.unmute : this.words.mute;
  }
}
