/** Small amounts are computed on Numbers, large ones on BigInt: both must be what BigInt alone says. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addDecimal,
  compareDecimal,
  divideDecimal,
  multiplyDecimal,
  ratioDecimal,
  roundDecimal,
  subtractDecimal,
  unitAfter,
} from "@trakit/core/money.ts";

/** −99…9 to 99…9 of up to 20 digits with up to 12 behind the point: on both sides of what a Number holds exactly. */
const decimal = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 20 }), fc.nat(12)).chain((
  [negative, size, scale],
) =>
  fc.bigInt(0n, 10n ** BigInt(size) - 1n).map((units) => {
    const digits = units.toString().padStart(scale + 1, "0");
    const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    return negative && units !== 0n ? `-${text}` : text;
  })
);
const SCALE = 24;
/** In units of 10^-24, which every decimal above has exactly. */
function units(text: string): bigint {
  const [whole = "", fraction = ""] = text.replace("-", "").split(".");
  const value = BigInt(whole + fraction.padEnd(SCALE, "0"));
  return text.startsWith("-") ? -value : value;
}
function rounded(dividend: bigint, divisor: bigint, digits: number): string {
  const [a, b] = [dividend * 10n ** BigInt(digits), divisor];
  const negative = a < 0n !== b < 0n && a !== 0n;
  const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  const quotient = ((2n * x + y) / (2n * y)).toString().padStart(digits + 1, "0");
  const text = digits === 0 ? quotient : `${quotient.slice(0, -digits)}.${quotient.slice(-digits)}`;
  return negative && /[1-9]/.test(text) ? `-${text}` : text;
}
const digits = fc.nat(12);
const ONE = 10n ** BigInt(SCALE);

describe("whatever the size", () => {
  test("sums and differences", () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        expect(units(addDecimal(a, b))).toBe(units(a) + units(b));
        expect(units(subtractDecimal(a, b))).toBe(units(a) - units(b));
        expect(compareDecimal(a, b)).toBe(units(a) < units(b) ? -1 : units(a) > units(b) ? 1 : 0);
        expect(addDecimal(a, b)).not.toMatch(/^-0(?:\.0*)?$/);
      }),
      { numRuns: 3000 },
    );
  });
  test("products", () => {
    fc.assert(
      fc.property(decimal, fc.integer(), (a, times) => {
        expect(units(multiplyDecimal(a, times))).toBe(units(a) * BigInt(times));
        expect(multiplyDecimal(a, times)).not.toMatch(/^-0(?:\.0*)?$/);
      }),
      { numRuns: 3000 },
    );
  });
  test("quotients, rounding and shares, rounded once, halves away from zero", () => {
    fc.assert(
      fc.property(decimal, fc.integer().filter((by) => by !== 0), digits, (a, by, places) => {
        expect(divideDecimal(a, by, places)).toBe(rounded(units(a), BigInt(by) * ONE, places));
        expect(roundDecimal(a, places)).toBe(rounded(units(a), ONE, places));
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(decimal, decimal, decimal, digits, (a, part, whole, places) => {
        fc.pre(units(whole) !== 0n);
        expect(ratioDecimal(a, part, whole, places)).toBe(
          rounded(units(a) * units(part), units(whole) * ONE, places),
        );
      }),
      { numRuns: 3000 },
    );
  });
  test("what one unit cost after a discount on all", () => {
    fc.assert(
      fc.property(
        decimal,
        fc.integer({ min: 1, max: 1000 }),
        decimal,
        digits,
        (price, times, off, places) => {
          const rest = units(price) * BigInt(times) - units(off);
          expect(unitAfter(price, times, off, places)).toBe(
            rounded(rest < 0n ? 0n : rest, BigInt(times) * ONE, places),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
  test("halves of everyday amounts", () => {
    expect(divideDecimal("0.05", 2, 2)).toBe("0.03");
    expect(divideDecimal("-0.05", 2, 2)).toBe("-0.03");
    expect(ratioDecimal("10.00", "1", "3", 2)).toBe("3.33");
    expect(() => ratioDecimal("1", "1", "0.00", 2)).toThrow(RangeError);
  });
});
