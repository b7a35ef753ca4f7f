import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addDecimal,
  compareDecimal,
  currencyDigits,
  decimalFrom,
  divideDecimal,
  isDecimal,
  multiplyDecimal,
  roundDecimal,
  subtractDecimal,
  toNumber,
} from "@trakit/core/money.ts";

/** Decimals of up to 12 whole and 4 fraction digits. */
const decimal = fc.tuple(fc.bigInt(-999_999_999_999n, 999_999_999_999n), fc.integer({ min: 0, max: 4 }))
  .map(([units, scale]) => {
    const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
    const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    return units < 0n ? `-${text}` : text;
  });

describe("isDecimal", () => {
  test.each(["0", "12", "12.50", "-0.01", "007", "9".repeat(40)])("takes %s", (text) => {
    expect(isDecimal(text)).toBe(true);
  });
  test.each(["", "-", ".5", "5.", "+1", "1e3", "1,50", "1.2.3", " 1", "1\n", "NaN", "١", "9".repeat(41)])(
    "refuses %j",
    (text) => expect(isDecimal(text)).toBe(false),
  );
});

describe("arithmetic", () => {
  test("a sum that floats get wrong is exact", () => expect(addDecimal("0.1", "0.2")).toBe("0.3"));
  test("the longer fraction stays", () => expect(addDecimal("10", "5.50")).toBe("15.50"));
  test("a difference may be negative", () => expect(subtractDecimal("1.00", "1.05")).toBe("-0.05"));
  test("zero has no sign", () => {
    expect(subtractDecimal("1.5", "1.50")).toBe("0.00");
    expect(addDecimal("-0.0", "0")).toBe("0.0");
  });
  test("beyond 2^53 nothing is rounded", () => {
    expect(multiplyDecimal("90071992547409.93", 3)).toBe("270215977642229.79");
  });
  test("halves round away from zero, for a charge and its refund alike", () => {
    expect(roundDecimal("1.005", 2)).toBe("1.01");
    expect(roundDecimal("-1.005", 2)).toBe("-1.01");
    expect(roundDecimal("1.0049999", 2)).toBe("1.00");
  });
  test("rounding pads", () => expect(roundDecimal("5", 3)).toBe("5.000"));
  test("a third of ten", () => {
    expect(divideDecimal("10", 3, 2)).toBe("3.33");
    expect(divideDecimal("20", -3, 0)).toBe("-7");
  });
  test("a division by zero, a fraction as factor and a non-decimal are bugs", () => {
    expect(() => divideDecimal("1", 0, 2)).toThrow(RangeError);
    expect(() => multiplyDecimal("1", 1.5)).toThrow(RangeError);
    expect(() => addDecimal("1e3", "1")).toThrow(RangeError);
  });
  test("equal amounts compare equal whatever their fraction", () => {
    expect(compareDecimal("1.0", "1")).toBe(0);
    expect(compareDecimal("-2", "1")).toBe(-1);
    expect(compareDecimal("10", "9.99")).toBe(1);
  });

  test("adding and taking away again changes nothing", () => {
    fc.assert(fc.property(decimal, decimal, (a, b) => {
      expect(compareDecimal(subtractDecimal(addDecimal(a, b), b), a)).toBe(0);
      expect(addDecimal(a, b)).toBe(addDecimal(b, a));
    }));
  });
  test("multiplying is repeated adding", () => {
    fc.assert(fc.property(decimal, fc.integer({ min: 0, max: 12 }), (a, times) => {
      const sum = Array.from({ length: times }, () => a).reduce(addDecimal, "0");
      expect(compareDecimal(multiplyDecimal(a, times), sum)).toBe(0);
    }));
  });
  test("a rounded quotient is within half a unit of the exact one", () => {
    fc.assert(
      fc.property(
        decimal,
        fc.integer({ min: 1, max: 999 }),
        fc.integer({ min: 0, max: 4 }),
        (a, by, digits) => {
          const back = multiplyDecimal(divideDecimal(a, by, digits), by);
          const off = subtractDecimal(back, a).replace("-", "");
          const limit = decimalFrom(`${by * 5}e-${digits + 1}`)!;
          expect(compareDecimal(off, limit)).toBeLessThanOrEqual(0);
        },
      ),
    );
  });
});

describe("decimalFrom", () => {
  test.each([
    ["12.50", "12.50"],
    [" 12.50 ", "12.50"],
    ["+7", "7"],
    ["007.10", "7.10"],
    ["-0", "0"],
    ["1e3", "1000"],
    ["1.5E-3", "0.0015"],
    [12.5, "12.5"],
    [0.1 + 0.2, "0.30000000000000004"],
    [1e21, "1000000000000000000000"],
    [1.5e-7, "0.00000015"],
    [-0, "0"],
    [0, "0"],
  ])("%j becomes %s", (input, expected) => expect(decimalFrom(input)).toBe(expected));

  test.each([
    "",
    " ",
    "abc",
    "1,50",
    "€5",
    "12.50 EUR",
    "0x10",
    "1e9999",
    "1e99",
    "--1",
    NaN,
    Infinity,
    -Infinity,
    1e300,
    5e-324,
    null,
    undefined,
    "9".repeat(41),
  ])("%j is no amount", (input) => expect(decimalFrom(input)).toBeNull());

  test("a number's decimal reads back as the same number", () => {
    fc.assert(fc.property(fc.double({ min: -1e15, max: 1e15, noNaN: true }), (number) => {
      const text = decimalFrom(number);
      // Only what would take more than 40 characters to write out is given up.
      if (text === null) {
        expect(Math.abs(number)).toBeLessThan(1e-20);
        return;
      }
      expect(isDecimal(text)).toBe(true);
      expect(Number(text)).toBe(number + 0);
    }));
  });
  test("any text gives a decimal or null", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const result = decimalFrom(text);
      expect(result === null || isDecimal(result)).toBe(true);
    }));
  });
});

describe("currencyDigits", () => {
  test.each([["JPY", 0], ["KRW", 0], ["VND", 0], ["KWD", 3], ["TND", 3], ["EUR", 2], ["eur", 2], ["jpy", 0], [
    "XXX",
    2,
  ]])(
    "%s has %i",
    (currency, digits) => expect(currencyDigits(currency)).toBe(digits),
  );
});

describe("toNumber", () => {
  test("money prints back as the same decimal", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 999_999_999_999 }), (cents) => {
      const text = divideDecimal(String(cents), 100, 2);
      expect(compareDecimal(decimalFrom(toNumber(text))!, text)).toBe(0);
    }));
  });
  test("a negative zero is zero", () => expect(Object.is(toNumber("-0.00"), 0)).toBe(true));
  test("a non-decimal is a bug", () => expect(() => toNumber("")).toThrow(RangeError));
});
