/** One suite for every destination of the registry: what the pipeline relies on, whoever the vendor is. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { FIELDS } from "@trakit/core/identity/field-rules.ts";
import { matchQuality } from "@trakit/core/match-quality.ts";
import { compareDecimal, decimalFrom } from "@trakit/core/money.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { destination, DESTINATIONS, PLATFORMS } from "@trakit/destinations/registry.ts";
import { eventValue } from "@trakit/destinations/shared/commerce.ts";
import { EXAMPLE_NOW } from "@trakit/destinations/shared/example-event.ts";
import { canonicalEvent, CLEAR_MARKS, onWire } from "./arbitrary.ts";

const TOKEN = "tkn/with+odd=chars&more-0123456789";
const KINDS = ["delivered", "retry", "permanent", "auth", "in_doubt", "skipped"];
const SNAKE_CASE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;
const NOW = Date.parse("2026-03-10T00:00:00.000Z");

/** Any JSON-ish or garbage body, among it what the vendors' answers look like. */
const word = fc.constantFrom("processed", "failed", "INVALID", "VALID", "invalid token", "OK", "");
const body = fc.oneof(
  fc.string(),
  fc.json(),
  fc.constantFrom("", "null", "[]", "{}", "<html>502</html>", '{"error":null}', '{"events":{}}'),
  fc.record({
    code: fc.oneof(fc.integer(), fc.string()),
    message: word,
    status: word,
    error_msgs: fc.array(word),
    num_events_received: fc.nat(5),
    num_events_processed: fc.nat(5),
    events_received: fc.nat(5),
    events: fc.array(fc.record({ status: word, error_message: fc.option(word) }), { maxLength: 5 }),
    error: fc.record({
      code: fc.integer(),
      error_subcode: fc.integer(),
      is_transient: fc.boolean(),
      message: word,
    }),
    details: fc.record({ num_events_processed: fc.nat(5), events: fc.array(fc.record({ status: word })) }),
  }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
);
const status = fc.oneof(
  fc.integer({ min: 100, max: 599 }),
  fc.constantFrom(200, 204, 400, 401, 403, 422, 429, 503),
);
const headers = fc.dictionary(fc.constantFrom("retry-after", "date", "content-type"), fc.string());

test("the registry names every platform of the product", () => {
  expect(PLATFORMS.slice(0, 5)).toEqual(["meta", "tiktok", "pinterest", "snapchat", "google"]);
  expect(destination("meta")).toBe(DESTINATIONS["meta"]);
});
test("an unknown platform is null, even one an object inherits", () => {
  for (const name of ["", "Meta", "constructor", "__proto__", "toString"]) {
    expect(destination(name)).toBeNull();
  }
});

describe.each(Object.entries(DESTINATIONS))("%s", (platform, one) => {
  const first = one.examples[0]!;
  const settings = (of = first) => one.settings.parse(of.settings);
  const requestContext = (of = first) => ({
    settings: settings(of),
    token: TOKEN,
    baseUrl: "http://127.0.0.1:1",
    testCode: null,
  });
  /** What `map` makes of any event with the first example's settings; only events that are sent. */
  const mapped = canonicalEvent.map((event) => {
    const result = one.map(event, { settings: settings(), limited: false, now: NOW });
    return { event, result: result.ok ? { ...result, body: onWire(result.body) } : result };
  });

  test("says who it is", () => {
    expect(one.platform).toBe(platform);
    expect(one.label).not.toBe("");
    expect(one.baseUrl).toMatch(/^https:\/\/[a-z0-9.-]+$/);
    expect(one.baseUrlSetting).toBe(`TRAKIT_${platform.toUpperCase()}_API_URL`);
    expect(one.purpose).toBe(platform === "google" ? "analytics" : "marketing");
    expect(one.documentation.url).toMatch(/^https:\/\//);
    expect(one.documentation.read).toMatch(/^\d{4}-\d{2}(-\d{2})?$/);
    for (const name of Object.keys(one.events)) expect(EVENT_NAMES).toContain(name);
    for (const known of ["page_viewed", "checkout_completed"] as const) {
      expect(one.events[known]).toBeTruthy();
    }
  });

  test("its limits are usable", () => {
    expect(one.limits.maxEvents).toBeGreaterThanOrEqual(1);
    expect(one.limits.maxAgeMs).toBeGreaterThan(24 * 60 * 60 * 1000);
    if (one.limits.maxBytes !== null) expect(one.limits.maxBytes).toBeGreaterThan(10_000);
    for (const name of EVENT_NAMES) {
      const repeats = one.inDoubtRepeats(name);
      // Without an end a send in doubt would go on until its vendor has forgotten the first copy.
      expect(Number.isInteger(repeats) && repeats >= 0 && repeats <= 10).toBe(true);
    }
  });

  test("has at least four examples, among them one that is sent", () => {
    expect(one.examples.length).toBeGreaterThanOrEqual(4);
    expect(one.examples.some(({ out }) => !("skipped" in out))).toBe(true);
  });

  test.each(one.examples.map((example) => [example.title, example] as const))("example: %s", (_, example) => {
    const result = one.map(example.event, {
      settings: settings(example),
      limited: example.limited ?? false,
      now: EXAMPLE_NOW,
    });
    expect(result.ok ? onWire(result.body) : { skipped: result.reason }).toStrictEqual(example.out);
    if (!result.ok) return;
    const request = one.request([result.body], requestContext(example));
    expect(request.method).toBe("POST");
    expect(request.url.startsWith("http://127.0.0.1:1/")).toBe(true);
    const header = Object.entries(request.headers).find(([name]) => name.toLowerCase() === "content-type");
    expect(header?.[1]).toMatch(/^application\/json/);
    expect(JSON.parse(request.body)).toBeTypeOf("object");
    // The token goes out exactly once in one place, and the address for people has none.
    const inUrl = request.url.includes(encodeURIComponent(TOKEN));
    const elsewhere = [JSON.stringify(request.headers), request.body].filter((text) => text.includes(TOKEN));
    expect(elsewhere.length + Number(inUrl)).toBe(1);
    expect(request.redactedUrl).not.toMatch(/tkn|0123456789/);
    expect(request.redactedUrl.split("?")[0]).toBe(request.url.split("?")[0]);
  });

  test("a test code changes the request, or the request says nowhere that it is a test", () => {
    const example = one.examples.find(({ out }) => !("skipped" in out))!;
    const context = requestContext(example);
    const plain = one.request([example.out as JsonObject], context);
    const testing = one.request([example.out as JsonObject], { ...context, testCode: "TEST12345" });
    expect(plain.url + plain.body).not.toMatch(/test=true|test_event_code|debug_mode|test_id|debug\/mp/);
    expect(testing.url + testing.body).not.toBe(plain.url + plain.body);
  });

  test("every name is a canonical event's, and custom names stand only where there is no standard one", () => {
    for (const name of Object.keys(one.customEvents)) {
      expect(EVENT_NAMES).toContain(name);
      expect(one.events[name as (typeof EVENT_NAMES)[number]]).toBeUndefined();
    }
    for (const name of EVENT_NAMES) expect(one.events[name] ?? one.customEvents[name]).toBeTruthy();
  });

  test("a merchant's list of custom events sends these and no others", () => {
    const chosen = Object.keys(one.customEvents)[0] as (typeof EVENT_NAMES)[number];
    const named = (name: (typeof EVENT_NAMES)[number], custom_events: unknown) => {
      const parsed = one.settings.parse({ ...first.settings, custom_events });
      const result = one.map({ ...first.event, name }, {
        settings: parsed,
        limited: false,
        now: EXAMPLE_NOW,
      });
      return result.ok || result.reason !== "no_such_event";
    };
    for (const name of Object.keys(one.customEvents) as (typeof EVENT_NAMES)[number][]) {
      expect([name, named(name, [chosen])]).toEqual([name, name === chosen]);
      expect(named(name, true)).toBe(true);
      expect(named(name, false)).toBe(false);
    }
  });

  test("its test mode has codes it takes", () => {
    expect(one.testMode.about).toMatch(/\.$/);
    for (const code of one.testMode.examples) expect(one.testMode.problem(code)).toBeNull();
  });

  test("says of every personal field whether and how it is taken", () => {
    expect(Object.keys(one.fields)).toEqual([...FIELDS]);
  });

  test("match quality reads the bodies it sends", () => {
    const sent = one.examples.flatMap(({ out }) => ("skipped" in out ? [] : [out]));
    const seen = new Set(sent.flatMap((body) => matchQuality(one.matchKeys, body).identifiers));
    const known = one.matchKeys.keys.map(({ identifier }) => identifier);
    // A path that is misspelt would never be found in any body.
    expect(known.filter((identifier) => !seen.has(identifier) && identifier !== "date_of_birth")).toEqual([]);
  });

  test("takes its id alone, and the rest has defaults", () => {
    const parsed = settings({ ...first, settings: { id: first.settings["id"] } });
    expect(parsed.id).toBe(first.settings["id"]);
    expect(parsed.value).toBe(platform === "google" ? "items_without_tax" : "total");
    expect(one.settings.parse({ id: `  ${first.settings["id"]} ` }).id).toBe(first.settings["id"]);
  });

  test.each([
    [{}],
    [{ id: "" }],
    [{ id: "nonsense id!" }],
    [{ id: 12345 }],
    [{ id: "../../admin" }],
    [{ id: "<id>", value: "gross" }],
    [{ id: "<id>", content_ids: "gtin" }],
    [{ id: "<id>", custom_events: "yes" }],
    [{ id: "<id>", access_token: "x" }],
    [null],
    ["G-AB12CD34EF"],
  ])("refuses the settings %j with a message", (junk) => {
    const filled = junk !== null && typeof junk === "object" && "id" in junk && junk.id === "<id>"
      ? { ...junk, id: first.settings["id"] }
      : junk;
    const result = one.settings.safeParse(filled);
    expect(result.success).toBe(false);
    for (const issue of result.error?.issues ?? []) expect(issue.message.length).toBeGreaterThan(10);
  });

  test("says what is wrong with a token, and takes a good one", () => {
    expect(one.tokenProblem("EAAGm0PX4ZCpsBAKZCq9ZBZAi1234567890abcdef")).toBeNull();
    for (const token of ["", "   ", "two words of text", "Bearer abcdefghijklmnop1234"]) {
      expect(one.tokenProblem(token)).toMatch(/\w.{10,}/);
    }
  });

  test("any canonical event gives a body or a reason, the same every time", () => {
    fc.assert(fc.property(canonicalEvent, fc.boolean(), (event, limited) => {
      const context = { settings: settings(), limited, now: NOW };
      const frozen = structuredClone(event);
      const result = one.map(event, context);
      expect(event).toEqual(frozen);
      expect(one.map(event, context)).toEqual(result);
      if (!result.ok) {
        expect(result.reason).toMatch(SNAKE_CASE);
        // What the page says of it is what there is.
        expect(Object.keys(one.guide.skips)).toContain(result.reason);
        return;
      }
      expect(JSON.parse(JSON.stringify(result.body))).toEqual(result.body);
      expect(JSON.stringify(result.body)).not.toMatch(/NaN|Infinity|"undefined"/);
    }));
  });

  test("an event the platform has no name for is never sent", () => {
    fc.assert(fc.property(mapped, ({ event, result }) => {
      if (one.events[event.name] === undefined) {
        expect(result).toMatchObject({ ok: false, reason: "no_such_event" });
      }
    }));
  });

  test("an event past the vendor's age limit is not sent, a future one is sent as of now", () => {
    const example = one.examples.find(({ out }) => !("skipped" in out))!;
    const at = (occurred: number) =>
      one.map({ ...example.event, occurred_at: new Date(occurred).toISOString() }, {
        settings: settings(example),
        limited: example.limited ?? false,
        now: NOW,
      });
    expect(at(NOW - one.limits.maxAgeMs - 1)).toMatchObject({ ok: false, reason: "too_old" });
    expect(at(NOW - one.limits.maxAgeMs + 60_000)).toMatchObject({ ok: true });
    expect(at(NOW + 3_600_000)).toEqual(at(NOW));
  });

  test("nothing clear of a person leaves, but what the vendor takes in clear", () => {
    fc.assert(fc.property(mapped, ({ event, result }) => {
      if (!result.ok) return;
      const text = JSON.stringify(result.body).toLowerCase();
      for (const [field, mark] of Object.entries(CLEAR_MARKS)) {
        const rule = one.fields[field as keyof typeof CLEAR_MARKS];
        // Consent to marketing is the pipeline's to check, but Google's purpose is analytics and it may come without.
        const withheld = one.purpose === "analytics" && event.consent.marketing === false;
        if (rule.send !== "clear" || withheld) expect(text).not.toContain(mark.toLowerCase());
      }
      for (const [key, value] of Object.entries((result.body["user_data"] ?? {}) as JsonObject)) {
        if (!/^(?:em|ph|fn|ln|ct|st|zp|country|external_id|sha256_.*)$/.test(key)) continue;
        for (const digest of [value].flat()) expect(digest).toMatch(/^[0-9a-f]{64}$/);
      }
    }));
  });

  test("the money sent is the event's, to the last digit", () => {
    const rule = settings().value;
    fc.assert(fc.property(mapped, ({ event, result }) => {
      if (!result.ok) return;
      const found: unknown[] = [];
      JSON.stringify(result.body, (key, value) => (key === "value" && found.push(value), value));
      if (found.length === 0) return;
      const expected = eventValue(event.commerce, rule);
      for (const value of found) {
        expect(compareDecimal(decimalFrom(value as string | number)!, expected!.value)).toBe(0);
      }
      expect(JSON.stringify(result.body)).toContain(`"currency":"${expected!.currency}"`);
    }));
  });

  // Google answers 204 to any secret, so nobody asks it
  if (platform !== "google") {
    test("a request without events, which shows a token, can be built", () => {
      const request = one.request([], requestContext());
      expect(() => JSON.parse(request.body)).not.toThrow();
      const sent = decodeURIComponent(request.url) + JSON.stringify(request.headers) + request.body;
      expect(sent).toContain(TOKEN);
    });
  }

  test("many mapped events fit one request, in order", () => {
    const example = one.examples.find(({ out }) => !("skipped" in out))!;
    const bodies = Array.from({ length: Math.min(one.limits.maxEvents, 3) }, () => example.out as JsonObject);
    const request = one.request(bodies, requestContext(example));
    // Wherever the vendor's envelope has them: the events stand in one list, in order.
    const lists: unknown[][] = [];
    JSON.stringify(
      JSON.parse(request.body),
      (_, value) => (Array.isArray(value) && lists.push(value), value),
    );
    expect(lists.some((list) => list.length === bodies.length)).toBe(true);
  });

  test("any answer gives an outcome for each event, or splits the batch", () => {
    fc.assert(
      fc.property(status, headers, body, fc.integer({ min: 1, max: 5 }), (status, headers, body, count) => {
        const result = one.classify({ status, headers, body }, count);
        const outcomes = result.kind === "split" ? [result.outcome] : result.outcomes;
        if (result.kind === "each") expect(outcomes).toHaveLength(count);
        // One event alone cannot be split: it would go round for ever.
        else expect(count).toBeGreaterThan(1);
        for (const outcome of outcomes) {
          expect(KINDS).toContain(outcome.kind);
          expect(outcome.reason).toMatch(SNAKE_CASE);
          expect(outcome.status).toBe(status);
          const wait = outcome.retry_after_ms;
          expect(wait === null || (wait >= 0 && wait <= 86_400_000)).toBe(true);
          expect(outcome.kind === "delivered" && (status < 200 || status > 299) && status !== 422).toBe(
            false,
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("%i with an answer is retried", (status) => {
    const result = one.classify({ status, headers: {}, body: "<html></html>" }, 2);
    expect(result.kind).toBe("each");
    if (result.kind === "each") expect(result.outcomes.map(({ kind }) => kind)).toEqual(["retry", "retry"]);
  });

  test("the wait a vendor asks for is passed on", () => {
    const result = one.classify({ status: 503, headers: { "retry-after": "30" }, body: "" }, 1);
    expect(result).toMatchObject({
      kind: "each",
      outcomes: [{ kind: "retry", retry_after_ms: 30_000, lane_wide: true }],
    });
  });

  test("a vendor that quotes a person back is not quoted", () => {
    const quote = "bad em jane.doe@example.com, ip 203.0.113.9";
    const body = JSON.stringify({
      message: quote,
      error_msgs: [quote],
      error: { message: quote, code: 100 },
      code: 40002,
      status: "INVALID",
    });
    for (const status of [200, 400, 401, 422, 500]) {
      expect(JSON.stringify(one.classify({ status, headers: {}, body }, 1))).not.toMatch(/jane|203\.0/);
    }
  });
});
