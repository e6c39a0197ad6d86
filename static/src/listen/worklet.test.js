import assert from "node:assert/strict";
import { test } from "node:test";
import { Queue } from "./worklet.js";

const RATE = 1000;
const ramp = (from, count) => Float32Array.from({ length: count }, (_, at) => (from + at) / 10_000);

function filled(queue, count) {
  const out = new Float32Array(count);
  return [queue.fill(out), out];
}

test("the first sound waits until there is enough to go on", () => {
  const queue = new Queue(RATE);
  queue.add(ramp(1, 149));
  assert.deepEqual([...filled(queue, 10)[1]], Array(10).fill(0));
  queue.add(ramp(150, 1));
  assert.deepEqual(filled(queue, 150)[1], ramp(1, 150));
});

test("samples come out once and in order, however they were cut", () => {
  const queue = new Queue(RATE);
  for (const [from, count] of [[1, 100], [101, 3], [104, 197]]) queue.add(ramp(from, count));
  const out = [...filled(queue, 128)[1], ...filled(queue, 128)[1], ...filled(queue, 44)[1]];
  assert.deepEqual(Float32Array.from(out), ramp(1, 300));
});

test("what runs dry is silent and waits again", () => {
  const queue = new Queue(RATE);
  queue.add(ramp(1, 150));
  filled(queue, 160);
  queue.add(ramp(151, 10));
  assert.deepEqual([...filled(queue, 10)[1]], Array(10).fill(0));
});

test("what piles up is thrown away, the oldest first", () => {
  const queue = new Queue(RATE);
  for (let at = 0; at < 50; at += 1) queue.add(ramp(at * 100, 100));
  assert.ok(queue.length <= RATE);
  assert.equal(filled(queue, 1)[1][0], ramp(4000, 1)[0]);
});

test("a pile is thrown away exactly, also when its first chunk was begun", () => {
  const queue = new Queue(RATE);
  for (let at = 0; at < 10; at += 1) queue.add(ramp(at * 100, 100));
  filled(queue, 30);
  queue.add(ramp(1000, 100));
  assert.equal(queue.length, 1000);
});

test("the loudest sample is told", () => {
  const queue = new Queue(RATE);
  queue.add(new Float32Array(200).fill(-0.25));
  assert.equal(filled(queue, 100)[0], 0.25);
});
