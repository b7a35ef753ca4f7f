import { describe, expect, it } from "vitest";
import { ask, type Body, type Change, DIGEST, EMPTY_DIGEST, multiply, NOW_S } from "./requests.ts";

const user = (change: (user: Body) => unknown) => (body: Body) => change(body.data[0].user);
const event = (change: (event: Body) => unknown) => (body: Body) => change(body.data[0]);
const property = (change: (properties: Body) => unknown) => (body: Body) => change(body.data[0].properties);

describe("TikTok takes", () => {
  const good: [string, Change][] = [
    ["a complete web purchase", {}],
    ["1000 events", { spoil: multiply("data", 1000) }],
    ["a test event", { spoil: (body) => body.test_event_code = "TEST123" }],
    ["a click id of 1000 characters", { spoil: user((one) => one.ttclid = "E.C.P." + "x".repeat(994)) }],
    ["an event without an id", { spoil: event((one) => delete one.event_id) }],
    ["a shop's own event", { spoil: event((one) => one.event = "ViewCart") }],
    ["an offline event of 20 days ago without a page", {
      spoil: (body) => {
        body.event_source = "offline";
        body.data[0].event_time = NOW_S - 20 * 86_400;
        delete body.data[0].page;
      },
    }],
  ];
  it.each(good)("%s", (_title, change) => {
    const answer = ask("tiktok", change);
    expect(answer.problems).toEqual([]);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ code: 0, message: "OK", request_id: "trace-1", data: {} });
    expect(answer.events.every((one) => one.accepted)).toBe(true);
  });

  it("an unknown user key in silence, which the record tells", () => {
    const answer = ask("tiktok", { spoil: user((one) => one.emial = DIGEST) });
    expect(answer.json.code).toBe(0);
    expect(answer.accepted).toBe(true);
    expect(answer.problems).toEqual(["data[0].user.emial: unknown field"]);
  });
});

describe("TikTok refuses with HTTP 200 and code 40002", () => {
  const bad: [string, string, Change][] = [
    ["no JSON", "body: Not a valid JSON object", { text: "[" }],
    ["an unknown source", "event_source: Not a valid choice", {
      spoil: (body) => body.event_source = "website",
    }],
    ["no pixel", "event_source_id: Missing data for required field.", {
      spoil: (body) => delete body.event_source_id,
    }],
    ["an empty batch", "Batch: Not a valid list", { spoil: multiply("data", 0) }],
    ["1001 events", "Batch: Not a valid list of 1 to 1000 events", { spoil: multiply("data", 1001) }],
    ["the body of version 1", "pixel_code: Unknown field.", { spoil: (body) => body.pixel_code = "PIXEL1" }],
    ["context", "Batch.0.context: Unknown field.", { spoil: event((one) => one.context = {}) }],
    ["no event name", "Batch.0.event: Missing data", { spoil: event((one) => delete one.event) }],
    ["an ISO time", "Batch.0.event_time: Not a valid integer", {
      spoil: event((one) => one.event_time = "2026-11-20T12:00:00Z"),
    }],
    ["milliseconds", "Batch.0.event_time: Not a valid Unix time", {
      spoil: event((one) => one.event_time = NOW_S * 1000),
    }],
    ["an event of 8 days ago", "Batch.0.event_time: Not a valid Unix time", {
      spoil: event((one) => one.event_time = NOW_S - 8 * 86_400),
    }],
    ["a numeric event_id", "Batch.0.event_id: Not a valid string", {
      spoil: event((one) => one.event_id = 5550001),
    }],
    ["a numeric content_id", "Batch.0.properties.contents.0.content_id: Not a valid string", {
      spoil: property((one) => one.contents[0].content_id = 41),
    }],
    ["no user", "Batch.0.user: Missing data", { spoil: event((one) => delete one.user) }],
    ["a user without a known key", "Batch.0.user: Not a valid set of identifiers", {
      spoil: event((one) => one.user = { x: "1" }),
    }],
    ["an address in clear", "Batch.0.user.email: Not a valid SHA-256 digest", {
      spoil: user((one) => one.email = "a@b.example"),
    }],
    ["the digest of nothing", "Batch.0.user.phone: Not a valid SHA-256 digest", {
      spoil: user((one) => one.phone = EMPTY_DIGEST),
    }],
    ["a hashed IP address", "Batch.0.user.ip: Not a valid IP address", {
      spoil: user((one) => one.ip = DIGEST),
    }],
    ["a hashed city", "Batch.0.user.city: Not a valid text in clear", {
      spoil: user((one) => one.city = DIGEST),
    }],
    ["an upper-case country", "Batch.0.user.country: Not a valid two-letter", {
      spoil: user((one) => one.country = "NL"),
    }],
    ["a country in a list", "Batch.0.user.country: Not a valid two-letter", {
      spoil: user((one) => one.country = ["nl"]),
    }],
    ["a click id of 1001 characters", "Batch.0.user.ttclid: Not a valid string of at most", {
      spoil: user((one) => one.ttclid = "x".repeat(1001)),
    }],
    ["an empty name", "Batch.0.user.first_name: Not a valid", { spoil: user((one) => one.first_name = "") }],
    ["a web event without a page", "Batch.0.page: Missing data", { spoil: event((one) => delete one.page) }],
    ["a page without a URL", "Batch.0.page.url: Missing data", {
      spoil: event((one) => delete one.page.url),
    }],
    ["money as text", "Batch.0.properties.value: Not a valid number", {
      spoil: property((one) => one.value = "59.90"),
    }],
    ["a currency TikTok does not know", "Batch.0.properties.currency: Not a valid choice", {
      spoil: property((one) => one.currency = "RSD"),
    }],
    ["an own offline event", "Batch.0.event: Not a valid standard event", {
      spoil: (body) => {
        body.event_source = "offline";
        body.data[0].event = "ViewCart";
      },
    }],
    ["a lead without its id", "Batch.0.lead.lead_id: Missing data", {
      spoil: (body) => body.event_source = "crm",
    }],
  ];
  it.each(bad)("%s", (_title, message, change) => {
    const answer = ask("tiktok", change);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ code: 40002, request_id: "trace-1", data: {} });
    expect(answer.json.message).toContain(message);
    expect(answer.accepted).toBe(false);
    expect(answer.events.some((one) => one.accepted)).toBe(false);
  });

  it("naming the first bad event of a batch", () => {
    const answer = ask("tiktok", {
      spoil: (body) => {
        multiply("data", 3)(body);
        body.data[2].event_id = 1;
      },
    });
    expect(answer.json.message).toBe("Batch.2.event_id: Not a valid string");
  });

  it("repeating personal data in its message, as TikTok may, but not in the record's problems", () => {
    const answer = ask("tiktok", { spoil: user((one) => one.email = "person@example.com") });
    expect(answer.json.message).toContain("person@example.com");
    expect(answer.problems.join()).not.toContain("person@");
  });
});

describe("TikTok refuses the caller", () => {
  const bad: [string, number, number, Change][] = [
    ["without a token", 401, 40104, { headers: { "access-token": "" } }],
    ["with a Bearer token", 401, 40104, { headers: { "access-token": "", authorization: "Bearer t" } }],
    ["with an invalid token", 401, 40105, { headers: { "access-token": "invalid" } }],
    ["with a revoked token", 401, 40105, { headers: { "access-token": "tt-revoked-1" } }],
    ["without the trailing slash", 404, 40400, { target: "/open_api/v1.3/event/track" }],
    ["at another version", 404, 40400, { target: "/open_api/v2.0/event/track/" }],
    ["with another method", 404, 40400, { method: "PUT" }],
  ];
  it.each(bad)("%s", (_title, status, code, change) => {
    const answer = ask("tiktok", change);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.accepted).toBe(false);
  });
});
