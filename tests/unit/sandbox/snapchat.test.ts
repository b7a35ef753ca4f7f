import { describe, expect, it } from "vitest";
import { ask, type Body, type Change, DIGEST, EMPTY_DIGEST, multiply, NOW_S } from "./requests.ts";

const user = (change: (user: Body) => unknown) => (body: Body) => change(body.data[0].user_data);
const event = (change: (event: Body) => unknown) => (body: Body) => change(body.data[0]);
const custom = (change: (custom: Body) => unknown) => (body: Body) => change(body.data[0].custom_data);

describe("Snapchat takes", () => {
  const good: [string, Change][] = [
    ["a complete purchase", {}],
    ["2000 events", { spoil: multiply("data", 2000) }],
    ["phone alone", { spoil: event((one) => one.user_data = { ph: DIGEST }) }],
    ["a test event code at the root", { spoil: (body) => body.test_event_code = "T1" }],
    ["limited data use", { spoil: event((one) => one.data_processing_options = ["LDU"]) }],
    ["an offline event without a page", {
      spoil: event((one) => {
        one.action_source = "OFFLINE";
        delete one.event_source_url;
      }),
    }],
  ];
  it.each(good)("%s", (_title, change) => {
    const answer = ask("snapchat", change);
    expect(answer.problems).toEqual([]);
    expect([answer.status, answer.json]).toEqual([200, { status: "VALID" }]);
    expect(answer.events.every((one) => one.accepted)).toBe(true);
  });
});

describe("Snapchat refuses with 400 INVALID", () => {
  const bad: [string, string, Change][] = [
    ["no JSON", "Param body is an invalid JSON object.", { text: "" }],
    ["an unknown root key", "Param pixel_id is unknown.", { spoil: (body) => body.pixel_id = "x" }],
    ["2001 events", "array of 1 to 2000 events", { spoil: multiply("data", 2001) }],
    ["a lower-case name", "Param data['event_name'] is an invalid choice", {
      spoil: event((one) => one.event_name = "purchase"),
    }],
    ["an action source of version 2", "Param data['action_source']", {
      spoil: event((one) => one.action_source = "website"),
    }],
    ["a web event without a page", "Param data['event_source_url'] is required.", {
      spoil: event((one) => delete one.event_source_url),
    }],
    ["a field of version 2", "Param data['client_dedup_id'] is unknown.", {
      spoil: event((one) => one.client_dedup_id = "x"),
    }],
    ["event_id inside custom_data", "Param data['custom_data']['event_id'] is unknown.", {
      spoil: custom((one) => one.event_id = "x"),
    }],
    ["a purchase without value", "Param data['custom_data']['value'] is required.", {
      spoil: custom((one) => delete one.value),
    }],
    ["a purchase without custom_data", "Param data['custom_data']['value'] is required.", {
      spoil: event((one) => delete one.custom_data),
    }],
    ["a purchase without currency", "Param data['custom_data']['currency'] is required.", {
      spoil: custom((one) => delete one.currency),
    }],
    ["money as text", "Param data['custom_data']['value'] is an invalid number", {
      spoil: custom((one) => one.value = "59.90"),
    }],
    ["a numeric item price", "['contents']['0']['item_price'] is an invalid decimal string", {
      spoil: custom((one) => one.contents[0].item_price = 29.95),
    }],
    ["ids in one string", "Param data['custom_data']['content_ids']", {
      spoil: custom((one) => one.content_ids = "41,42"),
    }],
    ["an address in clear", "Param data['user_data']['em'] is an invalid SHA-256 digest.", {
      spoil: user((one) => one.em = "a@b.example"),
    }],
    ["the digest of nothing", "Param data['user_data']['ph'] is an invalid SHA-256 digest.", {
      spoil: user((one) => one.ph = [EMPTY_DIGEST]),
    }],
    ["a hashed IP address", "Param data['user_data']['client_ip_address'] is an invalid IP address.", {
      spoil: user((one) => one.client_ip_address = DIGEST),
    }],
    ["a date of birth", "Param data['user_data']['db'] is unknown.", {
      spoil: user((one) => one.db = DIGEST),
    }],
    ["too little about the person", "Param data['user_data'] is an invalid set of identifiers.", {
      spoil: event((one) => one.user_data = { client_ip_address: "203.0.113.9", sc_click_id: "x" }),
    }],
  ];
  it.each(bad)("%s", (_title, message, change) => {
    const answer = ask("snapchat", change);
    expect(answer.status).toBe(400);
    expect(answer.json.status).toBe("INVALID");
    expect(answer.json.reason).toContain(message);
    expect(answer.json.errors).toEqual({ codes: [517], error_msgs: [answer.json.reason] });
    expect(answer.accepted).toBe(false);
  });

  const times: [string, unknown][] = [
    ["milliseconds", NOW_S * 1000],
    ["8 days ago", NOW_S - 8 * 86_400],
    ["text", String(NOW_S)],
  ];
  it.each(times)("a time of %s, with the messages at the top", (_title, time) => {
    const answer = ask("snapchat", { spoil: event((one) => one.event_time = time) });
    expect(answer.status).toBe(400);
    expect(Object.keys(answer.json)).toEqual(["status", "error_msgs"]);
    expect(answer.json.error_msgs[0]).toMatch(/^Param data\['event_time'\] is an invalid/);
  });

  it("the whole batch, naming the bad event's index", () => {
    const answer = ask("snapchat", {
      spoil: (body) => {
        multiply("data", 3)(body);
        body.data[2].user_data.em = "clear";
      },
    });
    expect(answer.json).toMatchObject({ status: "INVALID", event: 2 });
    expect(answer.events.some((one) => one.accepted)).toBe(false);
  });
});

describe("Snapchat's validate endpoint", () => {
  const target = "/v3/pixel/events/validate?access_token=t";
  it("says VALID for each event and counts none", () => {
    const answer = ask("snapchat", { target, spoil: multiply("data", 2) });
    expect(answer.json).toMatchObject({
      status: "VALID",
      event_logs: [{ status: "VALID" }, { status: "VALID" }],
    });
    expect(answer).toMatchObject({ status: 200, accepted: true, counted: false });
  });

  it("says what is wrong with which event", () => {
    const answer = ask("snapchat", {
      target,
      spoil: (body) => {
        multiply("data", 2)(body);
        body.data[1].event_time = 1;
      },
    });
    expect(answer.json.status).toBe("INVALID");
    expect(answer.json.event_logs.map((log: Body) => log.status)).toEqual(["VALID", "INVALID"]);
    expect(answer.json.event_logs[1].errors.error_msgs).toEqual([
      "Param data['event_time'] is an invalid Unix timestamp.",
    ]);
    expect(answer.accepted).toBe(false);
  });
});

describe("Snapchat refuses the caller", () => {
  const bad: [string, number, string, Change][] = [
    ["without a token", 401, "Missing access token", { target: "/v3/pixel/events" }],
    ["with a Bearer token", 401, "Missing access token", {
      target: "/v3/pixel/events",
      headers: { authorization: "Bearer t" },
    }],
    ["with an invalid token", 400, "Invalid token", { target: "/v3/pixel/events?access_token=invalid" }],
    ["with a revoked token", 400, "Invalid token", { target: "/v3/pixel/events?access_token=sc-revoked" }],
    ["at a path nobody documents", 404, "Not Found", { target: "/v3/conversion?access_token=t" }],
    ["with another method", 405, "Method Not Allowed", { method: "GET" }],
  ];
  it.each(bad)("%s", (_title, status, reason, change) => {
    const answer = ask("snapchat", change);
    expect([answer.status, answer.json.status, answer.json.reason]).toEqual([status, "INVALID", reason]);
    expect(answer.accepted).toBe(false);
  });
});
