import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { clock, describe, duration, maySteer } from "./describe.js";

const { cases, steering, words, zone, now } = JSON.parse(readFileSync(new URL("./cases.json", import.meta.url), "utf8"));

const viewer = { id: 1, team: null, sees_everything: false };

for (const { title, call, expected } of cases) {
  test(`describe shows ${title}`, () => {
    const tile = describe(call, words, { zone, language: "en-GB", now: Date.parse(now), viewer });

    assert.deepEqual(
      {
        name: tile.name,
        subtitle: tile.subtitle,
        state: tile.state,
        phase_word: tile.phaseWord,
        facts: tile.facts,
        lines: tile.lines.map((line) => [line.role, line.who, line.text, line.isCut]),
        hold: tile.hold?.when ?? null,
        booked: tile.booked,
        alert: tile.alert,
        steered: tile.steered,
        muted: tile.muted,
        waiting: tile.waiting,
        may_claim: tile.mayClaim,
        outcome: tile.outcome,
        outcome_tone: tile.outcomeTone,
      },
      expected,
    );
  });
}

for (const { title, viewer: person, supervisors, expected } of steering) {
  test(`maySteer: ${title}`, () => assert.equal(maySteer(supervisors, person), expected));
}

test("duration writes hours only when there are some", () => {
  assert.deepEqual([-5, 0, 65_900, 3_725_000].map(duration), ["0:00", "0:00", "1:05", "1:02:05"]);
});

test("clock keeps to the office's zone and to 24 hours", () => {
  assert.equal(clock(new Date("2026-06-10T05:30:07Z"), zone, true), "00:30:07");
});
