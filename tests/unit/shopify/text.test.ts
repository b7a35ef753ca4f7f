import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cleanText,
  currencyCode,
  languageTag,
  shopifyId,
  shopifyToken,
  textOrNull,
  timeOf,
} from "@trakit/shopify/text.ts";
import { cartTokenOf, landingUrl, pageUrl, referrerUrl } from "@trakit/shopify/url.ts";
import { SHOP } from "./fixture.ts";

/** A lone surrogate has no UTF-8 to percent-encode. */
function wellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

describe("text that Postgres can hold", () => {
  test("NUL and lone surrogates become U+FFFD, emoji and combining marks stay", () => {
    expect(cleanText("a\u0000b\ud800c\udc00", 10)).toBe("a\ufffdb\ufffdc\ufffd");
    expect(cleanText("👟 Müller Ångström", 100)).toBe("👟 Müller Ångström");
    expect(cleanText("\udc00\ud800", 10)).toBe("\ufffd\ufffd");
  });

  test("is cut at its bound, never through a character", () => {
    expect(cleanText("abcdef", 3)).toBe("abc");
    expect(cleanText("ab👟", 3)).toBe("ab");
    expect(cleanText("ab👟", 4)).toBe("ab👟");
  });

  test("any text becomes well-formed, without NUL, within its bound; well-formed text within the bound is not touched", () => {
    const anyText = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 })
      .map((units) => String.fromCharCode(...units));
    fc.assert(fc.property(anyText, fc.integer({ min: 1, max: 60 }), (text, max) => {
      const cleaned = cleanText(text, max);
      expect(wellFormed(cleaned)).toBe(true);
      expect(cleaned).not.toContain("\u0000");
      expect(cleaned.length).toBeLessThanOrEqual(max);
      if (wellFormed(text) && !text.includes("\u0000") && text.length <= max) expect(cleaned).toBe(text);
    }));
  });

  test("blank text and what is no text is null", () => {
    expect(textOrNull(" \n", 10)).toBeNull();
    expect(textOrNull("", 10)).toBeNull();
    expect(textOrNull({}, 10)).toBeNull();
    expect(textOrNull(null, 10)).toBeNull();
    expect(textOrNull(12, 10)).toBe("12");
  });
});

describe("ids and codes", () => {
  test.each([
    [5890123456781, "5890123456781"],
    ["820982911946154508", "820982911946154508"],
    ["gid://shopify/Order/5890123456781", "5890123456781"],
    ["gid://shopify/ProductVariant/1?x=2", "1"],
    // Rounded by some parser: better no id than another's.
    [820982911946154508, null],
    [1.5, null],
    [-1, null],
    [0, null],
    ["", null],
    ["abc", null],
    ["123456789012345678901", null],
    [null, null],
    [{}, null],
  ])("the id of %j is %j", (value, id) => expect(shopifyId(value)).toBe(id));

  test.each([
    ["Z2NwLXVzLWVhc3QxOjAxSzhR", "Z2NwLXVzLWVhc3QxOjAxSzhR"],
    ["Z2NwLXVz?key=abc", "Z2NwLXVz"],
    ["gid://shopify/Cart/Z2NwLXVz?key=abc", "Z2NwLXVz"],
    ["", null],
    ["a b", null],
    ["x".repeat(129), null],
    [7, null],
  ])("the token of %j is %j", (value, token) => expect(shopifyToken(value)).toBe(token));

  test.each([
    ["en-US", "en-US"],
    ["de-DE,de;q=0.9,en;q=0.8", "de-DE"],
    ["pt_BR", "pt-BR"],
    ["*", null],
    ["", null],
    [null, null],
    ["x".repeat(2000), null],
  ])("the language of %j is %j", (value, tag) => expect(languageTag(value)).toBe(tag));

  test("a currency is three letters", () => {
    expect(currencyCode(" eur ")).toBe("EUR");
    expect(currencyCode("EURO")).toBeNull();
    expect(currencyCode(978)).toBeNull();
  });

  test("a time needs its offset, and must exist", () => {
    expect(timeOf("2026-10-26T03:12:41-04:00")).toBe(Date.UTC(2026, 9, 26, 7, 12, 41));
    expect(timeOf("2026-10-26T07:12:46.310Z")).toBe(Date.UTC(2026, 9, 26, 7, 12, 46, 310));
    for (const bad of ["2026-10-26T07:12:46", "2026-13-26T07:12:46Z", "today", "", 1, null]) {
      expect(timeOf(bad)).toBeNull();
    }
  });
});

describe("URLs", () => {
  test("are kept as they came, or not at all", () => {
    const url = "https://store.example.com/p?utm_source=x&fbclid=A_b-C#frag";
    expect(pageUrl(url)).toBe(url);
    for (const bad of ["/relative", "javascript:alert(1)", "ftp://x.example/", "https://", "", null, {}]) {
      expect(pageUrl(bad)).toBeNull();
    }
  });

  test("a URL that is too long loses its query, it is never cut in the middle", () => {
    expect(pageUrl(`https://s.example/p?fbclid=${"x".repeat(5000)}`)).toBe("https://s.example/p");
    expect(pageUrl(`https://s.example/${"x".repeat(5000)}`)).toBeNull();
  });

  test("an order status page gives away neither token nor key", () => {
    const url =
      "https://store.example.com/61234567890/orders/676613a0027fc8240e16d67fdc9f5ac8/authenticate?key=secret";
    expect(pageUrl(url)).toBe("https://store.example.com/61234567890/orders");
    expect(referrerUrl(url)).toBe("https://store.example.com/61234567890/orders");
    expect(landingUrl(SHOP, new URL(url).pathname + "?key=secret")).toBe(
      `https://${SHOP}/61234567890/orders`,
    );
  });

  test("a landing site is a path on the shop's domain, whatever it looks like", () => {
    expect(landingUrl(SHOP, "/p?email=a%40b.example&gclid=a")).toBe(`https://${SHOP}/p?gclid=a`);
    expect(referrerUrl("https://x.example/?mail=a@b.example&q=1")).toBe("https://x.example/?q=1");
    expect(landingUrl(SHOP, "/p?gclid=a")).toBe(`https://${SHOP}/p?gclid=a`);
    expect(landingUrl(SHOP, "p")).toBe(`https://${SHOP}/p`);
    expect(landingUrl(SHOP, "//evil.example/p")).toBe(`https://${SHOP}//evil.example/p`);
    expect(landingUrl(SHOP, "https://store.example.com/p")).toBe("https://store.example.com/p");
    expect(landingUrl(SHOP, "")).toBeNull();
    expect(landingUrl(SHOP, null)).toBeNull();
  });

  test("an Android app may be a referrer, not a page", () => {
    const app = "android-app://com.google.android.googlequicksearchbox/";
    expect(referrerUrl(app)).toBe(app);
    expect(pageUrl(app)).toBeNull();
  });

  test("a checkout's path holds the cart token", () => {
    expect(cartTokenOf("https://s.example/checkouts/cn/Z2NwLXVzLWVhc3Qx/thank-you?a=1")).toBe(
      "Z2NwLXVzLWVhc3Qx",
    );
    expect(cartTokenOf("https://s.example/de/checkouts/cn/Z2NwLXVzLWVhc3Qx")).toBe("Z2NwLXVzLWVhc3Qx");
    expect(cartTokenOf("https://s.example/cart")).toBeNull();
    expect(cartTokenOf(null)).toBeNull();
  });
});
