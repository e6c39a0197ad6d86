import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { LiveLink } from "./link.js";

class FakeSocket {
  static all = [];
  readyState = 1;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

function start(t, { isSignedOut = async () => false } = {}) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  FakeSocket.all = [];
  const seen = { messages: [], states: [] };
  const link = new LiveLink("ws://desk/ws/live", {
    onMessage: (message, isFirst) => seen.messages.push([message.type, isFirst]),
    onState: (state) => seen.states.push(state),
    isSignedOut,
    WebSocketClass: FakeSocket,
    random: () => 1,
  });
  link.open();
  return { link, seen, last: () => FakeSocket.all.at(-1) };
}

const SNAPSHOT = { type: "snapshot", seq: 1, calls: [] };

test("it is live only once the snapshot has come", (t) => {
  const { link, seen, last } = start(t);
  last().say({ type: "heartbeat", seq: 1 });
  assert.equal(link.state, "connecting");

  last().say(SNAPSHOT);

  assert.equal(link.state, "live");
  assert.deepEqual(seen.messages, [["snapshot", true]]);
});

test("a line that falls silent is broken, whatever the browser believes", (t) => {
  const { link, seen, last } = start(t);
  last().say(SNAPSHOT);
  mock.timers.tick(10_000);
  link.check();
  assert.equal(link.state, "live");

  mock.timers.tick(2_000);
  link.check();
  assert.equal(link.state, "reconnecting");

  mock.timers.tick(500);
  assert.equal(FakeSocket.all.length, 2);
  last().say(SNAPSHOT);
  assert.deepEqual(seen.states, ["live", "reconnecting", "live"]);
  assert.deepEqual(seen.messages, [["snapshot", true], ["snapshot", true]]);
});

test("it tries again later and later, and says how old the data are", (t) => {
  const { link, last } = start(t);
  last().say(SNAPSHOT);
  const waits = [];
  for (let tries = 0; tries < 7; tries += 1) {
    const before = Date.now();
    const opened = FakeSocket.all.length;
    last().onclose({ code: 1006 });
    while (FakeSocket.all.length === opened) mock.timers.tick(100);
    waits.push(Date.now() - before);
    link.check();
  }

  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(link.state, "stale");
});

test("what an old socket still says is not heard", (t) => {
  const { seen, last } = start(t);
  const old = last();
  old.say(SNAPSHOT);
  const hear = old.onmessage;
  old.onclose({ code: 1006 });
  mock.timers.tick(500);

  hear({ data: JSON.stringify({ type: "call", seq: 2, call: {} }) });

  assert.deepEqual(seen.messages, [["snapshot", true]]);
});

test("a session that has ended is said and not tried again", async (t) => {
  const { link, last } = start(t, { isSignedOut: async () => true });
  last().say(SNAPSHOT);

  last().onclose({ code: 4401 });
  await Promise.resolve();
  await Promise.resolve();
  mock.timers.tick(60_000);
  link.check();

  assert.equal(link.state, "signed-out");
  assert.equal(FakeSocket.all.length, 1);
});
