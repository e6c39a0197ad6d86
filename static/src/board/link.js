// The socket to /ws/live, kept open. It says "live" only while it hears the server's heartbeat.

const SILENCE_MS = 11_000; // The server beats every four to five seconds: two beats missed.
const GIVEN_UP_MS = 20_000; // Longer than this, the page says how old its data are before anything else.
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const ASK_AFTER_FAILURES = 3;

export class LiveLink {
  state = "connecting";
  // When the server was last heard, in this machine's time; null before the first word.
  heardAt = null;
  #failures = 0;
  #isFirst = true;
  #socket = null;
  #timer = null;

  // `onMessage(message, isFirst)` gets each message; `isSignedOut()` resolves to true when the session has ended.
  constructor(url, { onMessage, onState, isSignedOut, WebSocketClass = WebSocket, now = Date.now, random = Math.random }) {
    Object.assign(this, { url, onMessage, onState, isSignedOut, WebSocketClass, now, random });
    this.startedAt = now();
  }

  open() {
    clearTimeout(this.#timer);
    this.#drop();
    this.#isFirst = true;
    const socket = new this.WebSocketClass(this.url);
    this.#socket = socket;
    this.openedAt = this.now();
    socket.onmessage = (event) => this.#hear(socket, JSON.parse(event.data));
    socket.onclose = (event) => this.#closed(socket, event);
  }

  send(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  // Called every second: a line that says nothing is a broken line, whatever the browser believes.
  check() {
    if (this.state === "signed-out") return;
    const quiet = this.now() - Math.max(this.heardAt ?? 0, this.openedAt ?? 0);
    if (this.#socket && quiet > SILENCE_MS) this.#closed(this.#socket, {});
    else if (this.state === "reconnecting" && this.#brokenFor() > GIVEN_UP_MS) this.#be("stale");
  }

  // Called when the network or the page comes back: no reason to wait out the pause.
  hurry() {
    if (this.state === "signed-out" || this.state === "live") return this.check();
    this.#failures = 0;
    this.open();
  }

  #hear(socket, message) {
    if (socket !== this.#socket) return;
    this.heardAt = this.now();
    this.#failures = 0;
    if (message.type === "snapshot") {
      this.onMessage(message, this.#isFirst);
      this.#isFirst = false;
      this.#be("live");
    } else if (!this.#isFirst) {
      this.onMessage(message, false);
    }
  }

  #closed(socket, { code }) {
    if (socket !== this.#socket) return;
    this.#drop();
    this.#failures += 1;
    if (this.state !== "stale") this.#be("reconnecting");
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS);
    this.#timer = setTimeout(() => this.open(), wait * (0.5 + this.random() / 2));
    if (code === 4401 || this.#failures >= ASK_AFTER_FAILURES) this.#askWhetherSignedOut();
  }

  async #askWhetherSignedOut() {
    if (!(await this.isSignedOut())) return;
    clearTimeout(this.#timer);
    this.#drop();
    this.#be("signed-out");
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #brokenFor() {
    return this.now() - (this.heardAt ?? this.startedAt);
  }

  #be(state) {
    if (state === this.state) return;
    const before = this.state;
    this.state = state;
    this.onState(state, before);
  }
}
