import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MatchKey, matchQuality, possibleGains } from "@trakit/core/match-quality.ts";
import { google } from "@trakit/destinations/google/index.ts";
import { meta } from "@trakit/destinations/meta/index.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";

describe.each(Object.entries(DESTINATIONS))("%s", (_, { matchKeys }) => {
  const { source, keys } = matchKeys;
  const bodyOf = (paths: readonly (readonly string[])[]) => {
    const body: Record<string, unknown> = {};
    for (const steps of paths) {
      let at = body;
      for (const step of steps.slice(0, -1)) at = (at[step] ??= {}) as Record<string, unknown>;
      at[steps.at(-1)!] = "x";
    }
    return body;
  };

  test("its weights add up to 10, stand heaviest first and say where they come from", () => {
    expect(keys.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(10, 9);
    expect(source).toMatch(/Estimate.*reference: /s);
    expect(keys.map(({ weight }) => weight)).toEqual(keys.map(({ weight }) => weight).sort((a, b) => b - a));
    expect(new Set(keys.map(({ identifier }) => identifier)).size).toBe(keys.length);
  });
  test("everything there is 10, nothing is 0", () => {
    expect(matchQuality(matchKeys, bodyOf(keys.flatMap(({ paths }) => paths))).score).toBe(10);
    expect(matchQuality(matchKeys, {})).toEqual({ score: 0, identifiers: [] });
  });
  test("an identifier more never lowers the estimate, and adds its weight", () => {
    fc.assert(fc.property(fc.subarray([...keys]), fc.constantFrom(...keys), (there, more) => {
      fc.pre(!there.includes(more));
      const score = (of: readonly MatchKey[]) =>
        matchQuality(matchKeys, bodyOf(of.flatMap(({ paths }) => paths)));
      expect(score([...there, more]).score - score(there).score).toBeCloseTo(more.weight, 9);
      expect(score([...there, more]).identifiers).toContain(more.identifier);
    }));
  });
  test("gains are what is missing, and with full coverage there are none", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
      const coverage = Object.fromEntries(keys.map(({ identifier }) => [identifier, share]));
      const total = possibleGains(matchKeys, coverage).reduce((sum, { gain }) => sum + gain, 0);
      expect(Math.abs(total - 10 * (1 - share))).toBeLessThan(0.1);
    }));
    expect(possibleGains(matchKeys, {})[0]).toMatchObject({ coverage: 0 });
  });
});

test("a name counts only with both its parts", () => {
  expect(matchQuality(meta.matchKeys, { user_data: { fn: ["x"] } }).identifiers).toEqual([]);
  expect(matchQuality(meta.matchKeys, { user_data: { fn: ["x"], ln: ["y"] } }).identifiers).toEqual(["name"]);
});
test("a body of any shape does not break the estimate", () => {
  fc.assert(fc.property(fc.anything(), (body) => {
    expect(matchQuality(google.matchKeys, body).score).toBeGreaterThanOrEqual(0);
  }));
});
