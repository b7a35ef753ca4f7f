import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { propertySeed } from "../../support/seed.ts";

afterEach(() => vi.unstubAllEnvs());

test("every property test begins from the run's one seed", () => {
  expect(fc.readConfigureGlobal()?.seed).toBe(propertySeed());
});

test("the seed is the same in every run", () => {
  vi.stubEnv("TRAKIT_TEST_SEED", "");
  expect(propertySeed()).toBe(20_261_130);
});

test("TRAKIT_TEST_SEED sets another", () => {
  vi.stubEnv("TRAKIT_TEST_SEED", "-12");
  expect(propertySeed()).toBe(-12);
});

test.each(["x", "1.5", "4294967296", " 1"])("a mistyped seed is refused: %j", (text) => {
  vi.stubEnv("TRAKIT_TEST_SEED", text);
  expect(propertySeed).toThrow(/TRAKIT_TEST_SEED/);
});
