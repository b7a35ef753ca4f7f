import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type CanonicalEvent,
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EVENT_NAMES,
  type EventName,
} from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { FORM_NAMES } from "@trakit/core/identity/forms.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { tiktok } from "@trakit/destinations/tiktok/index.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { canonicalEvent, onWire } from "./arbitrary.ts";

const SETTINGS = tiktok.settings.parse({ id: "C4ABCDEF0123456789AB" });
const PAGE = { url: "https://mugs.example/", referrer: null, title: null };

function map(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false) {
  const result = tiktok.map(event, { settings: { ...SETTINGS, ...given }, limited, now: EXAMPLE_NOW });
  return result.ok ? { ...result, body: onWire(result.body) } : result;
}

function sent(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false): JsonObject {
  const result = map(event, given, limited);
  if (!result.ok) throw new Error(`not sent: ${result.reason}`);
  return onWire(result.body);
}

function refused(
  event: CanonicalEvent,
  given: Partial<typeof SETTINGS> = {},
  limited = false,
): string | null {
  const result = map(event, given, limited);
  return result.ok ? null : result.reason;
}

function purchase(given: Partial<CanonicalEvent> = {}): CanonicalEvent {
  return exampleEvent("checkout_completed", {
    page: PAGE,
    commerce: EXAMPLE_ORDER,
    digests: EXAMPLE_PERSON,
    client: EXAMPLE_CLIENT,
    ...given,
  });
}

describe("the event", () => {
  const names: Record<EventName, [off: string | null, on: string | null]> = {
    page_viewed: ["Pageview", "Pageview"],
    product_viewed: ["ViewContent", "ViewContent"],
    collection_viewed: ["ViewContent", "ViewContent"],
    search_submitted: ["Search", "Search"],
    product_added_to_cart: ["AddToCart", "AddToCart"],
    product_removed_from_cart: [null, "RemoveFromCart"],
    cart_viewed: [null, "ViewCart"],
    checkout_started: ["InitiateCheckout", "InitiateCheckout"],
    checkout_contact_info_submitted: [null, "AddContactInfo"],
    checkout_address_info_submitted: [null, "AddAddressInfo"],
    checkout_shipping_info_submitted: [null, "AddShippingInfo"],
    payment_info_submitted: ["AddPaymentInfo", "AddPaymentInfo"],
    checkout_completed: ["Purchase", "Purchase"],
    order_refunded: [null, "OrderRefunded"],
    customer_registered: ["CompleteRegistration", "CompleteRegistration"],
    lead_submitted: ["Lead", "Lead"],
  };

  test.each(EVENT_NAMES)("%s has TikTok's name, or one of its own with custom_events, or none", (name) => {
    const named = [false, true].map((custom_events) => {
      const result = map({ ...purchase(), name }, { custom_events });
      return result.ok ? result.body["event"] : result.reason === "no_such_event" ? null : result.reason;
    });
    expect(named).toEqual(names[name]);
  });

  test("time is in whole seconds and the id is a string", () => {
    const body = sent(purchase({ occurred_at: "2026-03-14T09:26:53.999Z" }));
    expect(body).toMatchObject({ event_time: 1773480413, event_id: "0123456789abcdef0123456789abcdef" });
  });

  test("a till sale needs an Offline Event Set, a web event a page", () => {
    expect(refused(purchase({ channel: "pos" }))).toBe("needs_offline_event_set");
    expect(refused(purchase({ page: { ...PAGE, url: null } }))).toBe("no_page_url");
    expect(refused(purchase({ page: { ...PAGE, url: "about:blank" } }))).toBe("no_page_url");
  });

  test("a till sale goes into the Offline Event Set that is entered, with the keys of the person alone", () => {
    const settings = { ...SETTINGS, offline_event_set: "7123456789012345678" };
    const body = sent(purchase({ channel: "pos", page: { ...PAGE, url: null } }), settings);
    expect(body["page"]).toBeUndefined();
    expect(body["limited_data_use"]).toBeUndefined();
    expect(Object.keys(body["user"] as JsonObject)).toEqual(["email", "phone"]);
    const context = { token: "tkn-01234567", baseUrl: "https://business-api.tiktok.com", testCode: null };
    expect(JSON.parse(tiktok.request([body], { ...context, settings }).body)).toMatchObject({
      event_source: "offline",
      event_source_id: "7123456789012345678",
    });
    expect(refused(purchase({ channel: "pos" }), settings, true)).toBe("limited_not_offline");
    const custom = exampleEvent("cart_viewed", { channel: "pos", digests: EXAMPLE_PERSON });
    expect(refused(custom, { ...settings, custom_events: true })).toBe("no_such_event");
    expect(refused({ ...custom, name: "page_viewed" }, settings)).toBe("no_such_event");
    const key = tiktok.limits.perRequestKey!;
    expect(key(body)).not.toBe(key(sent(purchase())));
    expect(tiktok.settings.safeParse({ id: SETTINGS.id, offline_event_set: "a b" }).success).toBe(false);
  });

  test("has only 2.0 keys; ids are strings, amounts numbers", () => {
    const keys = {
      event: "event event_time event_id user page properties limited_data_use",
      user:
        "email phone external_id first_name last_name zip_code city state country ip user_agent ttclid ttp locale",
      page: "url referrer",
      properties:
        "value currency contents content_ids content_type num_items description order_id search_string customer_type",
    };
    fc.assert(fc.property(canonicalEvent, fc.boolean(), (event, limited) => {
      const result = map(event, { custom_events: true }, limited);
      if (!result.ok) return;
      const { user, page, properties = {} } = result.body as Record<string, JsonObject>;
      expect(keys.event.split(" ")).toEqual(expect.arrayContaining(Object.keys(result.body)));
      expect(keys.user.split(" ")).toEqual(expect.arrayContaining(Object.keys(user!)));
      expect(keys.page.split(" ")).toEqual(expect.arrayContaining(Object.keys(page!)));
      expect(keys.properties.split(" ")).toEqual(expect.arrayContaining(Object.keys(properties)));
      expect(result.body["limited_data_use"]).toBe(limited);
      expect(Object.hasOwn(properties, "value")).toBe(Object.hasOwn(properties, "currency"));
      if (properties["value"] !== undefined) expect(properties["value"]).toBeTypeOf("number");
      for (const content of (properties["contents"] ?? []) as JsonObject[]) {
        expect(content["content_id"]).toBeTypeOf("string");
        if (content["price"] !== undefined) expect(content["price"]).toBeTypeOf("number");
      }
      for (const key of ["email", "phone", "external_id"]) {
        for (const digest of (user![key] ?? []) as string[]) expect(digest).toMatch(/^[0-9a-f]{64}$/);
      }
      for (const key of ["first_name", "last_name", "zip_code"]) {
        if (user![key] !== undefined) expect(user![key]).toMatch(/^[0-9a-f]{64}$/);
      }
    }));
  });
});

describe("money and items", () => {
  test("a currency TikTok does not take is never relabelled: no amount goes, the purchase does", () => {
    for (const currency of ["BGN", "RSD", "XAF", null]) {
      const properties = sent(
        purchase({ commerce: { ...EXAMPLE_ORDER, currency } }),
      )["properties"] as JsonObject;
      expect(JSON.stringify(properties)).not.toMatch(/"(value|currency|price)"/);
      expect(properties).toMatchObject({ order_id: "5678901234567", num_items: 3 });
    }
    expect(sent(purchase())["properties"]).toMatchObject({ value: 55.95, currency: "EUR" });
  });

  test("product ids name a product group, and a collection always goes by product, without a value", () => {
    expect(sent(purchase(), { content_ids: "product" })["properties"]).toMatchObject({
      content_ids: ["8101", "8102"],
      content_type: "product_group",
    });
    const commerce = { ...EXAMPLE_ORDER, collection_title: "Kitchen" };
    const collection = sent({ ...purchase({ commerce }), name: "collection_viewed" })["properties"];
    expect(collection).toMatchObject({
      content_ids: ["8101", "8102"],
      content_type: "product_group",
      description: "Kitchen",
    });
    expect(collection).not.toHaveProperty("value");
  });
});

describe("user", () => {
  test("each key takes its own normal form; the address goes in clear", () => {
    const digests = Object.fromEntries(FORM_NAMES.map((form) => [form, [sha256Hex(form)]]));
    const client = {
      ...EMPTY_CLIENT,
      city: "São Paulo",
      region: "São Paulo",
      region_code: "SP",
      postal_code: "01310-100",
      country: "BR",
      language: "pt-BR",
    };
    expect(sent(purchase({ digests, client }))["user"]).toEqual({
      email: [sha256Hex("email.lower")],
      phone: [sha256Hex("phone.e164"), sha256Hex("phone.national_cn")],
      external_id: [sha256Hex("external_id.lower")],
      first_name: sha256Hex("first_name.compact"),
      last_name: sha256Hex("last_name.compact"),
      zip_code: sha256Hex("postal.alnum"),
      city: "sãopaulo",
      state: "sp",
      country: "br",
      locale: "pt-BR",
    });
  });

  test("a Chinese phone goes in both readings, any other in one", () => {
    const person = {
      emails: [],
      first_name: null,
      last_name: null,
      street: null,
      city: null,
      region: null,
      region_code: null,
      postal_code: null,
      country: null,
      external_ids: [],
    };
    const phones = (value: string) => {
      const { digests } = captureDigests({ ...person, phones: [{ value, country: null }] });
      return (sent(purchase({ digests }))["user"] as JsonObject)["phone"];
    };
    expect(phones("+86 138 0000 0000")).toEqual([
      "cc0058bc7784ae0358acf0c091025c7a69d400e148d8688badfa029c9f8c686e",
      "359ea74a80a57accd42a7311ed96eca04f3e631d0ab34ea76808c543240d8a68",
    ]);
    expect(phones("0044 7911 123456")).toEqual([
      "20b18ac9de7b3aad174961827d8e451c410af9aedfd1d699927f4b29b81aa1fa",
    ]);
  });

  test("a click id of up to 1000 characters goes whole, anything longer or with blanks not at all", () => {
    const ttclid = (value: string) =>
      (sent(purchase({ identifiers: { ...EMPTY_IDENTIFIERS, ttclid: value } }))["user"] as JsonObject)[
        "ttclid"
      ];
    const longest = "E.C.P." + "aB".repeat(497);
    expect(ttclid(longest)).toBe(longest);
    expect(ttclid(`${longest}x`)).toBeUndefined();
    expect(ttclid("E.C.P. x")).toBeUndefined();
  });

  test("without a key TikTok can match on nothing is sent", () => {
    const client = {
      ...EMPTY_CLIENT,
      user_agent: "Mozilla/5.0",
      city: "Utrecht",
      country: "NL",
      language: "nl",
    };
    expect(refused(purchase({ digests: { "first_name.compact": [sha256Hex("john")] }, client }))).toBe(
      "too_little_user_data",
    );
    expect(refused(purchase({ digests: {}, client: { ...client, ip: "203.0.113.9" } }))).toBeNull();
    expect(refused(purchase({ digests: {}, client, identifiers: { ...EMPTY_IDENTIFIERS, ttp: "abc" } })))
      .toBeNull();
  });

  test("limited data use needs a public IP address to take effect", () => {
    expect(sent(purchase(), {}, true)["limited_data_use"]).toBe(true);
    expect(refused(purchase({ client: { ...EXAMPLE_CLIENT, ip: "10.0.0.1" } }), {}, true)).toBe(
      "limited_needs_ip",
    );
  });
});

describe("settings and request", () => {
  test("a pixel id with anything but letters, digits, dash and underscore is refused in words", () => {
    expect(tiktok.settings.safeParse({ id: "C4/../x" }).error?.issues[0]?.message).toMatch(
      /letters and digits/,
    );
    expect(tiktok.settings.safeParse({}).error?.issues[0]?.message).toMatch(/"id" is missing/);
  });

  test("goes to the track endpoint with the token in the header, and a test code only in test mode", () => {
    const context = {
      settings: SETTINGS,
      token: "tok0123",
      baseUrl: "https://business-api.tiktok.com",
      testCode: null,
    };
    const body = sent(purchase());
    expect(tiktok.request([body, body], context)).toEqual({
      method: "POST",
      url: "https://business-api.tiktok.com/open_api/v1.3/event/track/",
      headers: { "access-token": "tok0123", "content-type": "application/json" },
      body: JSON.stringify({
        event_source: "web",
        event_source_id: "C4ABCDEF0123456789AB",
        partner_name: "trakit",
        data: [body, body],
      }),
      redactedUrl: "https://business-api.tiktok.com/open_api/v1.3/event/track/",
    });
    const testing = tiktok.request([body], { ...context, testCode: "TEST123" });
    expect(JSON.parse(testing.body)).toMatchObject({ test_event_code: "TEST123" });
  });

  test("a send in doubt is repeated: two API copies count once for 48 hours", () => {
    for (const name of EVENT_NAMES) expect(tiktok.inDoubtRepeats(name)).toBeGreaterThan(1);
  });
});
