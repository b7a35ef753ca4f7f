import { createHash, timingSafeEqual } from "node:crypto";
import { beforeEach, expect, test, vi } from "vitest";
import { bearer, drainKey, sameKey } from "@trakit/runtime/operator-key.ts";

vi.mock("node:crypto", async (original) => {
  const real = await original<typeof import("node:crypto")>();
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) };
});
const compared = vi.mocked(timingSafeEqual);
beforeEach(() => {
  compared.mockClear();
});

const KEY = "the-operator-key-of-the-tests-0001";

test.each([
  ["the same", KEY, true],
  ["empty", "", false],
  ["a part of it", KEY.slice(0, -1), false],
  ["longer", `${KEY}x`, false],
  ["of another beginning", `x${KEY.slice(1)}`, false],
  ["very long", "x".repeat(100_000), false],
])("a key that is %s is compared whole, in constant time, whatever its length", (_, given, same) => {
  expect(sameKey(given, KEY)).toBe(same);
  const digest = (text: string) => createHash("sha256").update(text).digest();
  // one comparison, of digests: of the same length always, and without a way out before it
  expect(compared.mock.calls).toEqual([[digest(given), digest(KEY)]]);
});

test("the drain-only key is not the operator's, and another operator's is another", () => {
  expect(sameKey(drainKey(KEY), KEY)).toBe(false);
  expect(drainKey(KEY)).toBe(drainKey(KEY));
  expect(drainKey(KEY)).not.toBe(drainKey(`${KEY}x`));
  expect(drainKey(KEY)).not.toContain(KEY);
});

test("a key is read behind Bearer only", () => {
  const of = (authorization: string) =>
    bearer(new Request("http://edge.test", { headers: { authorization } }));
  expect(of(`Bearer ${KEY}`)).toBe(KEY);
  expect(of(`bearer ${KEY}`)).toBe(KEY);
  expect(sameKey(of(`Basic ${KEY}`), KEY)).toBe(false);
  expect(bearer(new Request("http://edge.test"))).toBe("");
});
