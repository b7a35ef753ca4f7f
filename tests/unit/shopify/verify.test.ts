import "@shopify/shopify-api/adapters/node";
import { ApiVersion, shopifyApi } from "@shopify/shopify-api";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  shopDomain,
  signProxyQuery,
  signWebhook,
  verifyProxy,
  verifyWebhook,
} from "@trakit/shopify/verify.ts";
import { fixture, SHOP } from "./fixture.ts";

const vectors = fixture("_test-vectors") as {
  secret: string;
  app_proxy: { query: string; signature: string }[];
  webhook: { raw_body: string; bytes: number; x_shopify_hmac_sha256: string }[];
  doc_vectors: { secret: string; message: string; signature: string }[];
};
const SECRET = vectors.secret;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Shopify's own library with our secret: the oracle. */
function library(secret = SECRET) {
  return shopifyApi({
    apiKey: "key",
    apiSecretKey: secret,
    apiVersion: ApiVersion.October26,
    hostName: "app.example.com",
    isEmbeddedApp: true,
    logger: { log: () => {} },
  });
}

function webhookHeaders(signature: string, changes: Record<string, string | null> = {}): Headers {
  const headers = new Headers({
    "X-Shopify-Hmac-Sha256": signature,
    "X-Shopify-Topic": "orders/create",
    "X-Shopify-Shop-Domain": SHOP,
    "X-Shopify-API-Version": "2026-10",
    "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    "X-Shopify-Triggered-At": "2026-10-26T07:12:45.877041743Z",
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
}

describe("webhooks", () => {
  test.each(vectors.webhook)(
    "vector of $bytes bytes is accepted, and refused with one byte changed",
    (vector) => {
      const body = bytes(vector.raw_body);
      expect(body.length).toBe(vector.bytes);
      expect(signWebhook(body, SECRET)).toBe(vector.x_shopify_hmac_sha256);
      expect(verifyWebhook(body, webhookHeaders(vector.x_shopify_hmac_sha256), [SECRET])).toEqual({
        ok: true,
        shop: SHOP,
        topic: "orders/create",
        webhookId: "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        triggeredAt: "2026-10-26T07:12:45.877041743Z",
        apiVersion: "2026-10",
      });
      const changed = Uint8Array.from(body);
      changed[10] = (changed[10] ?? 0) ^ 1;
      expect(verifyWebhook(changed, webhookHeaders(vector.x_shopify_hmac_sha256), [SECRET]))
        .toEqual({ ok: false, reason: "bad_signature" });
    },
  );

  test("Shopify's library accepts what we sign and refuses what we refuse", async () => {
    const shopify = library();
    const validate = (rawBody: string, headers: Headers) =>
      shopify.webhooks.validate({
        rawBody,
        rawRequest: { method: "POST", url: "/webhooks", headers: Object.fromEntries(headers) } as never,
        rawResponse: {} as never,
      });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.boolean(), async (text, genuine) => {
        const body = `{${text}`;
        const headers = webhookHeaders(signWebhook(bytes(genuine ? body : `${body} `), SECRET));
        expect((await validate(body, headers)).valid).toBe(genuine);
        expect(verifyWebhook(bytes(body), headers, [SECRET]).ok).toBe(genuine);
      }),
      { numRuns: 50 },
    );
    for (const name of ["Hmac-Sha256", "Topic", "Shop-Domain", "API-Version", "Webhook-Id"]) {
      const headers = webhookHeaders(signWebhook(bytes("{}"), SECRET), { [`X-Shopify-${name}`]: null });
      expect((await validate("{}", headers)).valid).toBe(false);
      expect(verifyWebhook(bytes("{}"), headers, [SECRET])).toEqual({ ok: false, reason: "missing_header" });
    }
  });

  test("the previous secret is accepted while it is given, in any place", () => {
    const headers = webhookHeaders(signWebhook(bytes("{}"), "old"));
    expect(verifyWebhook(bytes("{}"), headers, [SECRET, "old"]).ok).toBe(true);
    expect(verifyWebhook(bytes("{}"), headers, ["old", SECRET]).ok).toBe(true);
    expect(verifyWebhook(bytes("{}"), headers, [SECRET])).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("an empty secret signs nothing, and no secret accepts nothing", () => {
    const headers = webhookHeaders(signWebhook(bytes("{}"), ""));
    expect(verifyWebhook(bytes("{}"), headers, ["", SECRET])).toEqual({ ok: false, reason: "bad_signature" });
    expect(verifyWebhook(bytes("{}"), headers, [])).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("a shop that is none of Shopify's is refused; its case does not matter", () => {
    const signature = signWebhook(bytes("{}"), SECRET);
    const to = (shop: string) =>
      verifyWebhook(bytes("{}"), webhookHeaders(signature, { "X-Shopify-Shop-Domain": shop }), [SECRET]);
    expect(to("shop.example.com")).toEqual({ ok: false, reason: "bad_shop" });
    expect(to("Trakit-Demo.MyShopify.com")).toMatchObject({ ok: true, shop: SHOP });
  });

  test.each([["yesterday"], ["2026-13-26T07:12:45Z"], [null]])("a trigger time of %j is none", (value) => {
    const headers = webhookHeaders(signWebhook(bytes("{}"), SECRET), { "X-Shopify-Triggered-At": value });
    expect(verifyWebhook(bytes("{}"), headers, [SECRET])).toMatchObject({ ok: true, triggeredAt: null });
  });
});

describe("shop domains", () => {
  test.each([
    "x.myshopify.com.evil.example",
    "evil.example/x.myshopify.com",
    "-x.myshopify.com",
    "x.y.myshopify.com",
    "x.myshopify.com\n",
    "myshopify.com",
    "x_y.myshopify.com",
    `${"x".repeat(250)}.myshopify.com`,
    "",
  ])("%j is none", (value) => expect(shopDomain(value)).toBeNull());
});

describe("the app proxy", () => {
  const NOW = 1793000000_000;

  test.each(vectors.app_proxy)("vector $signature is accepted", (vector) => {
    const query = new URLSearchParams(vector.query);
    const timestamp = Number(query.get("timestamp")) * 1000;
    expect(signProxyQuery(query, SECRET)).toBe(vector.signature);
    expect(verifyProxy(query, [SECRET], timestamp)).toEqual({
      ok: true,
      shop: SHOP,
      customerId: query.get("logged_in_customer_id") || null,
      pathPrefix: query.get("path_prefix"),
      extra: query.has("q"),
    });
    expect(verifyProxy(query, ["another"], timestamp)).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("Shopify's documented examples verify, without a customer: they have parameters of the visitor's", () => {
    for (const [customer, vector] of [["1", vectors.doc_vectors[0]], ["", vectors.doc_vectors[1]]] as const) {
      const query = new URLSearchParams([
        ["extra", "1"],
        ["extra", "2"],
        ["shop", "shop-name.myshopify.com"],
        ["logged_in_customer_id", customer],
        ["path_prefix", "/apps/awesome_reviews"],
        ["timestamp", "1317327555"],
        ["signature", vector?.signature ?? ""],
      ]);
      expect(verifyProxy(query, ["hush"], 1317327555_000)).toMatchObject({
        ok: true,
        customerId: null,
        extra: true,
      });
    }
  });

  const signed = (parameters: Record<string, string>, secret = SECRET): URLSearchParams => {
    const query = new URLSearchParams({
      shop: SHOP,
      logged_in_customer_id: "",
      path_prefix: "/apps/trakit",
      timestamp: "1793000000",
      ...parameters,
    });
    query.set("signature", signProxyQuery(query, secret));
    return query;
  };

  test("90 seconds either way are tolerated, more is stale", () => {
    expect(verifyProxy(signed({}), [SECRET], NOW + 90_000).ok).toBe(true);
    expect(verifyProxy(signed({}), [SECRET], NOW - 90_000).ok).toBe(true);
    expect(verifyProxy(signed({}), [SECRET], NOW + 90_001)).toEqual({ ok: false, reason: "stale_timestamp" });
    expect(verifyProxy(signed({}), [SECRET], NOW - 90_001)).toEqual({ ok: false, reason: "stale_timestamp" });
  });

  test.each(["1793000000.5", "1.793e9", "0x6adf", "abc", " 1793000000", "-1793000000"])(
    "a timestamp of %j is stale even when signed",
    (timestamp) => {
      expect(verifyProxy(signed({ timestamp }), [SECRET], NOW)).toEqual({
        ok: false,
        reason: "stale_timestamp",
      });
    },
  );

  test.each(["shop", "path_prefix", "timestamp", "signature"])("%s must be there exactly once", (name) => {
    const without = signed({});
    without.delete(name);
    expect(verifyProxy(without, [SECRET], NOW)).toEqual({ ok: false, reason: "missing_parameter" });
    const twice = new URLSearchParams(signed({}).toString());
    twice.append(name, twice.get(name) ?? "");
    if (name !== "signature") twice.set("signature", signProxyQuery(twice, SECRET));
    expect(verifyProxy(twice, [SECRET], NOW)).toEqual({ ok: false, reason: "malformed_parameter" });
  });

  test("a customer is named once or not at all", () => {
    const customer = "7012345678901";
    expect(verifyProxy(signed({ logged_in_customer_id: customer }), [SECRET], NOW)).toMatchObject({
      ok: true,
      customerId: customer,
    });
    const query = signed({});
    query.delete("logged_in_customer_id");
    query.set("signature", signProxyQuery(query, SECRET));
    expect(verifyProxy(query, [SECRET], NOW)).toMatchObject({ ok: true, customerId: null });
    query.append("logged_in_customer_id", customer);
    query.append("logged_in_customer_id", "");
    query.set("signature", signProxyQuery(query, SECRET));
    expect(verifyProxy(query, [SECRET], NOW)).toEqual({ ok: false, reason: "malformed_parameter" });
  });

  test.each([
    ["logged_in_customer_id", "7,"],
    ["logged_in_customer_id", " 7"],
    ["logged_in_customer_id", "7path_prefix="],
    ["path_prefix", "apps/trakit"],
    ["path_prefix", "/apps/trakit&"],
    ["path_prefix", "/apps/trakit/../x"],
    ["path_prefix", "/apps/trakit=1"],
  ])("a signed %s of %j is none of Shopify's", (name, value) => {
    expect(verifyProxy(signed({ [name]: value }), [SECRET], NOW)).toEqual({
      ok: false,
      reason: "malformed_parameter",
    });
  });

  test("a signed query of another shop system is no shop", () => {
    expect(verifyProxy(signed({ shop: "shop.example.com" }), [SECRET], NOW)).toEqual({
      ok: false,
      reason: "bad_shop",
    });
  });

  test("the previous secret is accepted, an empty one never", () => {
    expect(verifyProxy(signed({}, "old"), [SECRET, "old"], NOW).ok).toBe(true);
    expect(verifyProxy(signed({}, ""), ["", SECRET], NOW)).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("what the visitor put on the URL is signed with it; a later change is noticed", () => {
    const query = signed({ q: "café crème&co=1" });
    expect(verifyProxy(query, [SECRET], NOW).ok).toBe(true);
    query.set("q", "café crème");
    expect(verifyProxy(query, [SECRET], NOW)).toEqual({ ok: false, reason: "bad_signature" });
    query.set("q", "café crème&co=1");
    query.set("logged_in_customer_id", "7012345678901");
    expect(verifyProxy(query, [SECRET], NOW)).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("joined pairs are sorted by their UTF-8 bytes, as Shopify's Ruby does", () => {
    // "a-b=" sorts before "a=" because "-" is less than "="; U+FFFD sorts before U+1F45F in bytes, not in UTF-16.
    const query = new URLSearchParams([["a", "1"], ["a-b", "2"], ["\u{1f45f}", "3"], ["\ufffd", "4"]]);
    const same = new URLSearchParams([["a-b", "2"], ["a", "1"], ["\ufffd", "4"], ["\u{1f45f}", "3"]]);
    expect(signProxyQuery(query, SECRET)).toBe(signProxyQuery(same, SECRET));
    // One pair whose text is the expected message: the same bytes are signed.
    const message = "a-b=2a=1\ufffd=4\u{1f45f}=3";
    const split = message.indexOf("=");
    expect(signProxyQuery(query, SECRET))
      .toBe(
        signProxyQuery(new URLSearchParams([[message.slice(0, split), message.slice(split + 1)]]), SECRET),
      );
  });

  describe("against Shopify's library", () => {
    beforeEach(() => vi.useFakeTimers({ now: NOW, toFake: ["Date"] }));
    afterEach(() => vi.useRealTimers());

    test("both accept and refuse the same signed, changed and repeated queries", async () => {
      const shopify = library();
      const validate = async (query: URLSearchParams): Promise<boolean> => {
        try {
          return await shopify.utils.validateHmac(query as never, { signator: "appProxy" });
        } catch {
          return false;
        }
      };
      const name = fc.stringMatching(/^[a-z]{1,8}$/).filter((one) =>
        !["shop", "hmac", "timestamp", "signature"].includes(one)
      );
      const pairs = fc.array(
        fc.tuple(name, fc.string({ unit: "grapheme", maxLength: 12 })),
        { maxLength: 5 },
      );
      await fc.assert(
        fc.asyncProperty(
          pairs,
          fc.integer({ min: -120, max: 120 }),
          fc.boolean(),
          async (extra, age, tampered) => {
            const query = new URLSearchParams([
              ...extra,
              ["shop", SHOP],
              ["logged_in_customer_id", ""],
              ["path_prefix", "/apps/trakit"],
              ["timestamp", String(1793000000 - age)],
            ]);
            query.append("signature", signProxyQuery(query, SECRET));
            if (tampered) query.append("zz", "1");
            const expected = !tampered && Math.abs(age) <= 90;
            expect(await validate(query)).toBe(expected);
            expect(verifyProxy(query, [SECRET], NOW).ok).toBe(expected);
          },
        ),
        { numRuns: 100 },
      );
      const twice = signed({});
      twice.append("shop", SHOP);
      twice.set("signature", signProxyQuery(twice, SECRET));
      expect(await validate(twice)).toBe(false);
      expect(verifyProxy(twice, [SECRET], NOW).ok).toBe(false);
    });
  });
});
