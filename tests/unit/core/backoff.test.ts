import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "@trakit/core/backoff.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const attempts = fc.integer({ min: 1, max: 10_000 });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("the longest wait is 10 s, doubled with every attempt, an hour at most", () => {
  const longest = Array.from(
    { length: 12 },
    (_, index) => backoffMs(index + 1, null, () => 1 - 2 ** -53) / 1_000,
  );
  expect(longest.map(Math.ceil)).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
});

test("any wait is between a second and an hour, whole ms, and all of the span is used", () => {
  fc.assert(fc.property(attempts, chance, (attempt, random) => {
    const wait = backoffMs(attempt, null, () => random);
    expect(Number.isInteger(wait)).toBe(true);
    expect(wait).toBeGreaterThanOrEqual(1_000);
    expect(wait).toBeLessThanOrEqual(HOUR);
  }));
  const waits = Array.from({ length: 1_000 }, (_, index) => backoffMs(5, null, () => index / 1_000));
  // full jitter: spread evenly from next to nothing, not around the middle
  expect(waits.filter((wait) => wait < 40_000).length).toBeGreaterThan(200);
  expect(waits.filter((wait) => wait > 120_000).length).toBeGreaterThan(200);
});

test("never less than the vendor asked for, never more than a day because of it", () => {
  fc.assert(
    fc.property(attempts, chance, fc.integer({ min: 0, max: 400 * DAY }), (attempt, random, asked) => {
      const wait = backoffMs(attempt, asked, () => random);
      expect(wait).toBeGreaterThanOrEqual(Math.min(asked, DAY));
      expect(wait).toBeLessThanOrEqual(Math.max(DAY, HOUR) + HOUR);
    }),
  );
});
