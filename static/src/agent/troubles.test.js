import assert from "node:assert/strict";
import { test } from "node:test";
import { microphoneTrouble, sdkTrouble } from "./troubles.js";

const refusing = (name) => ({ getUserMedia: () => Promise.reject(Object.assign(new Error("no"), { name })) });

test("each way of having no microphone has its word", async () => {
  assert.equal(await microphoneTrouble(undefined), "insecure");
  assert.equal(await microphoneTrouble(refusing("NotAllowedError")), "refused");
  assert.equal(await microphoneTrouble(refusing("NotFoundError")), "no_microphone");
  assert.equal(await microphoneTrouble(refusing("NotReadableError")), "busy");
});

test("a microphone that works is let go again", async () => {
  let stopped = 0;
  const stream = { getTracks: () => [{ stop: () => (stopped += 1) }] };
  assert.equal(await microphoneTrouble({ getUserMedia: async () => stream }), "");
  assert.equal(stopped, 1);
});

test("the SDK's errors are told apart, whatever their shape", () => {
  assert.deepEqual(sdkTrouble({ type: "start-method-error", error: { message: "Failed to fetch" } }), ["network", ""]);
  assert.deepEqual(sdkTrouble({ error: { statusCode: 401, message: ["Invalid Key"] } }), ["key", ""]);
  assert.deepEqual(sdkTrouble({ error: { message: "Couldn't Get Assistant. assistant not found" } })[0], "assistant_gone");
  assert.deepEqual(sdkTrouble({ type: "daily-error", error: { msg: "Meeting has ended" } }), ["failed", "Meeting has ended"]);
  assert.deepEqual(sdkTrouble(undefined), ["failed", ""]);
});
