import assert from "node:assert/strict";
import { test } from "node:test";
import { BoardStore } from "./store.js";

const call = (id, more = {}) => ({ id, phase: "LISTENING", ...more });

test("calls keep the order in which they came, whatever the order of a later snapshot", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 10, calls: [call("a"), call("b")] }, true);
  store.call({ seq: 11, call: call("c") });

  store.snapshot({ seq: 12, calls: [call("c"), call("a"), call("b")] });

  assert.deepEqual([...store.calls.keys()], ["a", "b", "c"]);
});

test("a change older than what is held is dropped", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 10, calls: [call("a")] }, true);

  assert.equal(store.call({ seq: 12, call: call("a", { phase: "THINKING" }) }), true);
  assert.equal(store.call({ seq: 11, call: call("a", { phase: "RESPONDING" }) }), false);
  assert.equal(store.call({ seq: 12, call: call("a", { phase: "RESPONDING" }) }), false);
  assert.equal(store.calls.get("a").phase, "THINKING");
});

test("an ended call stays ended", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 1, calls: [call("a", { phase: "ENDED" })] }, true);

  assert.equal(store.call({ seq: 2, call: call("a") }), false);
});

test("an older snapshot is dropped within a connection and taken at the start of one", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 10, calls: [call("a")] }, true);

  assert.equal(store.snapshot({ seq: 9, calls: [] }), null);
  assert.deepEqual(store.snapshot({ seq: 9, calls: [] }, true), { changed: [], removed: ["a"] });
  assert.equal(store.seq, 9);
});

test("a snapshot tells what differs, and seconds that count up do not", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 1, calls: [call("a", { duration_seconds: 1 }), call("b"), call("gone")] }, true);

  const news = store.snapshot(
    { seq: 5, calls: [call("a", { duration_seconds: 9 }), call("b", { phase: "ENDED" }), call("new")] },
    true,
  );

  assert.deepEqual(news, { changed: ["b", "new"], removed: ["gone"] });
});

test("a heartbeat ahead of us asks for what is missing, once", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 10, calls: [] }, true);

  assert.equal(store.heartbeat({ seq: 10 }), null);
  assert.equal(store.heartbeat({ seq: 12 }), 10);
  // Nothing came: what changed has left the board.
  assert.equal(store.heartbeat({ seq: 12 }), null);
  assert.equal(store.seq, 12);
});

test("a heartbeat after the missing changes came asks for nothing", () => {
  const store = new BoardStore();
  store.snapshot({ seq: 10, calls: [] }, true);
  store.heartbeat({ seq: 12 });
  store.call({ seq: 12, call: call("a") });

  assert.equal(store.heartbeat({ seq: 12 }), null);
});
