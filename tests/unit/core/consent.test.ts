import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { consentSchema, formatConsentAttribute, parseConsentAttribute } from "@trakit/core/consent.ts";
import { UNKNOWN_CONSENT } from "@trakit/core/event.ts";

const tristate = fc.constantFrom(true, false, null);
const consents = fc.record({
  analytics: tristate,
  marketing: tristate,
  preferences: tristate,
  sale_of_data: tristate,
});

describe("consent in a cart attribute", () => {
  test("every decision has its letter", () => {
    expect(parseConsentAttribute("a1m0p1s0")).toEqual({
      analytics: true,
      marketing: false,
      preferences: true,
      sale_of_data: false,
    });
  });

  test("a letter left out is not known, in whatever order the others stand", () => {
    expect(parseConsentAttribute("s1a0")).toEqual({
      analytics: false,
      marketing: null,
      preferences: null,
      sale_of_data: true,
    });
    expect(parseConsentAttribute("")).toEqual(UNKNOWN_CONSENT);
  });

  test.each([
    ["a2"],
    ["a1m"],
    ["A1"],
    ["a1 m1"],
    ["a1x1"],
    ["a1a0"],
    ["a0m1a1"],
    ["a1m1p1s1a1"],
    [7],
    [null],
    [undefined],
    [{}],
  ])(
    "%j is no consent, so nothing is known",
    (text) => {
      expect(parseConsentAttribute(text)).toEqual(UNKNOWN_CONSENT);
    },
  );

  test("what is written is what is read", () => {
    expect(
      formatConsentAttribute({ analytics: true, marketing: true, preferences: true, sale_of_data: true }),
    )
      .toBe("a1m1p1s1");
    expect(formatConsentAttribute(UNKNOWN_CONSENT)).toBe("");
    fc.assert(fc.property(consents, (consent) => {
      expect(parseConsentAttribute(formatConsentAttribute(consent))).toEqual(consent);
    }));
  });

  test("the constant of unknown consent is never handed out to be changed", () => {
    expect(parseConsentAttribute("?")).not.toBe(UNKNOWN_CONSENT);
  });
});

describe("consent from a browser", () => {
  test("what is left out is not known; other keys are ignored", () => {
    expect(consentSchema.parse({ marketing: false, region: "DE" })).toEqual({
      analytics: null,
      marketing: false,
      preferences: null,
      sale_of_data: null,
    });
  });

  test.each([["yes"], [1], ["false"], [{}]])(
    "a decision of %j is refused, not taken for unknown",
    (value) => {
      expect(consentSchema.safeParse({ marketing: value }).success).toBe(false);
    },
  );
});
