import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CanonicalEvent, EVENT_NAMES, type EventName } from "@trakit/core/event.ts";
import { FORM_NAMES } from "@trakit/core/identity/forms.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_MUG,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  EXAMPLE_POSTER,
  exampleEvent as anyEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { snapchat } from "@trakit/destinations/snapchat/index.ts";
import { canonicalEvent, onWire } from "./arbitrary.ts";

const SETTINGS = snapchat.settings.parse({ id: "0e1f2a3b-4c5d-6e7f-8a9b-0c1d2e3f4a5b" });

const PAGE = { url: "https://mugs.example/", referrer: null, title: null };

/** An event on a page: Snap requires its address of everything on the web. */
function exampleEvent(name: EventName, given: Partial<CanonicalEvent> = {}): CanonicalEvent {
  return anyEvent(name, { page: PAGE, ...given });
}

function map(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false) {
  const result = snapchat.map(event, { settings: { ...SETTINGS, ...given }, limited, now: EXAMPLE_NOW });
  return result.ok ? { ...result, body: onWire(result.body) } : result;
}

function sent(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false): JsonObject {
  const result = map(event, given, limited);
  if (!result.ok) throw new Error(`not sent: ${result.reason}`);
  return onWire(result.body);
}

const KEYS = {
  event:
    "event_name action_source event_time event_source_url event_id user_data custom_data integration data_processing_options data_processing_options_country data_processing_options_state"
      .split(" "),
  user_data:
    "em ph fn ln ge ct st zp country external_id client_ip_address client_user_agent sc_click_id sc_cookie1"
      .split(" "),
  custom_data:
    "value currency order_id content_ids contents content_type num_items content_name content_category brands search_string predicted_ltv delivery_category sign_up_method"
      .split(" "),
  contents: "id quantity item_price brand delivery_category".split(" "),
};

describe("the body", () => {
  test("has only v3 names and Snap's own types", () => {
    fc.assert(fc.property(canonicalEvent, fc.boolean(), fc.boolean(), (event, custom, limited) => {
      const result = map(event, { custom_events: custom }, limited);
      if (!result.ok) return;
      const { user_data: user, custom_data: data = {} } = result.body as Record<string, JsonObject>;
      expect(KEYS.event).toEqual(expect.arrayContaining(Object.keys(result.body)));
      expect(KEYS.user_data).toEqual(expect.arrayContaining(Object.keys(user!)));
      expect(KEYS.custom_data).toEqual(expect.arrayContaining(Object.keys(data)));
      for (const content of (data["contents"] ?? []) as JsonObject[]) {
        expect(KEYS.contents).toEqual(expect.arrayContaining(Object.keys(content)));
        expect(content["item_price"]).toBeTypeOf("string");
        expect(content["quantity"]).toMatch(/^\d+$/);
      }
      if (data["value"] !== undefined) expect(data["value"]).toBeTypeOf("number");
      if (data["brands"] !== undefined) expect(data["brands"]).toBeTypeOf("string");
      expect(Object.hasOwn(data, "value")).toBe(Object.hasOwn(data, "currency"));
    }));
  });

  test("each field takes its own normal form; external_id is one string", () => {
    const digests = Object.fromEntries(
      FORM_NAMES.map((form, index) => [form, [String(index).padStart(64, "0")]]),
    );
    const expected = {
      em: digests["email.lower"],
      ph: digests["phone.digits"],
      ge: digests["gender.letter"],
      fn: digests["first_name.words"],
      ln: digests["last_name.words"],
      ct: digests["city.compact"],
      st: digests["region.code"],
      zp: digests["postal.spaceless"],
      country: digests["country.lower"],
      external_id: digests["external_id.plain"]![0],
    };
    expect(sent(exampleEvent("checkout_completed", { digests, commerce: EXAMPLE_ORDER }))["user_data"])
      .toEqual(expected);
  });

  test("the time is in whole seconds, never in the future", () => {
    const at = (occurred_at: string) =>
      sent(exampleEvent("page_viewed", { occurred_at, client: EXAMPLE_CLIENT }));
    expect(at("2026-03-14T09:26:53.999Z")["event_time"]).toBe(1773480413);
    expect(at("2027-01-01T00:00:00.000Z")["event_time"]).toBe(EXAMPLE_NOW / 1000);
  });

  test("click id and cookie leave byte for byte", () => {
    const identifiers = {
      ...exampleEvent("page_viewed").identifiers,
      sc_click_id: "AbC-_9",
      scid: "7F6e5D4c-3b2a-4190-8f7e-6d5c4b3a2910",
    };
    expect(sent(exampleEvent("page_viewed", { client: EXAMPLE_CLIENT, identifiers }))["user_data"])
      .toMatchObject({
        sc_click_id: "AbC-_9",
        sc_cookie1: "7F6e5D4c-3b2a-4190-8f7e-6d5c4b3a2910",
      });
  });

  test("each brand is named once, units are counted", () => {
    const items = [EXAMPLE_MUG, EXAMPLE_POSTER, { ...EXAMPLE_POSTER, brand: "Other" }, {
      ...EXAMPLE_POSTER,
      brand: null,
    }];
    const event = exampleEvent("cart_viewed", {
      client: EXAMPLE_CLIENT,
      commerce: { ...EXAMPLE_ORDER, items },
    });
    expect(sent(event, { custom_events: true })["custom_data"]).toMatchObject({
      brands: "Delft & Co,Other",
      num_items: 5,
    });
  });

  test("a till's sale is OFFLINE and has no page, every other channel is WEB and needs one", () => {
    const order = { commerce: EXAMPLE_ORDER, digests: EXAMPLE_PERSON };
    const source = (channel: CanonicalEvent["channel"]) =>
      sent(exampleEvent("checkout_completed", { channel, ...order }))["action_source"];
    expect(sent(anyEvent("checkout_completed", { channel: "pos", ...order }))["action_source"]).toBe(
      "OFFLINE",
    );
    expect(map(anyEvent("checkout_completed", order))).toEqual({ ok: false, reason: "no_page_url" });
    expect(source("pos")).toBe("OFFLINE");
    for (const channel of ["web", "app", "draft", "subscription", "other"] as const) {
      expect(source(channel)).toBe("WEB");
    }
  });

  test("limited mode is Limited Data Use, found by IP address", () => {
    const event = exampleEvent("page_viewed", { client: EXAMPLE_CLIENT });
    expect(sent(event, {}, true)).toMatchObject({
      data_processing_options: ["LDU"],
      data_processing_options_country: 0,
      data_processing_options_state: 0,
    });
    expect(Object.keys(sent(event)).join()).not.toContain("data_processing");
  });
  test.each([
    ["a Californian is named as one", { country: "US", region_code: "ca" }, [1, 1000]],
    ["a buyer elsewhere needs no address", { country: "NL", region_code: null }, [0, 0]],
    ["another American cannot be placed without an IP address", { country: "US", region_code: "TX" }, null],
    ["nor can somebody of whom nothing is known", { country: null, region_code: null }, null],
  ])("limited mode without an IP address: %s", (_, place, expected) => {
    const client = { ...EXAMPLE_CLIENT, ip: null, ...place };
    const result = map(exampleEvent("page_viewed", { client, digests: EXAMPLE_PERSON }), {}, true);
    if (expected === null) expect(result).toEqual({ ok: false, reason: "limited_needs_region" });
    else {
      expect(result).toMatchObject({
        ok: true,
        body: { data_processing_options_country: expected[0], data_processing_options_state: expected[1] },
      });
    }
  });
  test("an item's price is what was paid for it", () => {
    const event = exampleEvent("checkout_completed", { client: EXAMPLE_CLIENT, commerce: EXAMPLE_ORDER });
    expect((sent(event)["custom_data"] as JsonObject)["contents"]).toMatchObject([
      { quantity: "2", item_price: "10.50" },
      { quantity: "1", item_price: "30.00" },
    ]);
  });
});

describe("what is sent at all", () => {
  test("custom events need the setting and have fixed numbers", () => {
    const names = (custom_events: boolean) =>
      EVENT_NAMES.flatMap((name) => {
        const result = map(exampleEvent(name, { client: EXAMPLE_CLIENT, commerce: EXAMPLE_ORDER }), {
          custom_events,
        });
        return result.ok ? [[name, result.body["event_name"]]] : [];
      });
    expect(names(false)).toEqual(
      EVENT_NAMES.filter((name) => snapchat.events[name]).map((name) => [name, snapchat.events[name]]),
    );
    expect(names(true).filter(([, name]) => String(name).startsWith("CUSTOM"))).toEqual([
      ["product_removed_from_cart", "CUSTOM_EVENT_1"],
      ["cart_viewed", "CUSTOM_EVENT_2"],
      ["checkout_contact_info_submitted", "CUSTOM_EVENT_5"],
      ["checkout_address_info_submitted", "CUSTOM_EVENT_5"],
      ["checkout_shipping_info_submitted", "CUSTOM_EVENT_3"],
      ["order_refunded", "CUSTOM_EVENT_4"],
    ]);
  });

  test("an email, a phone, or IP address and user agent together, are enough", () => {
    const purchase = (given: Partial<CanonicalEvent>) =>
      map(exampleEvent("checkout_completed", { commerce: EXAMPLE_ORDER, ...given })).ok;
    expect(purchase({ digests: { "email.lower": ["a".repeat(64)] } })).toBe(true);
    expect(purchase({ digests: { "phone.digits": ["a".repeat(64)] } })).toBe(true);
    expect(purchase({ client: EXAMPLE_CLIENT })).toBe(true);
    expect(purchase({ client: { ...EXAMPLE_CLIENT, ip: "::1" } })).toBe(false);
    expect(purchase({ client: { ...EXAMPLE_CLIENT, user_agent: null } })).toBe(false);
    expect(purchase({ digests: { "external_id.plain": ["b".repeat(64)] } })).toBe(false);
  });

  test("a purchase needs a value; 0 is one", () => {
    const purchase = (total: string | null, currency: string | null) =>
      map(exampleEvent("checkout_completed", {
        client: EXAMPLE_CLIENT,
        commerce: { ...EXAMPLE_ORDER, subtotal: null, items: [], total, currency },
      }));
    expect(purchase("0.00", "EUR")).toMatchObject({
      ok: true,
      body: { custom_data: { value: 0, currency: "EUR" } },
    });
    expect(purchase(null, "EUR")).toEqual({ ok: false, reason: "no_value" });
    expect(purchase("1.00", null)).toEqual({ ok: false, reason: "no_value" });
  });
});

describe("the request", () => {
  const context = { settings: SETTINGS, token: "eyJ+a/b=", baseUrl: snapchat.baseUrl, testCode: null };

  test("goes to the pixel with the token in the query", () => {
    expect(snapchat.request([{ a: 1 }, { b: 2 }], context)).toEqual({
      method: "POST",
      url:
        "https://tr.snapchat.com/v3/0e1f2a3b-4c5d-6e7f-8a9b-0c1d2e3f4a5b/events?access_token=eyJ%2Ba%2Fb%3D",
      headers: { "content-type": "application/json" },
      body: '{"data":[{"a":1},{"b":2}]}',
      redactedUrl: "https://tr.snapchat.com/v3/0e1f2a3b-4c5d-6e7f-8a9b-0c1d2e3f4a5b/events?access_token=***",
    });
  });
  test("a test code stands beside the events", () => {
    const request = snapchat.request([{ a: 1 }], { ...context, testCode: "TEST1" });
    expect(JSON.parse(request.body)).toEqual({ data: [{ a: 1 }], test_event_code: "TEST1" });
  });
  test.each(["123", "0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b", "0e1f2a3b-4c5d-6e7f-8a9b-0c1d2e3f4a5g"])(
    "the id %s is refused",
    (id) => expect(snapchat.settings.safeParse({ id }).error?.issues[0]?.message).toContain("UUID"),
  );
});

describe("the answer", () => {
  const read = (status: number, body: unknown, count = 1) =>
    snapchat.classify(
      { status, headers: {}, body: typeof body === "string" ? body : JSON.stringify(body) },
      count,
    );
  const time = "Param data['event_time'] is an invalid Unix timestamp.";

  test.each([[{ status: "VALID" }], [{ status: "VALID", reason: "" }], ["OK"], [""], ["[]"]])(
    "200 %j is a success",
    (body) => {
      expect(read(200, body, 2)).toMatchObject({ outcomes: [{ kind: "delivered" }, { kind: "delivered" }] });
    },
  );
  test.each([
    ["the live shape", { status: "INVALID", error_msgs: [time] }],
    ["the SDK's shape", { status: "INVALID", event: 0, errors: { codes: [517], error_msgs: [time] } }],
    ["the reason alone", { status: "INVALID", reason: time }],
  ])("400 in %s refuses with Snap's words; a batch is halved", (_, body) => {
    expect(read(400, body)).toMatchObject({
      outcomes: [{ kind: "permanent", reason: "invalid_event", detail: time, status: 400, lane_wide: false }],
    });
    expect(read(400, body, 3)).toMatchObject({ kind: "split", outcome: { kind: "permanent" } });
  });
  test("INVALID under a 200 is no success", () => {
    expect(read(200, { status: "INVALID", error_msgs: [time] })).toMatchObject({
      outcomes: [{ kind: "permanent" }],
    });
    expect(read(200, { status: "invalid" }, 2).kind).toBe("split");
  });
  test.each([
    [400, { status: "INVALID", error_msgs: ["invalid token"] }],
    [400, { status: "INVALID", reason: "Access token has expired" }],
    [401, { status: "INVALID" }],
  ])("%i %j holds the lane for a new token", (status, body) => {
    expect(read(status, body, 2)).toMatchObject({
      outcomes: [{ kind: "auth", reason: "token_refused", lane_wide: true }, { kind: "auth" }],
    });
  });
  test("no access to the pixel holds the lane", () => {
    expect(read(403, { status: "INVALID" })).toMatchObject({
      outcomes: [{ kind: "auth", reason: "not_permitted" }],
    });
  });
  test.each([[429, "throttled"], [500, "server_error"], [503, "server_error"]])(
    "%i is retried",
    (status, reason) => {
      expect(read(status, "<html>")).toMatchObject({
        outcomes: [{ kind: "retry", reason, lane_wide: true }],
      });
    },
  );
  test("a send in doubt is repeated once", () => {
    for (const name of EVENT_NAMES) expect(snapchat.inDoubtRepeats(name)).toBe(1);
  });
});
