import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MATCH_KEYS, PLATFORMS } from "@trakit/core/identity/platforms.ts";
import { matchQuality, possibleGains } from "@trakit/core/match-quality.ts";

describe.each(PLATFORMS)("%s", (platform) => {
  const { source, keys } = MATCH_KEYS[platform];
  const bodyOf = (paths: string[]) => {
    const body: Record<string, unknown> = {};
    for (const path of paths) {
      const steps = path.split(".");
      let at = body;
      for (const step of steps.slice(0, -1)) at = (at[step] ??= {}) as Record<string, unknown>;
      at[steps.at(-1)!] = "x";
    }
    return body;
  };

  test("its weights add up to 10 and say where they come from", () => {
    expect(keys.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(10, 9);
    expect(source).toMatch(/Estimate.*reference: /s);
    expect(new Set(keys.map(({ identifier }) => identifier)).size).toBe(keys.length);
  });
  test("everything there is 10, nothing is 0", () => {
    expect(matchQuality(platform, bodyOf(keys.flatMap(({ paths }) => paths)))!.score).toBe(10);
    expect(matchQuality(platform, {})).toEqual({ score: 0, identifiers: [] });
  });
  test("an identifier more never lowers the estimate, and adds its weight", () => {
    fc.assert(fc.property(fc.subarray(keys), fc.constantFrom(...keys), (there, more) => {
      fc.pre(!there.includes(more));
      const score = (of: typeof keys) => matchQuality(platform, bodyOf(of.flatMap(({ paths }) => paths)))!;
      expect(score([...there, more]).score - score(there).score).toBeCloseTo(more.weight, 9);
      expect(score([...there, more]).identifiers).toContain(more.identifier);
    }));
  });
  test("gains are what is missing, and with full coverage there are none", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
      const coverage = Object.fromEntries(keys.map(({ identifier }) => [identifier, share]));
      const total = possibleGains(platform, coverage).reduce((sum, { gain }) => sum + gain, 0);
      expect(Math.abs(total - 10 * (1 - share))).toBeLessThan(0.1);
    }));
    expect(possibleGains(platform, {})[0]).toMatchObject({ coverage: 0 });
  });
});

test("a name counts only with both its parts", () => {
  expect(matchQuality("meta", { user_data: { fn: ["x"] } })!.identifiers).toEqual([]);
  expect(matchQuality("meta", { user_data: { fn: ["x"], ln: ["y"] } })!.identifiers).toEqual(["name"]);
});
test("an unknown platform has no estimate; a body of any shape does not break it", () => {
  expect(matchQuality("fax", {})).toBeNull();
  expect(possibleGains("fax", {})).toEqual([]);
  fc.assert(fc.property(fc.anything(), (body) => {
    expect(matchQuality("google", body)!.score).toBeGreaterThanOrEqual(0);
  }));
});
