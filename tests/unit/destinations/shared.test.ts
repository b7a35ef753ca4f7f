import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Commerce, emptyCommerce, type Item } from "@trakit/core/event.ts";
import { jsonBody, retryAfterMs, vendorWords } from "@trakit/destinations/shared/answer.ts";
import {
  contentId,
  eventValue,
  inTerms,
  lifetimeValue,
  netUnitPrice,
  termsOf,
  unitCount,
} from "@trakit/destinations/shared/commerce.ts";
import {
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  EXAMPLE_POSTER,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { cut, present } from "@trakit/destinations/shared/fields.ts";
import { publicIp } from "@trakit/destinations/shared/ip.ts";
import { byStatus } from "@trakit/destinations/shared/status.ts";
import { pastedTokenProblem } from "@trakit/destinations/shared/token.ts";
import { publicUrl } from "@trakit/core/public-url.ts";

describe("lifetimeValue", () => {
  const known = { currency: "EUR", customer_value: "120.5", customer_currency: "EUR" };
  const value = (
    given: Partial<Commerce>,
    name: "checkout_completed" | "page_viewed" = "checkout_completed",
  ) => lifetimeValue(exampleEvent(name, { commerce: { ...EXAMPLE_ORDER, ...given } }));

  test("is what the customer of a purchase has spent, in the event's currency or not at all", () => {
    expect(value(known)).toBe("120.50");
    expect(value({ ...known, customer_currency: "USD" })).toBeNull();
    expect(value({ ...known, customer_value: "0" })).toBeNull();
    expect(value({ ...known, customer_value: null })).toBeNull();
    expect(value(known, "page_viewed")).toBeNull();
  });
});

describe("eventValue", () => {
  const value = (given: Partial<Commerce>, rule: Parameters<typeof eventValue>[1]) =>
    eventValue({ ...emptyCommerce(), currency: "EUR", ...given }, rule)?.value ?? null;

  test("each rule gives its figure", () => {
    expect(eventValue(EXAMPLE_ORDER, "total")).toEqual({ value: "55.95", currency: "EUR" });
    expect(eventValue(EXAMPLE_ORDER, "subtotal")).toEqual({ value: "51.00", currency: "EUR" });
    expect(eventValue(EXAMPLE_ORDER, "items_without_tax")).toEqual({ value: "42.15", currency: "EUR" });
  });
  test("the tax of Shopify's German order is taken off the goods as its lines say (4.74 + 6.95)", () => {
    const order = { subtotal: "73.26", shipping: "5.50", tax: "12.57", taxes_included: true };
    expect(value(order, "items_without_tax")).toBe("61.57");
  });
  test("where prices are without tax there is nothing to take off", () => {
    const order = { subtotal: "50.00", shipping: "5.00", tax: "4.13", total: "59.13", taxes_included: false };
    expect(value(order, "items_without_tax")).toBe("50.00");
  });
  test("without shipping the whole tax is the items'", () => {
    expect(value({ subtotal: "121.00", tax: "21.00", taxes_included: true }, "items_without_tax")).toBe(
      "100.00",
    );
  });
  test("a browser event is worth its items after discount", () => {
    const items = [EXAMPLE_MUG, EXAMPLE_POSTER];
    expect(value({ items }, "total")).toBe("51.00");
    expect(value({ items }, "items_without_tax")).toBe("51.00");
  });
  test("a refund of a bare amount is worth that amount under every rule", () => {
    for (const rule of ["total", "subtotal", "items_without_tax"] as const) {
      expect(value({ total: "10.00" }, rule)).toBe("10.00");
    }
  });
  test("where nothing was paid there is no tax to share out", () => {
    const nothing = { subtotal: "0.0000000000000001", tax: "5.00", taxes_included: true };
    expect(value(nothing, "items_without_tax")).toBe("0.00");
    expect(value({ ...nothing, subtotal: "0.00" }, "items_without_tax")).toBe("0.00");
  });
  test("a free order is worth 0, not nothing", () => expect(value({ total: "0.00" }, "total")).toBe("0.00"));
  test("the currency's digits are used", () => {
    expect(value({ currency: "JPY", total: "1200.00" }, "total")).toBe("1200");
    expect(value({ currency: "KWD", total: "1.5" }, "total")).toBe("1.500");
  });
  test("without currency or without any amount there is no value", () => {
    expect(value({ currency: null, total: "1.00" }, "total")).toBeNull();
    expect(value({}, "total")).toBeNull();
  });
  test("tax off every line adds up to tax off the subtotal", () => {
    const cents = fc.integer({ min: 0, max: 10_000_00 });
    fc.assert(fc.property(cents, cents, cents, cents, (one, two, shipping, tax) => {
      fc.pre(one + two > 0);
      const money = (amount: number) => (amount / 100).toFixed(2);
      const commerce = {
        ...emptyCommerce(),
        currency: "EUR",
        subtotal: money(one + two),
        shipping: money(shipping),
        tax: money(tax),
        taxes_included: true,
      };
      const off = (cents: number) =>
        Number(inTerms(money(cents), termsOf("items_without_tax", commerce), 12));
      const sum = off(one) + off(two);
      expect(sum).toBeCloseTo(off(one + two), 6);
    }));
  });
});

describe("items", () => {
  const item = (given: Partial<Item>): Item => ({ ...EXAMPLE_MUG, ...given });

  test.each(
    [
      ["variant", {}, "44001"],
      ["product", {}, "8101"],
      ["sku", {}, "MUG-BLUE"],
      ["shopify_country", {}, "shopify_NL_8101_44001"],
      ["variant", { variant_id: null }, "8101"],
      ["variant", { variant_id: null, product_id: null }, "MUG-BLUE"],
      ["product", { product_id: null }, "44001"],
      ["sku", { sku: null }, "44001"],
      ["sku", { sku: "" }, "44001"],
      ["shopify_country", { product_id: null }, "44001"],
      ["product", { product_id: null, variant_id: null, sku: null }, null],
    ] as const,
  )("form %s of %j is %s", (form, given, expected) => {
    expect(contentId(item(given), form, "nl")).toBe(expected);
  });
  test("a feed id without a country falls back to the variant", () => {
    expect(contentId(EXAMPLE_MUG, "shopify_country", null)).toBe("44001");
  });
  test("a line discount is spread over its units, half up", () => {
    expect(netUnitPrice(EXAMPLE_MUG, "EUR")).toBe("10.50");
    expect(netUnitPrice(item({ quantity: 3, unit_price: "10.00", line_discount: "10.00" }), "EUR")).toBe(
      "6.67",
    );
    expect(netUnitPrice(item({ quantity: 2, unit_price: "101", line_discount: "1" }), "JPY")).toBe("101");
  });
  test("units are counted, not lines", () => expect(unitCount([EXAMPLE_MUG, EXAMPLE_POSTER])).toBe(3));
});

test("an address that needs no parser comes out as the parser would have it", () => {
  const part = fc.string({ unit: fc.constantFrom(..."abzAZ019-._~@:%+=&/?#' !$*,;|"), maxLength: 12 });
  fc.assert(
    fc.property(
      fc.constantFrom("https://mugs.example", "http://a-b.c1.example", "https://MUGS.example:443"),
      part,
      part,
      (host, path, query) => {
        const url = `${host}/${path}?${query}`;
        const found = publicUrl(url);
        fc.pre(found !== null);
        expect(URL.canParse(url)).toBe(true);
        const { origin, pathname, search } = new URL(url);
        // What is left is a beginning of what the parser says, without what is private.
        const [base = ""] = found!.split("?", 1);
        const kept = found!.slice(base.length + 1);
        expect([`${origin}${pathname}`, `${origin}/`]).toContain(base);
        for (const pair of kept.split("&")) expect(["", ...search.slice(1).split("&")]).toContain(pair);
      },
    ),
    { numRuns: 3000 },
  );
});

describe("publicIp", () => {
  test.each([
    ["8.8.8.8", "8.8.8.8"],
    [" 203.0.113.9 ", "203.0.113.9"],
    ["172.15.0.1", "172.15.0.1"],
    ["172.32.0.1", "172.32.0.1"],
    ["100.63.255.255", "100.63.255.255"],
    ["2001:DB8::9", "2001:db8::9"],
    ["2a02:a446:1::1", "2a02:a446:1::1"],
    ["2600:1f18:0:0:0:0:0:1", "2600:1f18:0:0:0:0:0:1"],
    ["::ffff:8.8.8.8", "8.8.8.8"],
    ["2002:0808:0808::1", "2002:0808:0808::1"],
  ])("%s is sent as %s", (ip, expected) => expect(publicIp(ip)).toBe(expected));

  test.each([
    "",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.4, 5.6.7.8",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "64:ff9b::808:808",
    "2001:0:1::1",
    "2002:0a00:0001::1",
    "2600:::1",
    "2600::1::2",
    "2600:1:2:3:4:5:6:7:8",
    "2600:1:2:3",
    "2600::g",
    "2600::12345",
    "unknown",
    null,
    undefined,
  ])("%j is not sent", (ip) => expect(publicIp(ip)).toBeNull());

  test("any text gives itself or null", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (text) => {
      const result = publicIp(text);
      if (result !== null && !text.toLowerCase().includes("ffff:")) {
        expect(result).toBe(text.trim().toLowerCase());
      }
    }));
  });
});

describe("retryAfterMs", () => {
  const date = "Sun, 14 Jun 2026 10:00:00 GMT";
  test.each([
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": " 120 " }, 120_000],
    [{ "retry-after": "999999999999999999999" }, 86_400_000],
    [{ "retry-after": "Sun, 14 Jun 2026 10:00:30 GMT", date }, 30_000],
    [{ "retry-after": "Sun, 14 Jun 2026 09:00:00 GMT", date }, 0],
    [{ "retry-after": "Sun, 14 Jun 2027 10:00:00 GMT", date }, 86_400_000],
    [{ "retry-after": "Sun, 14 Jun 2026 10:00:30 GMT" }, null],
    [{ "retry-after": "Sun, 14 Jun 2026 10:00:30 GMT", date: "today" }, null],
    [{ "retry-after": "-5" }, null],
    [{ "retry-after": "1.5" }, null],
    [{ "retry-after": "soon" }, null],
    [{ "retry-after": "Xyz, 99 Foo 2026 10:00:30 GMT", date }, null],
    [{ "retry-after": "" }, null],
    [{}, null],
  ])("%j means %j", (headers, expected) => {
    expect(retryAfterMs(headers as Record<string, string>)).toBe(expected);
  });
  test("any header gives null or 0 to 24 hours", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (after, now) => {
      const wait = retryAfterMs({ "retry-after": after, date: now });
      expect(wait === null || (wait >= 0 && wait <= 86_400_000)).toBe(true);
    }));
  });
});

describe("vendorWords", () => {
  test.each([
    ["Invalid em: Jane.Doe+x@Example.com!", "Invalid em: [email]"],
    ["bad hash 542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345.", "bad hash [digest]."],
    ["phone +31 (0)6 1234-5678 refused", "phone [digits] refused"],
    ["phone 0612345678 refused", "phone [digits] refused"],
    ["ip 203.0.113.9 and 2001:db8:0:1:0:0:0:9", "ip [ip] and [ip]"],
    ["token EAAGm0PX4ZCpsBAKZCq9ZBZAiZC0fZBc12345 expired", "token [token] expired"],
    ["line one\n\tline\u0000 two", "line one line two"],
    [
      "Param data['event_time'] is an invalid Unix timestamp.",
      "Param data['event_time'] is an invalid Unix timestamp.",
    ],
    [
      "data_processing_options_country_code is required (code 953)",
      "data_processing_options_country_code is required (code 953)",
    ],
  ])("%j reads %j", (text, expected) => expect(vendorWords(text)).toBe(expected));

  test.each(["", "  \n", null, undefined])(
    "%j is nothing to say",
    (text) => expect(vendorWords(text)).toBeNull(),
  );
  test("long words are cut at 300 characters", () => {
    expect(vendorWords("no ".repeat(200))).toHaveLength(300);
    expect(vendorWords(`${"x ".repeat(999)}jane.doe@example.com`)).not.toContain("jane");
  });
  test("an email never survives, wherever it stands", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (before, after) => {
      expect(vendorWords(`${before} jane.doe@example.com ${after}`) ?? "").not.toContain("jane.doe@");
    }));
  });
  test("a body that is no JSON is null", () => {
    expect(jsonBody("<html>")).toBeNull();
    expect(jsonBody('{"a":1}')).toEqual({ a: 1 });
  });
});

describe("publicUrl", () => {
  test.each([
    [
      "https://shop.example/a?utm_source=x&fbclid=IwAR_-0#top",
      "https://shop.example/a?utm_source=x&fbclid=IwAR_-0",
    ],
    ["https://u:p@shop.example/", "https://shop.example/"],
    ["https://shop.example/?q=blue%20mug&token=abc&key=1", "https://shop.example/?q=blue%20mug"],
    ["https://shop.example/?q=jane%40example.com&x=1", "https://shop.example/?x=1"],
    // names one of Klaviyo's profiles; a vendor's click id stays
    ["https://shop.example/?_kx=AbC.d&msclkid=1&okx=2", "https://shop.example/?msclkid=1&okx=2"],
    ["https://shop.example/?checkout%5Bemail%5D=a&customer[first_name]=b&y=2", "https://shop.example/?y=2"],
    [
      "https://shop.example/checkouts/cn/Z2NwLWV1cm9wZS13ZXN0NDow/thank-you",
      "https://shop.example/checkouts/cn/thank-you",
    ],
    [
      "https://shop.example/69/orders/0a1b2c3d4e5f60718293a4b5c6d7e8f9?key=k",
      "https://shop.example/69/orders",
    ],
    ["https://shop.example/u/jane@example.com", "https://shop.example/"],
    ["https://shop.example/?bad=%E0%A4%A", "https://shop.example/?bad=%E0%A4%A"],
  ])("%s leaves as %s", (url, expected) => expect(publicUrl(url)).toBe(expected));

  test.each(["", "/products/x", "javascript:alert(1)", "data:text/html,x", "not a url", null, undefined])(
    "%j is no page",
    (url) => expect(publicUrl(url)).toBeNull(),
  );
  test("a long address is cut between parameters", () => {
    expect(publicUrl(`https://shop.example/?a=1&b=${"x".repeat(2000)}&c=2`, 100)).toBe(
      "https://shop.example/?a=1",
    );
    expect(publicUrl(`https://shop.example/${"x".repeat(2000)}`, 100)).toHaveLength(100);
  });
});

describe("small pieces", () => {
  test("zero and false are values, empty text and lists are not", () => {
    expect(present({ a: 0, b: false, c: "", d: [], e: null, f: undefined, g: "0" })).toEqual({
      a: 0,
      b: false,
      g: "0",
    });
  });
  test("a cut never leaves half a character", () => {
    expect(cut("ab😀", 3)).toBe("ab");
    expect(cut("  ", 3)).toBeNull();
  });
  test.each([
    "",
    "  ",
    "Bearer abcdefghijkl",
    "abc def ghi jkl",
    "abcdefgh\n",
    "••••••••••••",
    "short",
    "x".repeat(5000),
  ])(
    "the token %j is refused with a sentence",
    (token) => expect(pastedTokenProblem(token, "API token")).toMatch(/^[A-Z].*\.$/),
  );
  test("a token as vendors make them is taken", () => {
    expect(pastedTokenProblem("pina_AbC-123_x.y~z+/=", "API token")).toBeNull();
  });
});

describe("byStatus", () => {
  const answer = (status: number, body = "{}") => ({ status, headers: { "retry-after": "7" }, body });
  test.each(
    [
      [204, "delivered", "accepted", false],
      [302, "retry", "unexpected_status", true],
      [401, "auth", "token_refused", true],
      [403, "auth", "not_permitted", true],
      [404, "auth", "account_not_found", true],
      [405, "permanent", "request_refused", false],
      [408, "retry", "not_processed", true],
      [413, "permanent", "too_large", false],
      [425, "retry", "not_processed", true],
      [429, "retry", "throttled", true],
      [500, "retry", "server_error", true],
      [599, "retry", "server_error", true],
    ] as const,
  )("%i is %s: %s", (status, kind, reason, lane_wide) => {
    expect(byStatus(answer(status), 1, null)).toMatchObject({
      kind: "each",
      outcomes: [{ kind, reason, lane_wide, status }],
    });
  });
  test("a firewall's page is waited out, not taken for a refused token", () => {
    expect(byStatus(answer(403, "\n<!doctype html>"), 1, null)).toMatchObject({
      outcomes: [{ kind: "retry", reason: "blocked_by_gateway" }],
    });
  });
  test("a page under a 200 is no success", () => {
    expect(byStatus(answer(200, "<html>"), 1, null)).toMatchObject({
      outcomes: [{ kind: "in_doubt", reason: "result_unclear" }],
    });
  });
  test("the wait asked for is kept", () => {
    expect(byStatus(answer(503), 2, null)).toMatchObject({
      outcomes: [{ retry_after_ms: 7000 }, { retry_after_ms: 7000 }],
    });
  });
  test("a batch that is too large is halved", () =>
    expect(byStatus(answer(413), 2, null).kind).toBe("split"));
});
