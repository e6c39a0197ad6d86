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

function start(t, { ask = async () => "here", isHidden } = {}) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  FakeSocket.all = [];
  const seen = { messages: [], states: [] };
  const link = new LiveLink("ws://desk/ws/live", {
    onMessage: (message, isFirst) => seen.messages.push([message.type, isFirst]),
    onState: (state) => seen.states.push(state),
    ask,
    isHidden,
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

// Lets what waits for an answer go on.
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function waits(asked, count) {
  const found = [];
  while (found.length < count) {
    const before = Date.now();
    const had = asked();
    while (asked() === had) {
      mock.timers.tick(50);
      await settled();
    }
    found.push(Date.now() - before);
  }
  return found;
}

test("while the server is away it asks again soon, opens no socket, and says how old the data are", async (t) => {
  let questions = 0;
  const { link, last } = start(t, { ask: async () => (questions += 1) && "away" });
  last().say(SNAPSHOT);
  last().onclose({ code: 1006 });
  mock.timers.tick(500);
  assert.equal(FakeSocket.all.length, 2);
  last().onclose({ code: 1006 });

  assert.deepEqual(await waits(() => questions, 5), [1000, 1500, 1500, 1500, 1500]);

  assert.equal(FakeSocket.all.length, 2);
  mock.timers.tick(20_000);
  link.check();
  assert.equal(link.state, "stale");
});

test("however long the server was away, a page is live again within two seconds of its coming back", async (t) => {
  let answer = "away";
  const { link, last } = start(t, { ask: async () => answer });
  last().say(SNAPSHOT);
  last().onclose({ code: 1006 });
  mock.timers.tick(500);
  last().onclose({ code: 1006 });
  for (let second = 0; second < 300; second += 1) {
    mock.timers.tick(1000);
    await settled();
  }
  assert.equal(FakeSocket.all.length, 2);

  answer = "here";
  mock.timers.tick(1500);
  await settled();

  assert.equal(FakeSocket.all.length, 3);
  last().say(SNAPSHOT);
  assert.equal(link.state, "live");
});

test("a page that nobody looks at asks seldom, and at once when somebody does", async (t) => {
  let questions = 0;
  const { link, last } = start(t, { ask: async () => (questions += 1) && "away", isHidden: () => true });
  last().say(SNAPSHOT);
  last().onclose({ code: 1006 });
  mock.timers.tick(500);
  last().onclose({ code: 1006 });
  assert.deepEqual((await waits(() => questions, 6)).at(-1), 15_000);

  const had = FakeSocket.all.length;
  link.hurry();

  assert.equal(FakeSocket.all.length, had + 1);
});

test("an answer that comes after the page has hurried opens no second socket", async (t) => {
  let reply;
  const { link, last } = start(t, { ask: () => new Promise((resolve) => (reply = resolve)) });
  last().onclose({ code: 1006 });
  mock.timers.tick(500);
  last().onclose({ code: 1006 });
  mock.timers.tick(1000);
  link.hurry();
  assert.equal(FakeSocket.all.length, 3);

  reply("here");
  await settled();

  assert.equal(FakeSocket.all.length, 3);
});

test("after a sleep a line that missed a beat is made anew at once, and one that did not is kept", (t) => {
  const { link, last } = start(t);
  last().say(SNAPSHOT);
  mock.timers.tick(5_000);
  link.hurry();
  assert.equal(FakeSocket.all.length, 1);

  mock.timers.tick(2_000);
  link.hurry();

  assert.equal(FakeSocket.all.length, 2);
  assert.equal(link.state, "reconnecting");
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
  const { link, last } = start(t, { ask: async () => "signed-out" });
  last().say(SNAPSHOT);

  last().onclose({ code: 4401 });
  await Promise.resolve();
  await Promise.resolve();
  mock.timers.tick(60_000);
  link.check();

  assert.equal(link.state, "signed-out");
  assert.equal(FakeSocket.all.length, 1);
});
