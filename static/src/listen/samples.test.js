import assert from "node:assert/strict";
import { test } from "node:test";
import { Samples } from "./samples.js";

const bytes = (...values) => new Int16Array(values).buffer;

test("samples are numbers between -1 and 1", () => {
  assert.deepEqual([...new Samples(1).take(bytes(0, 16384, -32768))], [0, 0.5, -1]);
});

test("two speakers are heard as one, and never too loud", () => {
  assert.deepEqual([...new Samples(2).take(bytes(8192, 8192, 32767, 32767, -32768, -32768))], [0.5, 1, -1]);
});

test("a frame that ends inside a sample is finished by the next", () => {
  const samples = new Samples(2);
  const whole = new Uint8Array(bytes(8192, 8192, 16384, 0, 0, 16384));
  const heard = [];
  for (const [from, to] of [[0, 3], [3, 4], [4, 9], [9, 12]]) heard.push(...samples.take(whole.slice(from, to).buffer));
  assert.deepEqual(heard, [0.5, 0.5, 0.5]);
});

test("an empty frame is nothing", () => {
  assert.equal(new Samples(1).take(new ArrayBuffer(0)).length, 0);
});
