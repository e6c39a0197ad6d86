// The socket to /ws/live, kept open. It says "live" only while it hears the server's heartbeat.

const SILENCE_MS = 11_000; // The server beats every four to five seconds: two beats missed.
const GIVEN_UP_MS = 20_000; // Longer than this, the page says how old its data are before anything else.
const BEAT_MISSED_MS = 6_000;
const FIRST_WAIT_MS = 500;
// Somebody is looking: the page is live again within two seconds of the server being there.
const LONGEST_WAIT_MS = 1_500;
const LONGEST_HIDDEN_WAIT_MS = 15_000;

export class LiveLink {
  state = "connecting";
  // When the server was last heard, in this machine's time; null before the first word.
  heardAt = null;
  #failures = 0;
  #isFirst = true;
  #socket = null;
  #timer = null;
  // The question under way; an answer to an earlier one counts for nothing.
  #question = null;

  // `onMessage(message, isFirst)` gets each message; `ask()` resolves to what session.js says of the server.
  constructor(url, { onMessage, onState, ask, isHidden = () => false, WebSocketClass = WebSocket, now = Date.now, random = Math.random }) {
    Object.assign(this, { url, onMessage, onState, ask, isHidden, WebSocketClass, now, random });
    this.startedAt = now();
  }

  open() {
    clearTimeout(this.#timer);
    this.#question = null;
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
    if (this.state === "signed-out") return;
    // What was missed in a sleep is no reason to wait for the rest of the silence.
    if (this.state === "live" && this.now() - this.heardAt < BEAT_MISSED_MS) return;
    if (this.state === "live") this.#be("reconnecting");
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
    if (code === 4401) this.#askFirst();
    else this.#later(this.#failures === 1 ? () => this.open() : () => this.#askFirst());
  }

  // Half of the wait is left to chance, so that a hundred desks do not come back in the same instant.
  #later(act) {
    const longest = this.isHidden() ? LONGEST_HIDDEN_WAIT_MS : LONGEST_WAIT_MS;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(this.#failures - 1, 10), longest);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, wait * (0.5 + this.random() / 2));
  }

  // Asks by HTTP before it opens a socket again: browsers keep the sockets of a server that was away waiting for
  // seconds, and a socket that hangs says nothing for longer still.
  async #askFirst() {
    const question = {};
    this.#question = question;
    const answer = await this.ask();
    if (this.#question !== question) return;
    if (answer === "signed-out") this.#be("signed-out");
    else if (answer === "here") this.open();
    else {
      this.#failures += 1;
      this.#later(() => this.#askFirst());
    }
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
