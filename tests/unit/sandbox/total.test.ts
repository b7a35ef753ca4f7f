/** Whatever is sent, every vendor answers: a stand-in that throws would look like an outage. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VENDORS } from "@trakit/sandbox/vendors/all.ts";
import { VENDOR_NAMES, type VendorName } from "@trakit/sandbox/vendors/names.ts";
import { ask, type Body, GOOD, request } from "./requests.ts";

/** A good body with the value at one path replaced. */
function paths(value: Body, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.keys(value).flatMap((key) => paths(value[key], [...path, key]))];
}

function replace(body: Body, path: (string | number)[], value: unknown): void {
  const last = path.at(-1)!;
  path.slice(0, -1).reduce((at, key) => at[key], body)[last] = value;
}

/** JSON that passes for a text, a number or a list until something is made of it. */
const HOSTILE: readonly unknown[] = [
  { toString: "" },
  { valueOf: "", toString: "" },
  { toString: { call: null }, length: 1 },
  JSON.parse('{"__proto__": {"toString": ""}}'),
  [{ toString: "" }],
  [[{ toString: "" }], null],
  { constructor: null, hasOwnProperty: 1 },
];

/** Any JSON, hostile one too. */
const anyJson = fc.oneof(fc.jsonValue(), fc.constantFrom(...HOSTILE));

/** Deeper than a recursion may go. */
const DEEP = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;

/** How each vendor words a refusal. */
const REFUSAL: Record<VendorName, (answer: ReturnType<typeof ask>) => unknown> = {
  meta: ({ json }) => json?.error?.code,
  tiktok: ({ json }) => json?.code,
  pinterest: ({ json }) => json?.code,
  snapchat: ({ json }) => json?.status === "INVALID",
  // it answers 204 to anything and loses what is wrong
  google: ({ status }) => status === 204,
  reddit: ({ json }) => json?.error?.code,
};

describe.each(VENDOR_NAMES)("%s", (vendor: VendorName) => {
  it("answers any text", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const answer = ask(vendor, { text });
      expect(answer.status).toBeGreaterThanOrEqual(200);
      expect(answer.accepted).toBe(false);
    }));
  });

  it("answers its good body with any one value replaced by anything", () => {
    const all = paths(GOOD[vendor]()).filter((path) => path.length > 0);
    fc.assert(
      fc.property(fc.constantFrom(...all), anyJson, (path, value) => {
        const answer = ask(vendor, { spoil: (body) => replace(body, path, value) });
        expect(answer.status).toBeLessThan(500);
        // Where it is refused, something is named; where it is taken, every event is.
        if (answer.accepted) expect(answer.events.every((one) => one.accepted)).toBe(true);
        else {
          expect(answer.problems.length).toBeGreaterThan(0);
          expect(REFUSAL[vendor](answer)).toBeTruthy();
        }
      }),
      { numRuns: 500 },
    );
  });

  it("answers an object in the place of every value, in its own form of a refusal", () => {
    for (const path of paths(GOOD[vendor]()).filter((one) => one.length > 0)) {
      for (const value of HOSTILE) {
        const answer = ask(vendor, { spoil: (body) => replace(body, path, value) });
        expect(answer.status).toBeLessThan(500);
        if (!answer.accepted) expect(REFUSAL[vendor](answer)).toBeTruthy();
      }
    }
  });

  it("answers nesting without end in the place of every value", () => {
    for (const path of paths(GOOD[vendor]()).filter((one) => one.length > 0)) {
      const text = request(vendor, { spoil: (body) => replace(body, path, "<deep>") }).init.body;
      expect(ask(vendor, { text: text.replace('"<deep>"', DEEP) }).status).toBeLessThan(500);
    }
  });

  it("has an answer for every failing status", () => {
    for (let status = 400; status < 600; status++) {
      expect(VENDORS[vendor].failure(status, { now: 0, trace: "t" }).status).toBe(status);
    }
  });
});
