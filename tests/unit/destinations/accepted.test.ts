/**
 * Every request we build is one the vendor takes: whatever the event, the settings and the mode, the sandbox's validator,
 * which is written from the vendors' documentation and shares nothing with the mappings, has nothing to say against it.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { compareDecimal, decimalFrom } from "@trakit/core/money.ts";
import {
  CONTENT_ID_FORMS,
  type HttpRequest,
  type JsonObject,
  VALUE_RULES,
} from "@trakit/destinations/destination.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import { eventValue } from "@trakit/destinations/shared/commerce.ts";
import { VENDORS } from "@trakit/sandbox/vendors/all.ts";
import type { VendorName } from "@trakit/sandbox/vendors/names.ts";
import type { Handled } from "@trakit/sandbox/vendors/types.ts";
import { canonicalEvent } from "./arbitrary.ts";

const NOW = Date.parse("2026-03-10T00:00:00.000Z");
const BASE = "http://sandbox.test";

/** What the vendor's stand-in makes of a request. */
function handled(platform: string, request: HttpRequest): Handled {
  const vendor = VENDORS[platform as VendorName];
  const url = new URL(request.url);
  const received = {
    method: request.method,
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: request.body,
  };
  return vendor.handle(received, vendor.parse(received), { now: NOW, trace: "trace" });
}

/** Numbers and strings under these keys, anywhere in the body. */
function amounts(body: JsonObject, key: string): unknown[] {
  const found: unknown[] = [];
  JSON.stringify(body, (name, value) => (name === key && found.push(value), value));
  return found;
}

const settings = fc.record({
  value: fc.constantFrom(...VALUE_RULES),
  content_ids: fc.constantFrom(...CONTENT_ID_FORMS),
  content_country: fc.constantFrom(null, "NL", "us"),
  custom_events: fc.oneof(fc.boolean(), fc.subarray([...EVENT_NAMES])),
});

/** Settings one platform has beside the common ones. */
const OWN: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  tiktok: fc.record({ offline_event_set: fc.constantFrom(null, "7123456789012345678") }),
};

describe.each(Object.entries(DESTINATIONS))("%s", (platform, destination) => {
  const id = destination.examples[0]!.settings["id"];
  const both = fc.tuple(settings, OWN[platform] ?? fc.constant({})).map(([one, own]) => ({ ...one, ...own }));
  const testCodes = fc.constantFrom(null, ...destination.testMode.examples);

  test("takes every request we build, tells nothing to improve, and reads the same money in it", () => {
    let sent = 0;
    fc.assert(
      fc.property(canonicalEvent, both, fc.boolean(), testCodes, (event, chosen, limited, testCode) => {
        const parsed = destination.settings.parse({ id, ...chosen });
        const context = { settings: parsed, limited, now: NOW };
        const mapped = destination.map(event, context);
        if (!mapped.ok) return;
        sent++;
        const build = () =>
          destination.request([mapped.body], {
            settings: parsed,
            token: "tkn-0123456789",
            ...(platform === "meta" ? { secrets: { appsecret_proof: "ab".repeat(32) } } : {}),
            baseUrl: BASE,
            testCode,
          });
        const request = build();
        expect(build()).toEqual(request);

        const answer = handled(platform, request);
        expect(answer.problems).toEqual([]);
        expect(answer.accepted).toBe(true);
        const read = destination.classify({
          status: answer.status,
          headers: answer.headers,
          body: answer.body,
        }, 1);
        expect(read).toMatchObject({ kind: "each", outcomes: [{ kind: "delivered" }] });

        const body = JSON.parse(request.body) as JsonObject;
        const values = amounts(body, "value");
        if (values.length === 0) return;
        const worth = eventValue(event.commerce, chosen.value)!;
        for (const value of values) {
          expect(compareDecimal(decimalFrom(value as string | number)!, worth.value)).toBe(0);
        }
        expect(amounts(body, "currency")).toEqual([worth.currency]);
      }),
      { numRuns: 600 },
    );
    // most events are sent: a mapping that refused everything would pass otherwise
    expect(sent).toBeGreaterThan(30);
  });

  test("takes a full batch of whatever fits one request", () => {
    fc.assert(
      fc.property(fc.array(canonicalEvent, { minLength: 2, maxLength: 12 }), (events) => {
        const parsed = destination.settings.parse({ id });
        const bodies = events.flatMap((event) => {
          const mapped = destination.map(event, { settings: parsed, limited: false, now: NOW });
          return mapped.ok ? [mapped.body] : [];
        });
        const key = destination.limits.perRequestKey;
        const together = key === null ? bodies : bodies.filter((body) => key(body) === key(bodies[0]!));
        if (together.length === 0) return;
        const request = destination.request(together, {
          settings: parsed,
          token: "tkn-0123456789",
          baseUrl: BASE,
          testCode: null,
        });
        const answer = handled(platform, request);
        expect(answer.problems).toEqual([]);
        expect(answer.events).toHaveLength(together.length);
        const read = destination.classify(answer, together.length);
        expect(read.kind).toBe("each");
        if (read.kind === "each") {
          expect(read.outcomes.map(({ kind }) => kind)).toEqual(together.map(() => "delivered"));
        }
      }),
      { numRuns: 60 },
    );
  });
});
