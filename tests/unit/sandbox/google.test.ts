import { describe, expect, it } from "vitest";
import { ask, type Body, type Change, DIGEST, multiply, NOW } from "./requests.ts";

const COLLECT = "/mp/collect?measurement_id=G-ABC123&api_secret=s";
const DEBUG = "/debug/mp/collect?measurement_id=G-ABC123&api_secret=s";
const event = (change: (event: Body) => unknown) => (body: Body) => change(body.events[0]);
const params = (change: (params: Body) => unknown) => (body: Body) => change(body.events[0].params);
const item = (change: (item: Body) => unknown) => (body: Body) => change(body.events[0].params.items[0]);
const HOUR_MS = 3_600_000;

describe("Google takes", () => {
  const good: [string, Change][] = [
    ["a complete purchase", {}],
    ["25 events", { spoil: multiply("events", 25) }],
    ["a full refund without items", {
      spoil: event((one) =>
        Object.assign(one, { name: "refund", params: { transaction_id: "1", value: 5, currency: "EUR" } })
      ),
    }],
    ["an own event", {
      spoil: event((one) => Object.assign(one, { name: "gift_chosen", params: { kind: "card" } })),
    }],
    ["200 items", { spoil: params((one) => one.items = Array(200).fill({ item_name: "x" })) }],
    ["a page location of 1000 characters", {
      spoil: params((one) => one.page_location = "https://x.example/".padEnd(1000, "x")),
    }],
    ["a user property", { spoil: (body) => body.user_properties = { tier: { value: "gold" } } }],
  ];
  it.each(good)("%s", (_title, change) => {
    const sent = ask("google", change);
    expect(sent).toMatchObject({ status: 204, body: "", accepted: true, counted: true, problems: [] });
    const debugged = ask("google", { ...change, target: DEBUG });
    expect([debugged.status, debugged.json]).toEqual([200, { validationMessages: [] }]);
    expect(debugged.counted).toBe(false);
  });

  it("an event older than 72 hours, moved to that mark, but not when enforcing", () => {
    const spoil = (body: Body) => body.timestamp_micros = (NOW - 73 * HOUR_MS) * 1000;
    expect(ask("google", { spoil })).toMatchObject({
      accepted: true,
      problems: [expect.stringContaining("72 hours")],
    });
    const enforcing = (body: Body) => {
      spoil(body);
      body.validation_behavior = "ENFORCE_RECOMMENDATIONS";
    };
    expect(ask("google", { spoil: enforcing }).accepted).toBe(false);
  });

  it("only purchases and refunds with an id to deduplicate by", () => {
    const answer = ask("google", {
      spoil: (body) => {
        const [purchase] = body.events;
        body.events.push({ ...purchase, name: "begin_checkout" });
      },
    });
    expect(answer.events.map((one) => one.event_id)).toEqual(["5550001", null]);
  });
});

describe("Google answers 204 and loses", () => {
  const bad: [string, string, string, Change][] = [
    ["no JSON", "VALUE_INVALID", "", { text: "{" }],
    ["130 kB", "VALUE_OUT_OF_BOUNDS", "", { text: " ".repeat(130_000) }],
    ["no client id", "VALUE_REQUIRED", "client_id", { spoil: (body) => delete body.client_id }],
    ["a whole _ga cookie", "VALUE_INVALID", "client_id", {
      spoil: (body) => body.client_id = "GA1.1.123.456",
    }],
    ["an unknown key", "VALUE_INVALID", "event_id", { spoil: (body) => body.event_id = "x" }],
    ["milliseconds", "VALUE_INVALID", "timestamp_micros", { spoil: (body) => body.timestamp_micros = NOW }],
    ["a future time", "VALUE_OUT_OF_BOUNDS", "timestamp_micros", {
      spoil: (body) => body.timestamp_micros = (NOW + HOUR_MS) * 1000,
    }],
    ["a bare user property", "VALUE_INVALID", "user_properties.tier", {
      spoil: (body) => body.user_properties = { tier: "gold" },
    }],
    ["a reserved user property", "NAME_RESERVED", "user_properties.user_id", {
      spoil: (body) => body.user_properties = { user_id: { value: "1" } },
    }],
    ["an address in clear", "VALUE_INVALID", "user_data.sha256_email_address", {
      spoil: (body) => body.user_data.sha256_email_address = ["a@b.example"],
    }],
    ["a hashed city", "VALUE_INVALID", "user_data.address[0].city", {
      spoil: (body) => body.user_data.address[0].city = DIGEST,
    }],
    ["lower-case consent", "VALUE_INVALID", "consent.ad_user_data", {
      spoil: (body) => body.consent.ad_user_data = "granted",
    }],
    ["a consent key that is none", "VALUE_INVALID", "consent.ad_storage", {
      spoil: (body) => body.consent.ad_storage = "GRANTED",
    }],
    ["a hashed IP address", "VALUE_INVALID", "ip_override", { spoil: (body) => body.ip_override = DIGEST }],
    ["no events", "VALUE_INVALID", "events", { spoil: multiply("events", 0) }],
    ["26 events", "EXCEEDED_MAX_ENTITIES", "events", { spoil: multiply("events", 26) }],
    ["a reserved event name", "NAME_RESERVED", "events[0].name", {
      spoil: event((one) => one.name = "session_start"),
    }],
    ["a reserved prefix", "NAME_RESERVED", "events[0].name", {
      spoil: event((one) => one.name = "ga_purchase"),
    }],
    ["an event name with a dash", "NAME_INVALID", "events[0].name", {
      spoil: event((one) => one.name = "gift-chosen"),
    }],
    ["an event name of 41 characters", "NAME_INVALID", "events[0].name", {
      spoil: event((one) => one.name = "x".repeat(41)),
    }],
    ["26 parameters", "EXCEEDED_MAX_ENTITIES", "events[0].params", {
      spoil: params((one) => Array.from({ length: 21 }, (_, index) => one[`extra_${index}`] = 1)),
    }],
    ["a null parameter", "VALUE_INVALID", "events[0].params.coupon", {
      spoil: params((one) => one.coupon = null),
    }],
    ["a text of 101 characters", "VALUE_OUT_OF_BOUNDS", "events[0].params.coupon", {
      spoil: params((one) => one.coupon = "x".repeat(101)),
    }],
    ["money as text", "VALUE_INVALID", "events[0].params.value", {
      spoil: params((one) => one.value = "59.90"),
    }],
    ["value without currency", "VALUE_REQUIRED", "events[0].params.currency", {
      spoil: params((one) => delete one.currency),
    }],
    ["a refund's value without currency", "VALUE_REQUIRED", "events[0].params.currency", {
      spoil: event((one) =>
        Object.assign(one, { name: "refund", params: { transaction_id: "1", value: 5 } })
      ),
    }],
    ["an empty transaction id", "VALUE_INVALID", "events[0].params.transaction_id", {
      spoil: params((one) => one.transaction_id = ""),
    }],
    ["a purchase without items", "VALUE_REQUIRED", "events[0].params.items", {
      spoil: params((one) => delete one.items),
    }],
    ["an item without id and name", "VALUE_REQUIRED", "events[0].params.items[0].item_id", {
      spoil: item((one) => delete one.item_id),
    }],
    ["an item price as text", "VALUE_INVALID", "events[0].params.items[0].price", {
      spoil: item((one) => one.price = "29.95"),
    }],
    ["201 items", "EXCEEDED_MAX_ENTITIES", "events[0].params.items", {
      spoil: params((one) => one.items = Array(201).fill({ item_name: "x" })),
    }],
    ["an object that cannot become text", "VALUE_INVALID", "events[0].params.session_id", {
      spoil: params((one) => one.session_id = { toString: [] }),
    }],
    ["a whole session cookie", "VALUE_INVALID", "events[0].params.session_id", {
      spoil: params((one) => one.session_id = "GS2.1.s1747132561$o1"),
    }],
  ];
  it.each(bad)("%s", (_title, code, field, change) => {
    const sent = ask("google", { ...change, target: COLLECT });
    expect(sent).toMatchObject({ status: 204, body: "", accepted: false });
    expect(sent.problems.length).toBeGreaterThan(0);
    const debugged = ask("google", { ...change, target: DEBUG });
    expect(debugged.status).toBe(200);
    expect(debugged.json.validationMessages).toContainEqual({
      fieldPath: field,
      validationCode: code,
      description: expect.any(String),
    });
  });

  const lost: [string, string][] = [
    ["no measurement id", "/mp/collect?api_secret=s"],
    ["no secret", "/mp/collect?measurement_id=G-ABC123"],
    ["an invalid secret", "/mp/collect?measurement_id=G-ABC123&api_secret=invalid"],
    ["the id of another product", "/mp/collect?measurement_id=UA-1-1&api_secret=s"],
  ];
  it.each(lost)("what is sent with %s, which its debug endpoint does not notice", (_title, target) => {
    expect(ask("google", { target })).toMatchObject({ status: 204, accepted: false });
    expect(ask("google", { target: `/debug${target}` }).json).toEqual({ validationMessages: [] });
  });

  it("nothing at other paths or methods: those are errors", () => {
    expect(ask("google", { target: "/mp/collected" }).status).toBe(404);
    expect(ask("google", { method: "GET" }).status).toBe(404);
  });
});
