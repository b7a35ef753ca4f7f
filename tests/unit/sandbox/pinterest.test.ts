import { describe, expect, it } from "vitest";
import { ask, type Body, type Change, DIGEST, EMPTY_DIGEST, multiply, NOW_S } from "./requests.ts";

const user = (change: (user: Body) => unknown) => (body: Body) => change(body.data[0].user_data);
const event = (change: (event: Body) => unknown) => (body: Body) => change(body.data[0]);
const custom = (change: (custom: Body) => unknown) => (body: Body) => change(body.data[0].custom_data);

describe("Pinterest takes", () => {
  const good: [string, Change][] = [
    ["a complete checkout", {}],
    ["1000 events", { spoil: multiply("data", 1000) }],
    ["a visitor known by address and user agent", { spoil: user((one) => delete one.em) }],
    ["an event without a page", { spoil: event((one) => one.event_source_url = null) }],
    ["limited processing with state and country", {
      spoil: event((one) => {
        one.custom_data.opt_out_type = "LDP";
        Object.assign(one.user_data, { st: [DIGEST], country: [DIGEST] });
      }),
    }],
  ];
  it.each(good)("%s", (_title, change) => {
    const answer = ask("pinterest", change);
    expect(answer.problems).toEqual([]);
    expect(answer.status).toBe(200);
    const count = answer.events.length;
    expect(answer.json).toEqual({
      num_events_received: count,
      num_events_processed: count,
      events: Array(count).fill({ status: "processed", error_message: null, warning_message: null }),
    });
    expect(answer.accepted).toBe(true);
    expect(answer.counted).toBe(true);
  });

  it("a test without counting it", () => {
    const answer = ask("pinterest", { target: "/v5/ad_accounts/1/events?test=true" });
    expect(answer).toMatchObject({ status: 200, accepted: true, counted: false });
  });

  it("an event without a currency, with a warning", () => {
    const answer = ask("pinterest", { spoil: custom((one) => delete one.currency) });
    expect(answer.status).toBe(200);
    expect(answer.json.events[0]).toMatchObject({ status: "processed", error_message: null });
    expect(answer.json.events[0].warning_message).toContain("currency");
    expect(answer.problems).toHaveLength(1);
  });

  it("an unknown user key in silence, which the record tells", () => {
    const answer = ask("pinterest", { spoil: user((one) => one.email = [DIGEST]) });
    expect(answer.accepted).toBe(true);
    expect(answer.problems).toEqual(["data[0].user_data.email: unknown field"]);
  });
});

describe("Pinterest refuses the whole request with 400 and code 4196", () => {
  const bad: [string, string, Change][] = [
    ["no JSON", "body is not of type 'object'", { text: "no" }],
    ["an unknown root key", "Additional properties are not allowed ('partner' was unexpected)", {
      spoil: (body) => body.partner = "x",
    }],
    [
      "an unknown event key",
      "Additional properties are not allowed ('advertiser_tracking_enabled' was unexpected)",
      {
        spoil: event((one) => one.advertiser_tracking_enabled = true),
      },
    ],
    ["an unknown custom key", "Additional properties are not allowed ('category_name' was unexpected)", {
      spoil: custom((one) => one.category_name = "x"),
    }],
    ["an unknown content key", "Additional properties are not allowed ('item_brand_id' was unexpected)", {
      spoil: custom((one) => one.contents[0].item_brand_id = "x"),
    }],
    ["no event_id", "'event_id' is a required property", { spoil: event((one) => delete one.event_id) }],
    ["an upper-case action source", "data[0].action_source", {
      spoil: event((one) => one.action_source = "WEB"),
    }],
    ["value as number", "data[0].custom_data.value is not of type 'string'", {
      spoil: custom((one) => one.value = 59.9),
    }],
    ["price as number", "contents[0].item_price is not of type 'string'", {
      spoil: custom((one) => one.contents[0].item_price = 29.95),
    }],
    ["a bare string for em", "data[0].user_data.em is not of type 'array of strings'", {
      spoil: user((one) => one.em = DIGEST),
    }],
    ["a time as text", "data[0].event_time is not of type 'integer'", {
      spoil: event((one) => one.event_time = "1795000000"),
    }],
    ["phone alone", "data[0].user_data is not of type 'set of identifiers'", {
      spoil: event((one) => one.user_data = { ph: [DIGEST] }),
    }],
    ["an IP address without a user agent", "data[0].user_data is not of type 'set of identifiers'", {
      spoil: event((one) => one.user_data = { client_ip_address: "203.0.113.9" }),
    }],
    ["an empty batch", "array of 1 to 1000 events", { spoil: multiply("data", 0) }],
    ["1001 events", "array of 1 to 1000 events", { spoil: multiply("data", 1001) }],
    ["more than 2 MiB", "at most 2097152 bytes", { text: " ".repeat(2_097_153) }],
    ["an ad account that is no number", "does not match", { target: "/v5/ad_accounts/abc/events" }],
  ];
  it.each(bad)("%s", (_title, message, change) => {
    const answer = ask("pinterest", change);
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe(4196);
    expect(answer.json.message).toMatch(/^Invalid request: /);
    expect(answer.json.message).toContain(message);
    expect(answer.events.some((one) => one.accepted)).toBe(false);
  });
});

describe("Pinterest fails single events with 422 and code 953", () => {
  const bad: [string, string, Change][] = [
    ["8 days old", "Invalid event_timestamp parameter. Given timestamp is in the past.", {
      spoil: event((one) => one.event_time = NOW_S - 8 * 86_400),
    }],
    ["in milliseconds", "Given timestamp is in the future.", {
      spoil: event((one) => one.event_time = NOW_S * 1000),
    }],
    ["of an unknown name", "data[0].event_name", { spoil: event((one) => one.event_name = "purchase") }],
    ["with an address in clear", "data[0].user_data.em", { spoil: user((one) => one.em = ["a@b.example"]) }],
    ["with the digest of nothing", "data[0].user_data.ph", { spoil: user((one) => one.ph = [EMPTY_DIGEST]) }],
    ["with a hashed IP address", "data[0].user_data.client_ip_address", {
      spoil: user((one) => one.client_ip_address = DIGEST),
    }],
    ["with a hashed click id", "data[0].user_data.click_id", { spoil: user((one) => one.click_id = DIGEST) }],
    ["with localised money", "data[0].custom_data.value", { spoil: custom((one) => one.value = "1.059,90") }],
    ["with an unknown currency", "data[0].custom_data.currency", {
      spoil: custom((one) => one.currency = "EURO"),
    }],
    ["with an unknown opt-out type", "data[0].custom_data.opt_out_type", {
      spoil: custom((one) => one.opt_out_type = "LDU"),
    }],
  ];
  it.each(bad)("%s", (_title, message, change) => {
    const answer = ask("pinterest", change);
    expect(answer.status).toBe(422);
    expect(answer.json.code).toBe(953);
    expect(answer.json.details).toMatchObject({ num_events_processed: 0, num_events_received: 1 });
    expect(answer.json.details.events[0].status).toBe("failed");
    expect(answer.json.details.events[0].error_message).toContain(message);
    expect(answer.accepted).toBe(false);
  });

  it("and takes the others of the batch", () => {
    const answer = ask("pinterest", {
      spoil: (body) => {
        multiply("data", 3)(body);
        body.data[1].event_time = 1;
      },
    });
    expect(answer.json.details.num_events_processed).toBe(2);
    expect(answer.json.details.events.map((one: Body) => one.status)).toEqual([
      "processed",
      "failed",
      "processed",
    ]);
    expect(answer.events.map((one) => one.accepted)).toEqual([true, false, true]);
    expect(answer.accepted).toBe(false);
  });
});

describe("Pinterest refuses the caller", () => {
  const bad: [string, number, number, Change][] = [
    ["without a token", 401, 2, { headers: { authorization: "" } }],
    ["with an invalid token", 401, 2, { headers: { authorization: "Bearer pina_invalid" } }],
    ["with a token in the query", 401, 2, {
      headers: { authorization: "" },
      target: "/v5/ad_accounts/1/events?access_token=t",
    }],
    ["at another path", 404, 404, { target: "/v5/ad_accounts/1/event" }],
    ["with another method", 405, 405, { method: "GET" }],
  ];
  it.each(bad)("%s", (_title, status, code, change) => {
    const answer = ask("pinterest", change);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.accepted).toBe(false);
  });
});
