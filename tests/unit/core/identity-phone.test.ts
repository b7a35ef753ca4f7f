import fc from "fast-check";
import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  getExampleNumber,
} from "libphonenumber-js/min";
import examples from "libphonenumber-js/mobile/examples";
import { describe, expect, test } from "vitest";
import { byLibrary, e164 } from "@trakit/core/identity/phone.ts";
import { plainE164 } from "@trakit/core/identity/phone-plan.ts";

/** One mobile number of every country's plan. */
const NUMBERS = getCountries().flatMap((country) => {
  const number = getExampleNumber(country, examples);
  return number === undefined ? [] : [[country, number] as const];
});

describe("one number however it is written", () => {
  test("all countries are covered", () => {
    expect(NUMBERS.length).toBeGreaterThan(230);
  });

  test.each(NUMBERS)("%s", (country, number) => {
    const national = number.nationalNumber as string;
    const code = getCountryCallingCode(country as CountryCode);
    const spellings: [string, string | null][] = [
      [number.number, null],
      [number.formatInternational(), "US"],
      [`00${code}${national}`, null],
      [`00 ${code} ${national}`, country],
      [`(+${code}) ${national}`, null],
      [`(00${code}) ${national}`, null],
      [`+00${code}${national}`, null],
      [number.format("RFC3966"), null],
      [number.formatNational(), country],
      [national, country],
    ];
    for (const [text, home] of spellings) {
      expect([text, e164(text, home)]).toEqual([text, number.number]);
    }
  });

  // Where the zero in front makes another number that exists (an Italian landline), it is taken as written.
  const unambiguous = NUMBERS.filter(([country]) => !["IT", "VA", "AC"].includes(country));

  test.each(unambiguous)("%s: a bracketed trunk zero is no digit of the number", (country, number) => {
    const text = `+${getCountryCallingCode(country as CountryCode)} (0)${number.nationalNumber}`;
    expect(e164(text, null)).toBe(number.number);
  });
});

test("Italian landlines keep their zero, in brackets or not", () => {
  for (const text of ["+39 06 698 12345", "+39 (0)6 698 12345", "0039 06 698 12345"]) {
    expect(e164(text, null)).toBe("+390669812345");
  }
});

describe("what is no number, or nobody's", () => {
  test.each<[string, string | null]>([
    ["06-12345678", null],
    ["06-12345678", "??"],
    ["07911 123456", "NL"],
    ["555-1212", "US"],
    ["1-800-FLOWERS", "US"],
    ["+0 123 456 789", null],
    ["+999 1234567", null],
    ["1111111111", "US"],
    ["00", "NL"],
    ["+", null],
    ["1".repeat(70), "US"],
  ])("%s in %s", (text, country) => {
    expect(e164(text, country)).toBeNull();
  });

  test("a made-up area code of a North American number is taken: new ones open every year", () => {
    expect(e164("(555) 123-4567", "US")).toBe("+15551234567");
  });

  test("an extension is not part of the number", () => {
    expect(e164("+1 650 555 1212 ext. 5", null)).toBe("+16505551212");
  });

  test("any text gives E.164 or nothing", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.string({ unit: fc.constantFrom(..."+0123456789()- ./x[]＋０٣".split("")), maxLength: 30 }),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(null, "US", "NL", "IT", "CN", "AR", "ZZ"), (value, country) => {
        const number = e164(value, country);
        if (number !== null) {
          expect(number).toMatch(/^\+[1-9]\d{5,14}$/);
          expect(e164(number, null)).not.toBe("");
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the short way", () => {
  const country = fc.constantFrom(...getCountries());
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 3, maxLength: 15 });
  const spaced = fc.array(fc.tuple(digits, fc.constantFrom("", " ", "-", ".", "/", "(", ") ")), {
    minLength: 1,
    maxLength: 3,
  })
    .map((parts) => parts.flat().join(""));
  /** Anything, and real numbers with a digit changed, in and out of the country they belong to. */
  const text = fc.oneof(
    spaced,
    spaced.map((one) => `+${one}`),
    fc.tuple(
      fc.constantFrom(...NUMBERS),
      fc.nat(20),
      fc.nat(9),
      fc.constantFrom("national", "international", "digits"),
    )
      .map(([[, number], at, digit, form]) => {
        const written = form === "national"
          ? number.formatNational()
          : form === "international"
          ? number.formatInternational()
          : number.nationalNumber as string;
        return at < written.length && /\d/.test(written[at]!)
          ? written.slice(0, at) + digit + written.slice(at + 1)
          : written;
      }),
  );

  test("never gives another number than the library", () => {
    let taken = 0;
    fc.assert(
      fc.property(text, fc.oneof(country, fc.constant(null)), (value, home) => {
        const trimmed = value.trim();
        fc.pre(!/^[+(]*\s*00/.test(trimmed) && !/[([]\s*0\s*[)\]]/.test(trimmed));
        const plain = plainE164(trimmed, home);
        if (plain === null) return;
        taken++;
        expect([trimmed, home, plain]).toEqual([trimmed, home, byLibrary(trimmed, home)]);
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  test("is taken for the numbers of most countries, at home and abroad", () => {
    const short = (of: (number: (typeof NUMBERS)[number]) => string | null) =>
      NUMBERS.filter((one) => of(one) !== null);
    expect(short(([, number]) => plainE164(number.number, null)).length).toBeGreaterThan(200);
    expect(short(([home, number]) => plainE164(number.nationalNumber as string, home)).length)
      .toBeGreaterThan(180);
  });
});
