import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocate, decimal, multiplyRatio } from "@trakit/sandbox/shop/money.ts";

describe("money", () => {
  test("prints minor units with two decimals", () => {
    expect([0, 5, 12, 100, 123456, -7].map(decimal)).toEqual([
      "0.00",
      "0.05",
      "0.12",
      "1.00",
      "1234.56",
      "-0.07",
    ]);
    expect(() => decimal(0.5)).toThrow(RangeError);
  });

  test("rounds half up, exactly", () => {
    expect(multiplyRatio(6400, 4875, 100_000)).toBe(312);
    expect(multiplyRatio(2450, 4875, 100_000)).toBe(119);
    expect(multiplyRatio(1, 1, 2)).toBe(1);
    expect(multiplyRatio(Number.MAX_SAFE_INTEGER, 3, 3)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("allocation loses no cent and gives nobody more than their weight", () => {
    const weights = fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 20 });
    fc.assert(fc.property(weights, fc.integer({ min: 0, max: 100 }), (parts, percent) => {
      const whole = parts.reduce((a, b) => a + b, 0);
      const total = multiplyRatio(whole, percent, 100);
      const shares = allocate(total, parts);
      expect(shares.reduce((a, b) => a + b, 0)).toBe(total);
      shares.forEach((share, index) => {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(parts[index]!);
      });
    }));
  });
});
