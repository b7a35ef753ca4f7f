import { describe, expect, it } from "vitest";
import { ask, type Body, type Change, DIGEST, EMPTY_DIGEST, multiply, NOW_S } from "./requests.ts";

const user = (change: (user: Body) => unknown) => (body: Body) => change(body.data[0].user_data);
const event = (change: (event: Body) => unknown) => (body: Body) => change(body.data[0]);
const DAY_S = 86_400;

describe("Meta takes", () => {
  const good: [string, Change][] = [
    ["a complete website purchase", {}],
    ["the token in the query", {
      headers: { authorization: "" },
      target: "/v25.0/1/events?access_token=EAA",
    }],
    ["the token in the body", { headers: { authorization: "" }, spoil: (body) => body.access_token = "EAA" }],
    ["any version from v21.0", { target: "/v21.0/1/events" }],
    ["1000 events", { spoil: multiply("data", 1000) }],
    ["a visitor known by user agent and fbp only", {
      spoil: (body) => {
        const { client_user_agent, fbp } = body.data[0].user_data;
        body.data[0].user_data = { client_user_agent, fbp };
      },
    }],
    ["a purchase of value 0", { spoil: event((one) => one.custom_data.value = 0) }],
    ["a custom property", { spoil: event((one) => one.custom_data.gift_wrap = "yes") }],
    ["digests and addresses with the parameter builder's mark", {
      spoil: user((one) =>
        Object.assign(one, { em: `${DIGEST}.AQQAAQMC`, client_ip_address: "203.0.113.9.AQQAAQMC" })
      ),
    }],
    ["a store visit of 60 days ago without page and user agent", {
      spoil: event((one) => {
        Object.assign(one, { action_source: "physical_store", event_time: NOW_S - 60 * DAY_S });
        delete one.event_source_url;
        delete one.user_data.client_user_agent;
      }),
    }],
    ["limited data use with geolocation", {
      spoil: event((one) => {
        one.data_processing_options = ["LDU"];
        one.data_processing_options_country = 0;
        one.data_processing_options_state = 0;
      }),
    }],
  ];
  it.each(good)("%s", (_title, change) => {
    const answer = ask("meta", change);
    expect(answer.problems).toEqual([]);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      events_received: answer.events.length,
      messages: [],
      fbtrace_id: "trace-1",
    });
    expect(answer.accepted).toBe(true);
    expect(answer.events.every((one) => one.accepted)).toBe(true);
  });

  it("a form whose data is JSON text", () => {
    const answer = ask("meta", {
      headers: { "content-type": "application/x-www-form-urlencoded", authorization: "" },
      text: new URLSearchParams({
        data: JSON.stringify([{
          event_name: "PageView",
          event_time: NOW_S,
          action_source: "website",
          event_source_url: "https://shop.example/",
          user_data: { client_user_agent: "agent", fbp: "fb.1.1795000000000.1" },
        }]),
        access_token: "EAA",
      }).toString(),
    });
    expect(answer.problems).toEqual([]);
    expect(answer.json.events_received).toBe(1);
  });
});

describe("Meta refuses with code 100", () => {
  const bad: [string, number | undefined, string, Change][] = [
    ["no JSON", undefined, "body: not a valid JSON object", { text: "{" }],
    ["another content type", undefined, "body: not a valid JSON object", {
      headers: { "content-type": "text/plain" },
    }],
    ["no data", undefined, "data: required", { spoil: (body) => delete body.data }],
    ["an empty batch", undefined, "data: not a valid array of 1 to 1000 events", {
      spoil: multiply("data", 0),
    }],
    ["1001 events", undefined, "data: not a valid array of 1 to 1000 events", {
      spoil: multiply("data", 1001),
    }],
    ["an unknown key beside data", undefined, "events: unknown field", { spoil: (body) => body.events = [] }],
    ["more than 1 MiB", undefined, "body: not a valid body of at most 1048576 bytes", {
      text: " ".repeat(1_048_577),
    }],
    ["no event name", undefined, "data[0].event_name: required", {
      spoil: event((one) => delete one.event_name),
    }],
    ["no user_data", undefined, "data[0].user_data: required", {
      spoil: event((one) => delete one.user_data),
    }],
    ["an unknown action source", undefined, "data[0].action_source", {
      spoil: event((one) => one.action_source = "web"),
    }],
    ["a time as text", undefined, "data[0].event_time: not a valid integer", {
      spoil: event((one) => one.event_time = String(NOW_S)),
    }],
    ["milliseconds", undefined, "data[0].event_time: not a valid time in seconds", {
      spoil: event((one) => one.event_time = NOW_S * 1000),
    }],
    ["a time two minutes ahead", undefined, "data[0].event_time", {
      spoil: event((one) => one.event_time = NOW_S + 120),
    }],
    ["an event of 7 days and a second ago", 2804003, "data[0].event_time", {
      spoil: event((one) => one.event_time = NOW_S - 7 * DAY_S - 1),
    }],
    ["a store visit of 63 days ago", 2804003, "data[0].event_time", {
      spoil: event((one) =>
        Object.assign(one, { action_source: "physical_store", event_time: NOW_S - 63 * DAY_S })
      ),
    }],
    ["a numeric event_id", undefined, "data[0].event_id", { spoil: event((one) => one.event_id = 1) }],
    ["value beside user_data", undefined, "data[0].value: unknown field", {
      spoil: event((one) => one.value = 1),
    }],
    ["a website event without a page", undefined, "data[0].event_source_url: required", {
      spoil: event((one) => delete one.event_source_url),
    }],
    ["a relative page", undefined, "data[0].event_source_url", {
      spoil: event((one) => one.event_source_url = "/x"),
    }],
    ["a website event without a user agent", undefined, "data[0].user_data.client_user_agent: required", {
      spoil: user((one) => delete one.client_user_agent),
    }],
    ["an address in clear", undefined, "data[0].user_data.em: not a valid SHA-256 digest", {
      spoil: user((one) => one.em = ["person@example.com"]),
    }],
    ["an upper-case digest", undefined, "data[0].user_data.em", {
      spoil: user((one) => one.em = DIGEST.toUpperCase()),
    }],
    ["the digest of nothing", undefined, "data[0].user_data.ph", {
      spoil: user((one) => one.ph = [DIGEST, EMPTY_DIGEST]),
    }],
    ["the digest of nothing as external id", undefined, "data[0].user_data.external_id", {
      spoil: user((one) => one.external_id = EMPTY_DIGEST),
    }],
    ["a hashed IP address", undefined, "data[0].user_data.client_ip_address: not a valid IP address", {
      spoil: user((one) => one.client_ip_address = DIGEST),
    }],
    ["a hashed user agent", undefined, "data[0].user_data.client_user_agent: not a valid text in clear", {
      spoil: user((one) => one.client_user_agent = DIGEST),
    }],
    ["a misspelt user key", undefined, "data[0].user_data.email: unknown field", {
      spoil: user((one) => one.email = DIGEST),
    }],
    ["a key named like a built-in", undefined, "data[0].user_data.constructor: unknown field", {
      spoil: user((one) => one.constructor = DIGEST),
    }],
    ["fbc without its time", 2804001, "data[0].user_data.fbc", {
      spoil: user((one) => one.fbc = "fb.1.IwAR"),
    }],
    ["fbc with seconds", 2804001, "data[0].user_data.fbc", {
      spoil: user((one) => one.fbc = "fb.1.1795000000.IwAR"),
    }],
    ["a bare fbclid as fbc", 2804001, "data[0].user_data.fbc", { spoil: user((one) => one.fbc = "IwAR") }],
    ["fbp that is no number", 2804001, "data[0].user_data.fbp", {
      spoil: user((one) => one.fbp = "fb.1.1795000000000.x"),
    }],
    ["user agent and country alone", 2804050, "data[0].user_data: not a valid set", {
      spoil: event((one) => one.user_data = { client_user_agent: "agent", country: DIGEST }),
    }],
    ["first name and gender alone", 2804050, "data[0].user_data: not a valid set", {
      spoil: event((one) =>
        Object.assign(one, { action_source: "email", user_data: { fn: DIGEST, ge: DIGEST } })
      ),
    }],
    ["nobody", 2804050, "data[0].user_data: not a valid set", {
      spoil: event((one) => Object.assign(one, { action_source: "email", user_data: {} })),
    }],
    ["a purchase without value", 2804009, "data[0].custom_data.value: required", {
      spoil: event((one) => delete one.custom_data.value),
    }],
    ["a purchase without custom_data", 2804009, "data[0].custom_data.value: required", {
      spoil: event((one) => delete one.custom_data),
    }],
    ["a purchase without currency", undefined, "data[0].custom_data.currency: required", {
      spoil: event((one) => delete one.custom_data.currency),
    }],
    ["a lower-case currency", undefined, "data[0].custom_data.currency", {
      spoil: event((one) => one.custom_data.currency = "eur"),
    }],
    ["money as text", undefined, "data[0].custom_data.value", {
      spoil: event((one) => one.custom_data.value = "59.90"),
    }],
    ["a content without id", undefined, "data[0].custom_data.contents[0].id: required", {
      spoil: event((one) => delete one.custom_data.contents[0].id),
    }],
    [
      "a country of processing without a state",
      undefined,
      "data[0].data_processing_options_state: required",
      {
        spoil: event((one) => one.data_processing_options_country = 1),
      },
    ],
  ];
  it.each(bad)("%s", (_title, subcode, problem, change) => {
    const answer = ask("meta", change);
    expect(answer.status).toBe(400);
    expect(answer.accepted).toBe(false);
    expect(answer.json.error).toMatchObject({
      message: "Invalid parameter",
      type: "OAuthException",
      code: 100,
      is_transient: false,
      fbtrace_id: "trace-1",
    });
    expect(answer.json.error.error_subcode).toBe(subcode);
    expect(answer.problems.join("\n")).toContain(problem);
    expect(answer.json.error.error_data.blame_field_specs[0][0]).toBe(
      answer.problems[0]!.split(": ")[0]!.replace(/^body$/, ""),
    );
  });

  it("the whole batch for one bad event", () => {
    const answer = ask("meta", {
      spoil: (body) => {
        multiply("data", 3)(body);
        body.data[1].event_time = 1;
      },
    });
    expect(answer.json.error).toMatchObject({
      error_subcode: 2804003,
      error_user_title: "Event Timestamp Too Old",
      error_data: { blame_field_specs: [["data[1].event_time"]] },
    });
    expect(answer.events.map((one) => one.accepted)).toEqual([false, false, false]);
  });

  it("without repeating personal data in answer or problems", () => {
    const answer = ask("meta", { spoil: user((one) => one.em = "person@example.com") });
    expect(answer.body + answer.problems.join()).not.toContain("person@");
  });
});

describe("Meta refuses the caller", () => {
  const bad: [string, number, number | undefined, Change][] = [
    ["without a token", 190, undefined, { headers: { authorization: "" } }],
    ["with an invalid token", 190, undefined, { headers: { authorization: "Bearer invalid-1" } }],
    ["with a revoked token", 190, undefined, { headers: { authorization: "Bearer EAArevoked" } }],
    ["at a dataset that is no number", 100, 33, { target: "/v25.0/pixel/events" }],
    ["with another method", 100, 33, { method: "GET" }],
    ["at an old version", 2500, undefined, { target: "/v20.0/1/events" }],
    ["at another edge", 2500, undefined, { target: "/v25.0/1/event" }],
  ];
  it.each(bad)("%s", (_title, code, subcode, change) => {
    const answer = ask("meta", change);
    expect(answer.status).toBe(400);
    expect(answer.json.error).toMatchObject({ code, fbtrace_id: "trace-1" });
    expect(answer.json.error.error_subcode).toBe(subcode);
    expect(answer.accepted).toBe(false);
  });
});
