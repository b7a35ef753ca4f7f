/** Whatever is sent, every vendor answers: a stand-in that throws would look like an outage. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VENDOR_NAMES, type VendorName, VENDORS } from "@trakit/sandbox/vendors/all.ts";
import { ask, type Body, GOOD } from "./requests.ts";

/** A good body with the value at one path replaced. */
function paths(value: Body, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.keys(value).flatMap((key) => paths(value[key], [...path, key]))];
}

function replace(body: Body, path: (string | number)[], value: unknown): void {
  const last = path.at(-1)!;
  path.slice(0, -1).reduce((at, key) => at[key], body)[last] = value;
}

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
      fc.property(fc.constantFrom(...all), fc.jsonValue(), (path, value) => {
        const answer = ask(vendor, { spoil: (body) => replace(body, path, value) });
        expect(answer.status).toBeLessThan(500);
        // Where it is refused, something is named; where it is taken, every event is.
        if (answer.accepted) expect(answer.events.every((one) => one.accepted)).toBe(true);
        else expect(answer.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  it("has an answer for every failing status", () => {
    for (let status = 400; status < 600; status++) {
      expect(VENDORS[vendor].failure(status, { now: 0, trace: "t" }).status).toBe(status);
    }
  });
});
