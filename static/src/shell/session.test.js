import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionState } from "./session.js";

const answering = (status) => async () => ({ status });

for (const [status, state] of [[200, "here"], [429, "here"], [401, "signed-out"], [403, "signed-out"], [502, "away"], [503, "away"]]) {
  test(`an answer of ${status} means ${state}`, async () => assert.equal(await sessionState(answering(status)), state));
}

test("no answer means away, and there is an end to waiting for one", async () => {
  let signal;
  const refuse = async (url, options) => {
    signal = options.signal;
    throw new TypeError("Failed to fetch");
  };
  assert.equal(await sessionState(refuse), "away");
  assert.equal(signal.aborted, false);
});
