import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type CanonicalEvent,
  type Channel,
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EVENT_NAMES,
  type EventName,
} from "@trakit/core/event.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { FORM_NAMES, type FormName } from "@trakit/core/identity/forms.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { meta } from "@trakit/destinations/meta/index.ts";
import { partSettings } from "@trakit/destinations/shared/secrets.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { canonicalEvent, onWire } from "./arbitrary.ts";

const SETTINGS = meta.settings.parse({ id: "1234567890123456" });
const DAY = 24 * 60 * 60 * 1000;
const PAGE = { url: "https://mugs.example/", referrer: null, title: null };

function map(
  event: CanonicalEvent,
  given: Partial<typeof SETTINGS> = {},
  limited = false,
  now = EXAMPLE_NOW,
) {
  const result = meta.map(event, { settings: { ...SETTINGS, ...given }, limited, now });
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
    page_viewed: ["PageView", "PageView"],
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

  test.each(EVENT_NAMES)("%s has Meta's name, or one of its own with custom_events, or none", (name) => {
    const named = [false, true].map((custom_events) => {
      const result = map({ ...purchase(), name }, { custom_events });
      return result.ok ? result.body["event_name"] : result.reason === "no_such_event" ? null : result.reason;
    });
    expect(named).toEqual(names[name]);
  });

  test("time is in whole seconds", () => {
    expect(sent(purchase({ occurred_at: "2026-03-14T09:26:53.999Z" }))["event_time"]).toBe(1773480413);
  });

  test("is refused a minute before it is 7 days old, at a till 62 days: one too old kills the request", () => {
    const aged = (age: number, channel: Channel) =>
      refused(purchase({ channel, occurred_at: new Date(EXAMPLE_NOW - age).toISOString() }));
    expect(aged(7 * DAY - 60_000, "web")).toBeNull();
    expect(aged(7 * DAY - 59_999, "web")).toBe("too_old");
    expect(aged(62 * DAY - 60_000, "pos")).toBeNull();
    expect(aged(62 * DAY - 59_999, "pos")).toBe("too_old");
  });

  test.each<[Channel, string | null, string | null, string]>([
    ["web", "https://mugs.example/", "Mozilla/5.0", "website"],
    ["draft", "https://mugs.example/", "Mozilla/5.0", "website"],
    ["web", "https://mugs.example/", null, "system_generated"],
    ["web", "https://mugs.example/", " ", "system_generated"],
    ["web", null, "Mozilla/5.0", "system_generated"],
    ["web", "file:///etc/hosts", "Mozilla/5.0", "system_generated"],
    ["pos", null, null, "physical_store"],
    ["subscription", "https://mugs.example/", "Mozilla/5.0", "system_generated"],
    ["app", "https://mugs.example/", "Mozilla/5.0", "other"],
  ])(
    "from channel %s with page %s and user agent %s its action source is %s",
    (channel, url, agent, source) => {
      const client = { ...EXAMPLE_CLIENT, user_agent: agent };
      expect(sent(purchase({ channel, client, page: { ...PAGE, url } }))["action_source"]).toBe(source);
    },
  );

  test("a website event always has page and user agent", () => {
    fc.assert(fc.property(canonicalEvent, fc.boolean(), (event, limited) => {
      const result = map(event, { custom_events: true }, limited);
      if (!result.ok || result.body["action_source"] !== "website") return;
      expect(result.body["event_source_url"]).toMatch(/^https?:/);
      expect((result.body["user_data"] as JsonObject)["client_user_agent"]).toBeTruthy();
    }));
  });
});

describe("money and items", () => {
  test("a purchase without amount or currency is not sent: Meta refuses the request", () => {
    expect(refused(purchase({ commerce: { ...EXAMPLE_ORDER, currency: null } }))).toBe("no_value");
    const nothing = { ...EXAMPLE_ORDER, total: null, subtotal: null, items: [] };
    expect(refused(purchase({ commerce: nothing }))).toBe("no_value");
  });

  test("a free order is worth the number 0", () => {
    const custom = sent(purchase({ commerce: { ...EXAMPLE_ORDER, total: "0.00" } }))["custom_data"];
    expect(custom).toMatchObject({ value: 0, currency: "EUR" });
  });

  test("value and currency go together and prices only with a currency", () => {
    fc.assert(fc.property(canonicalEvent, (event) => {
      const result = map(event, { custom_events: true });
      if (!result.ok) return;
      const custom = (result.body["custom_data"] ?? {}) as JsonObject;
      expect(Object.hasOwn(custom, "value")).toBe(Object.hasOwn(custom, "currency"));
      for (const content of (custom["contents"] ?? []) as JsonObject[]) {
        expect(content["id"]).toBeTypeOf("string");
        expect(Object.hasOwn(content, "item_price")).toBe(event.commerce.currency !== null);
      }
    }));
  });

  test("product ids name a product group, and a collection always goes by product", () => {
    const type = (event: CanonicalEvent, content_ids: "variant" | "product") =>
      (sent(event, { content_ids })["custom_data"] as JsonObject)["content_type"];
    expect(type(purchase(), "variant")).toBe("product");
    expect(type(purchase(), "product")).toBe("product_group");
    const collection: CanonicalEvent = { ...purchase(), name: "collection_viewed" };
    expect(sent(collection)["custom_data"]).toMatchObject({
      content_ids: ["8101", "8102"],
      content_type: "product_group",
    });
    expect(sent(collection)["custom_data"]).not.toHaveProperty("value");
  });

  test("an item without any id is counted but not listed", () => {
    const [mug] = EXAMPLE_ORDER.items;
    const nameless = { ...mug!, product_id: null, variant_id: null, sku: null };
    const custom = sent(purchase({ commerce: { ...EXAMPLE_ORDER, items: [mug!, nameless] } }))["custom_data"];
    expect(custom).toMatchObject({ content_ids: ["44001"], num_items: 4 });
  });

  test("a search says what was searched, and a known customer is one", () => {
    const search: CanonicalEvent = {
      ...purchase(),
      name: "search_submitted",
      commerce: { ...EXAMPLE_ORDER, search_query: " mugs " },
    };
    expect(sent(search)["custom_data"]).toMatchObject({ search_string: "mugs" });
    const returning = purchase({ commerce: { ...EXAMPLE_ORDER, customer_type: "returning" } });
    expect(sent(returning)["customer_segmentation"]).toBe("existing_customer_to_business");
  });
});

describe("user_data", () => {
  test("each key takes its own normal form", () => {
    const digests = Object.fromEntries(FORM_NAMES.map((form) => [form, [sha256Hex(form)]]));
    const forms: Record<string, FormName> = {
      em: "email.lower",
      ph: "phone.digits",
      fn: "first_name.compact",
      ln: "last_name.compact",
      ct: "city.compact",
      st: "region.meta",
      zp: "postal.alnum",
      country: "country.lower",
      ge: "gender.letter",
      db: "birth.yyyymmdd",
      external_id: "external_id.lower",
    };
    expect(sent(purchase({ digests, client: EMPTY_CLIENT }))["user_data"]).toEqual(
      Object.fromEntries(
        Object.entries(forms).map(([key, form]) => [
          key,
          // Of a city that has other letters, the spelling in plain ones too (reference: meta §4).
          key === "ct" ? [sha256Hex(form), sha256Hex("city.folded")] : [sha256Hex(form)],
        ]),
      ),
    );
  });

  test("what Meta must not get hashed goes as it is", () => {
    const identifiers = {
      ...EMPTY_IDENTIFIERS,
      fbp: "fb.1.1773480000123.1098115397.AQQCAQMC",
      fbc: "fb.2.1773480001456.IwAR0_a-B.c.AQQCAQMC",
    };
    expect(sent(purchase({ digests: {}, identifiers }))["user_data"]).toEqual({
      client_ip_address: "203.0.113.9",
      client_user_agent: EXAMPLE_CLIENT.user_agent,
      fbp: identifiers.fbp,
      fbc: identifiers.fbc,
    });
  });

  test.each([
    "IwAR0_a-B",
    "fb.1.1773480001456.",
    "fb.1.1773480001456",
    "fb.x.1773480001456.abc",
    "fb.1.177348.abc",
    "fb.1.1773480001456.ab c",
    "fb.1.1773480001456.äb",
    `fb.1.1773480001456.${"a".repeat(2000)}`,
    " fb.1.1773480001456.abc",
    "",
  ])("the malformed click id %j is left out: Meta refuses the request for it", (fbc) => {
    const user = sent(purchase({ identifiers: { ...EMPTY_IDENTIFIERS, fbc } }))["user_data"];
    expect(user).not.toHaveProperty("fbc");
  });

  test.each(["1098115397", "fb.1.1773480000123.abc", "fb.1.1773480000123.", "fb.1.1.1098115397"])(
    "the malformed browser id %j is left out",
    (fbp) => {
      const user = sent(purchase({ identifiers: { ...EMPTY_IDENTIFIERS, fbp } }))["user_data"];
      expect(user).not.toHaveProperty("fbp");
    },
  );

  const digest = [sha256Hex("x")];
  const forms: Record<string, FormName> = {
    ct: "city.compact",
    country: "country.lower",
    st: "region.meta",
    zp: "postal.alnum",
    ge: "gender.letter",
    db: "birth.yyyymmdd",
    fn: "first_name.compact",
    ln: "last_name.compact",
    em: "email.lower",
    ph: "phone.digits",
    external_id: "external_id.lower",
  };
  function known(keys: string): CanonicalEvent {
    const all = keys.split("+").filter(Boolean);
    return purchase({
      digests: Object.fromEntries(all.filter((key) => key in forms).map((key) => [forms[key]!, digest])),
      client: { ...EMPTY_CLIENT, user_agent: all.includes("ua") ? "Mozilla/5.0" : null },
      identifiers: {
        ...EMPTY_IDENTIFIERS,
        fbp: all.includes("fbp") ? "fb.1.1773480000123.1098115397" : null,
      },
    });
  }

  test.each(["", "ua", "country+ua", "ct+country+st+zp+ge+ua", "db+ua", "db", "fn+ge", "fn", "ln+ge"])(
    "%j alone is too little",
    (keys) => {
      expect(refused(known(keys))).toBe("too_little_user_data");
    },
  );

  test.each(["em", "ph", "external_id", "fbp", "country+ua+fbp", "db+ua+ct", "fn+ln", "fn+ge+ct", "em+ua"])(
    "%j is enough",
    (keys) => {
      expect(refused(known(keys))).toBeNull();
    },
  );
});

describe("limited data use", () => {
  const limited = (client: Partial<CanonicalEvent["client"]>) =>
    map(purchase({ client: { ...EMPTY_CLIENT, ...client } }), {}, true);

  test.each([
    [{ country: "US", region_code: "CA" }, 1, 1000],
    [{ country: "US", region_code: "ri" }, 1, 1013],
    [{ country: "US", region: "Ohio", region_code: "OH" }, 0, 0],
    [{ country: "CA", region_code: "CA" }, 0, 0],
    [{ ip: "203.0.113.9" }, 0, 0],
    [{ ip: "203.0.113.9", country: "US" }, 0, 0],
  ])("of %j is country %i, state %i", (client, country, state) => {
    expect(limited(client)).toMatchObject({
      ok: true,
      body: {
        data_processing_options: ["LDU"],
        data_processing_options_country: country,
        data_processing_options_state: state,
      },
    });
  });

  test.each([[{}], [{ country: "US" }], [{ country: "US", ip: "10.0.0.1" }]])(
    "of %j could not be applied by Meta, so nothing is sent",
    (client) => {
      expect(limited(client)).toMatchObject({ ok: false, reason: "limited_needs_region" });
    },
  );

  test("is not mentioned where it does not apply", () => {
    expect(Object.keys(sent(purchase())).join()).not.toContain("data_processing");
  });
});

describe("settings and request", () => {
  test("a pixel id of anything but digits is refused in words", () => {
    const result = meta.settings.safeParse({ id: "px-123456" });
    expect(result.error?.issues[0]?.message).toMatch(/5 to 20 digits/);
    expect(meta.settings.safeParse({}).error?.issues[0]?.message).toMatch(/"id" is missing/);
  });

  test("goes to the pixel with the token in the header, and a test code only in test mode", () => {
    const context = {
      settings: SETTINGS,
      token: "EAAG0123",
      baseUrl: "https://graph.facebook.com",
      testCode: null,
    };
    const body = sent(purchase());
    const request = meta.request([body, body], context);
    expect(request).toEqual({
      method: "POST",
      url: "https://graph.facebook.com/v25.0/1234567890123456/events",
      headers: { "authorization": "Bearer EAAG0123", "content-type": "application/json" },
      body: JSON.stringify({ data: [body, body], partner_agent: "trakit-1-0" }),
      redactedUrl: "https://graph.facebook.com/v25.0/1234567890123456/events",
    });
    const testing = meta.request([body], { ...context, testCode: "TEST123" });
    expect(JSON.parse(testing.body)).toMatchObject({ test_event_code: "TEST123" });
  });

  test("carries the proof of the app's secret where one is entered, and only a digest is one", () => {
    const request = (secrets: Record<string, string> = {}) =>
      JSON.parse(
        meta.request([sent(purchase())], {
          settings: SETTINGS,
          token: "EAAG0123",
          secrets,
          baseUrl: "https://graph.facebook.com",
          testCode: null,
        }).body,
      );
    const proof = "ab".repeat(32);
    expect(request({ appsecret_proof: proof })).toMatchObject({ appsecret_proof: proof });
    expect(request()).not.toHaveProperty("appsecret_proof");
    const entered = (appsecret_proof: unknown) => partSettings(meta, { id: "1", appsecret_proof });
    expect(entered(proof.toUpperCase())).toEqual({
      settings: { id: "1" },
      secrets: { appsecret_proof: proof },
      issues: [],
    });
    expect(entered(null)).toMatchObject({ secrets: { appsecret_proof: null }, issues: [] });
    for (const wrong of ["", "the app's secret", "ab", 5]) {
      const { secrets, issues } = entered(wrong);
      expect([secrets, issues]).toEqual([{}, [expect.stringContaining("64 hexadecimal digits")]]);
    }
    // nowhere else: settings are seen by people
    expect(meta.settings.safeParse({ id: SETTINGS.id, appsecret_proof: proof }).success).toBe(false);
  });

  test("says how the goods come to the buyer, of the order and of each of its lines", () => {
    const body = sent(purchase({ commerce: { ...EXAMPLE_ORDER, delivery_category: "in_store" } }));
    const custom = body["custom_data"] as { delivery_category: string; contents: JsonObject[] };
    expect(custom.delivery_category).toBe("in_store");
    expect(custom.contents.map((line) => line["delivery_category"])).toEqual(["in_store", "in_store"]);
  });

  test("a send in doubt is repeated once", () => {
    expect(new Set(EVENT_NAMES.map((name) => meta.inDoubtRepeats(name)))).toEqual(new Set([1]));
  });
});
