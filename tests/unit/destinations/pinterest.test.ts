import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CanonicalEvent, EMPTY_IDENTIFIERS, EVENT_NAMES } from "@trakit/core/event.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { FORM_NAMES } from "@trakit/core/identity/forms.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { pinterest } from "@trakit/destinations/pinterest/index.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { canonicalEvent, onWire } from "./arbitrary.ts";

const SETTINGS = pinterest.settings.parse({ id: "549755885175" });

function map(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false) {
  const result = pinterest.map(event, { settings: { ...SETTINGS, ...given }, limited, now: EXAMPLE_NOW });
  return result.ok ? { ...result, body: onWire(result.body) } : result;
}

function sent(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false): JsonObject {
  const result = map(event, given, limited);
  if (!result.ok) throw new Error(`not sent: ${result.reason}`);
  return onWire(result.body);
}

/** Every key Pinterest's OpenAPI 5.23 knows at each level: one other key and the API refuses the whole request. */
const KEYS = {
  event:
    "event_name action_source event_time event_id user_data event_source_url opt_out partner_name custom_data language"
      .split(" "),
  user_data:
    "em ph fn ln ge db ct st zp country external_id hashed_maids client_ip_address client_user_agent click_id"
      .split(" "),
  custom_data:
    "value currency order_id content_ids contents num_items search_string content_name content_category content_brand predicted_ltv opt_out_type"
      .split(" "),
  contents: "id item_price quantity item_name item_category item_brand".split(" "),
};

describe("the body", () => {
  test("has no key Pinterest's closed schema does not know", () => {
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
        expect(content["quantity"]).toBeTypeOf("number");
      }
      if (data["value"] !== undefined) expect(data["value"]).toMatch(/^\d+(\.\d+)?$|^-\d/);
      expect(Object.hasOwn(data, "value")).toBe(Object.hasOwn(data, "currency"));
    }));
  });

  test("each field takes its own normal form, all as lists", () => {
    const digests = Object.fromEntries(
      FORM_NAMES.map((form, index) => [form, [String(index).padStart(64, "0")]]),
    );
    const expected = {
      em: "email.lower",
      ph: "phone.digits",
      ge: "gender.letter",
      db: "birth.yyyymmdd",
      fn: "first_name.lower",
      ln: "last_name.lower",
      ct: "city.compact",
      st: "region.code",
      zp: "postal.spaceless",
      country: "country.lower",
      external_id: "external_id.plain",
    };
    const body = sent(exampleEvent("checkout_completed", { digests, commerce: EXAMPLE_ORDER }));
    expect(body["user_data"]).toEqual(
      Object.fromEntries(Object.entries(expected).map(([field, form]) => [field, digests[form]])),
    );
  });

  test("the time is in whole seconds, never in the future", () => {
    const at = (occurred_at: string) =>
      sent(exampleEvent("page_viewed", { occurred_at, client: EXAMPLE_CLIENT }));
    expect(at("2026-03-14T09:26:53.999Z")["event_time"]).toBe(1773480413);
    expect(at("2026-03-14T10:00:00.000Z")["event_time"]).toBe(EXAMPLE_NOW / 1000);
  });

  test.each([["en-US", "en"], ["nl", "nl"], ["zh-Hant-TW", "zh"], ["PT_br", "pt"], ["fil-PH", undefined], [
    "",
    undefined,
  ]])(
    "language %j is sent as %j",
    (language, expected) => {
      const event = exampleEvent("page_viewed", { client: { ...EXAMPLE_CLIENT, language } });
      expect(sent(event)["language"]).toBe(expected);
    },
  );

  test("a till's sale is offline, every other channel is web", () => {
    const source = (channel: CanonicalEvent["channel"]) =>
      sent(exampleEvent("checkout_completed", { channel, commerce: EXAMPLE_ORDER, digests: EXAMPLE_PERSON }))[
        "action_source"
      ];
    expect(source("pos")).toBe("offline");
    for (const channel of ["web", "app", "draft", "subscription", "other"] as const) {
      expect(source(channel)).toBe("web");
    }
  });

  test("the value follows the shop's rule", () => {
    const value = (rule: "total" | "subtotal" | "items_without_tax") =>
      (sent(exampleEvent("checkout_completed", { commerce: EXAMPLE_ORDER, digests: EXAMPLE_PERSON }), {
        value: rule,
      })[
        "custom_data"
      ] as JsonObject)["value"];
    expect([value("total"), value("subtotal"), value("items_without_tax")]).toEqual([
      "55.95",
      "51.00",
      "42.15",
    ]);
  });

  test("a list of products on a page carries them but no value", () => {
    const event = exampleEvent("collection_viewed", {
      client: EXAMPLE_CLIENT,
      commerce: { ...EXAMPLE_ORDER, total: null, subtotal: null, collection_title: "Mugs" },
    });
    const data = sent(event)["custom_data"] as JsonObject;
    expect(data).toMatchObject({ content_ids: ["44001", "44002"], content_category: "Mugs" });
    expect(data).not.toHaveProperty("value");
  });

  test("a search carries its words", () => {
    const event = exampleEvent("search_submitted", {
      client: EXAMPLE_CLIENT,
      commerce: { ...EXAMPLE_ORDER, items: [], search_query: " blue mug " },
    });
    expect(sent(event)["custom_data"]).toEqual({ search_string: "blue mug" });
  });
});

describe("what is sent at all", () => {
  test("custom events need the setting, and a refund's amount is never taken for revenue", () => {
    const known = (custom_events: boolean) =>
      EVENT_NAMES.filter((name) =>
        map(exampleEvent(name, { client: EXAMPLE_CLIENT, commerce: EXAMPLE_ORDER }), { custom_events }).ok
      );
    expect(known(false)).toEqual(EVENT_NAMES.filter((name) => pinterest.events[name] !== undefined));
    expect(known(true).filter((name) => !known(false).includes(name))).toEqual([
      "product_removed_from_cart",
      "cart_viewed",
      "checkout_contact_info_submitted",
      "checkout_address_info_submitted",
      "checkout_shipping_info_submitted",
      "order_refunded",
    ]);
    const refund = map(exampleEvent("order_refunded", { client: EXAMPLE_CLIENT, commerce: EXAMPLE_ORDER }), {
      custom_events: ["order_refunded"],
    });
    expect(refund).toMatchObject({ ok: true, body: { event_name: "custom" } });
    expect(JSON.stringify(refund)).not.toContain('"value"');
  });

  test("an email, or IP address and user agent together, are enough", () => {
    const purchase = (given: Partial<CanonicalEvent>) =>
      map(exampleEvent("checkout_completed", { commerce: EXAMPLE_ORDER, ...given })).ok;
    expect(purchase({ digests: { "email.lower": ["a".repeat(64)] } })).toBe(true);
    expect(purchase({ client: EXAMPLE_CLIENT })).toBe(true);
    expect(purchase({ client: { ...EXAMPLE_CLIENT, ip: null } })).toBe(false);
    expect(purchase({ client: { ...EXAMPLE_CLIENT, user_agent: " " } })).toBe(false);
    expect(purchase({ client: { ...EXAMPLE_CLIENT, ip: "10.0.0.5" } })).toBe(false);
    expect(purchase({ digests: { "phone.digits": ["a".repeat(64)], "external_id.plain": ["b".repeat(64)] } }))
      .toBe(
        false,
      );
  });

  test("limited mode sets LDP, and is refused where Pinterest could not apply it", () => {
    const event = exampleEvent("checkout_completed", { commerce: EXAMPLE_ORDER, digests: EXAMPLE_PERSON });
    expect(sent(event, {}, true)["custom_data"]).toMatchObject({ opt_out_type: "LDP" });
    expect(sent(event)["custom_data"]).not.toHaveProperty("opt_out_type");
    const { "region.code": _, ...digests } = EXAMPLE_PERSON;
    expect(map({ ...event, digests }, {}, true)).toEqual({ ok: false, reason: "limited_needs_region" });
  });
});

describe("the request", () => {
  const context = { settings: SETTINGS, token: "pina_token", baseUrl: pinterest.baseUrl, testCode: null };

  test("goes to the ad account with the token in the header", () => {
    expect(pinterest.request([{ a: 1 }, { b: 2 }], context)).toEqual({
      method: "POST",
      url: "https://api.pinterest.com/v5/ad_accounts/549755885175/events",
      headers: { "authorization": "Bearer pina_token", "content-type": "application/json" },
      body: '{"data":[{"a":1},{"b":2}]}',
      redactedUrl: "https://api.pinterest.com/v5/ad_accounts/549755885175/events",
    });
  });
  test("is a test only with a test code", () => {
    expect(pinterest.request([{}], { ...context, testCode: "TEST" }).url).toMatch(/\/events\?test=true$/);
  });
  test.each(["1234567890123456789", "12a", "-1", "act_1"])("the id %s is refused", (id) => {
    expect(pinterest.settings.safeParse({ id }).error?.issues[0]?.message).toContain("18 digits");
  });
});

describe("the answer", () => {
  const read = (status: number, body: unknown, count = 1) =>
    pinterest.classify(
      { status, headers: {}, body: typeof body === "string" ? body : JSON.stringify(body) },
      count,
    );
  const ok = { status: "processed", error_message: null, warning_message: null };
  const bad = { status: "failed", error_message: "em is not hashed", warning_message: null };
  const old = {
    status: "failed",
    error_message: "Invalid event_timestamp parameter. Given timestamp is in the past.",
  };

  test("200 says it per event, in order; a warning does not fail", () => {
    const warned = { ...ok, warning_message: "no click_id" };
    const body = { num_events_received: 4, num_events_processed: 2, events: [ok, bad, warned, old] };
    expect(read(200, body, 4)).toEqual({
      kind: "each",
      outcomes: [
        {
          kind: "delivered",
          reason: "accepted",
          detail: null,
          status: 200,
          retry_after_ms: null,
          lane_wide: false,
        },
        expect.objectContaining({
          kind: "permanent",
          reason: "invalid_event",
          detail: "em is not hashed",
          lane_wide: false,
        }),
        expect.objectContaining({ kind: "delivered", reason: "accepted", detail: "no click_id" }),
        expect.objectContaining({ kind: "permanent", reason: "too_old" }),
      ],
    });
  });
  test("422 says it per event too: what was processed is done", () => {
    const details = { num_events_processed: 1, num_events_received: 2, events: [ok, bad] };
    expect(read(422, { code: 953, message: "Not all events were processed", details }, 2)).toMatchObject({
      kind: "each",
      outcomes: [{ kind: "delivered" }, { kind: "permanent", status: 422 }],
    });
  });
  test("200 without a list counts as its numbers say", () => {
    expect(read(200, { num_events_received: 2, num_events_processed: 2 }, 2)).toMatchObject({
      outcomes: [{ kind: "delivered" }, { kind: "delivered" }],
    });
    expect(read(200, { num_events_received: 2, num_events_processed: 0 }, 2)).toMatchObject({
      kind: "split",
    });
    expect(read(200, { num_events_received: 1, num_events_processed: 0 })).toMatchObject({
      outcomes: [{ kind: "permanent" }],
    });
    expect(read(200, "")).toMatchObject({ outcomes: [{ kind: "in_doubt", reason: "result_unclear" }] });
    expect(read(200, {})).toMatchObject({ outcomes: [{ kind: "in_doubt", reason: "result_unclear" }] });
  });
  test("where some of a batch were booked and it is not said which, all are in doubt", () => {
    expect(read(200, { num_events_received: 3, num_events_processed: 1 }, 3)).toMatchObject({
      outcomes: [{ kind: "in_doubt", reason: "result_unclear" }, { kind: "in_doubt" }, { kind: "in_doubt" }],
    });
    expect(read(422, { code: 953, details: { num_events_processed: 1, events: [ok] } }, 3)).toMatchObject({
      outcomes: [{ kind: "in_doubt" }, { kind: "in_doubt" }, { kind: "in_doubt" }],
    });
  });
  test("400 refuses the request: a batch is halved, one event fails with Pinterest's words", () => {
    const body = {
      code: 4196,
      message: "Invalid request: Additional properties are not allowed ('category_name' was unexpected)",
    };
    expect(read(400, body, 2)).toMatchObject({ kind: "split", outcome: { kind: "permanent" } });
    expect(read(400, body)).toMatchObject({
      outcomes: [{
        kind: "permanent",
        reason: "invalid_event",
        detail: expect.stringContaining("category_name"),
      }],
    });
  });
  test("422 without details is treated as a refused request", () => {
    expect(read(422, { code: 953, message: "no" }, 2).kind).toBe("split");
    expect(read(422, "garbage")).toMatchObject({ outcomes: [{ kind: "permanent" }] });
  });
  test.each([
    [401, { code: 2, message: "Authentication failed." }, "auth", "token_refused"],
    [403, { code: 29, message: "You are not permitted to access that resource." }, "auth", "not_permitted"],
    [429, { code: 8, message: "This request exceeded a rate limit." }, "retry", "throttled"],
    [503, { code: 4197, message: "The endpoint has been ramped down." }, "retry", "server_error"],
    [500, "", "retry", "server_error"],
  ])("%i opens or holds the lane", (status, body, kind, reason) => {
    expect(read(status, body, 2)).toMatchObject({
      outcomes: [{ kind, reason, lane_wide: true, status }, { kind, reason, lane_wide: true, status }],
    });
  });
  test("a send in doubt is repeated once", () => {
    for (const name of EVENT_NAMES) expect(pinterest.inDoubtRepeats(name)).toBe(1);
  });
});

test("the browser's _pin_unauth is one more external id, hashed; what is none is not", () => {
  const ids = (pin_unauth: string | null) => {
    const event = exampleEvent("page_viewed", {
      client: EXAMPLE_CLIENT,
      digests: { "external_id.plain": ["a".repeat(64)] },
      identifiers: { ...EMPTY_IDENTIFIERS, pin_unauth },
    });
    const mapped = pinterest.map(event, { settings: SETTINGS, limited: false, now: EXAMPLE_NOW });
    return mapped.ok ? (mapped.body["user_data"] as JsonObject)["external_id"] : null;
  };
  expect(ids("dWlkPU1qTXpORw")).toEqual(["a".repeat(64), sha256Hex("dWlkPU1qTXpORw")]);
  expect(ids("two words")).toEqual(["a".repeat(64)]);
  expect(ids(null)).toEqual(["a".repeat(64)]);
});
