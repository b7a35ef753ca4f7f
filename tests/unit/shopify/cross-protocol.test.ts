import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signProxyQuery, verifyProxy, verifyWebhook } from "@trakit/shopify/verify.ts";
import { proxyMessage, signedQuery } from "../../../packages/sandbox/src/shop/proxy-signature.ts";

/**
 * One secret of Shopify's signs webhooks, app-proxy queries and app-launch queries. What one of them signs must not be read as
 * another, or cut in other places.
 */

const SECRET = "one_secret_for_all";
const SHOP = "blue-mugs.myshopify.com";
const VICTIM = "7012345678901";
const NOW = 1793000000_000;
const TIME = String(NOW / 1000);

const hex = (text: string) => createHmac("sha256", SECRET).update(text).digest("hex");
const base64 = (signature: string) => Buffer.from(signature, "hex").toString("base64");

/** How Shopify signs the address it opens an app with: pairs in order, joined by "&". */
const launchText = (parameters: Record<string, string>) =>
  Object.entries(parameters).sort(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => `${key}=${value}`).join(
    "&",
  );

const webhook = (body: string, signature: string) =>
  verifyWebhook(
    new TextEncoder().encode(body),
    new Headers({
      "x-shopify-hmac-sha256": signature,
      "x-shopify-topic": "app/uninstalled",
      "x-shopify-shop-domain": "anybody.myshopify.com",
      "x-shopify-api-version": "2026-10",
      "x-shopify-webhook-id": "w",
    }),
    [SECRET],
  );

/** Every parameter as it is cut: text up to the first "=" is the key. */
function cut(segments: string[], signature: string): URLSearchParams {
  const query = new URLSearchParams(
    segments.map((segment): [string, string] => {
      const at = segment.indexOf("=");
      return [segment.slice(0, at), segment.slice(at + 1)];
    }),
  );
  query.append("signature", signature);
  return query;
}

describe("the address an app is opened with", () => {
  const parameters = {
    a: "1",
    embedded: "1",
    host: "YWRtaW4",
    logged_in_customer_id: VICTIM,
    path_prefix: "/apps/trakit",
    shop: SHOP,
    timestamp: TIME,
  };

  test("is no app-proxy query, however its text is cut", () => {
    const text = launchText(parameters);
    const names = ["logged_in_customer_id=", "path_prefix=", "shop=", "timestamp="];
    const places = names.map((name) => text.indexOf(name));
    // with the "&" before a name, or after the value before it
    for (const before of [0, 1]) {
      const at = [0, ...places.map((place) => place - before)];
      const segments = at.map((start, index) => text.slice(start, at[index + 1]));
      expect(segments.join("")).toBe(text);
      const result = verifyProxy(cut(segments, hex(text)), [SECRET], NOW);
      expect(result.ok && !result.extra).toBe(false);
    }
    const query = new URLSearchParams(parameters);
    query.append("signature", hex(text));
    expect(verifyProxy(query, [SECRET], NOW)).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("is no app-proxy query with its own names alone: the path is missing", () => {
    const query = new URLSearchParams({
      shop: SHOP,
      timestamp: TIME,
      signature: hex(`shop=${SHOP}timestamp=${TIME}`),
    });
    expect(verifyProxy(query, [SECRET], NOW)).toEqual({ ok: false, reason: "missing_parameter" });
  });

  test("is no webhook, though whoever opens it can make its text JSON", () => {
    const text = launchText({
      ' {"myshopify_domain":"anybody.myshopify.com","x":"': "",
      ...parameters,
      z: '"}',
    });
    expect(JSON.parse(text)).toMatchObject({ myshopify_domain: "anybody.myshopify.com" });
    expect(webhook(text, base64(hex(text)))).toEqual({ ok: false, reason: "foreign_body" });
  });
});

describe("an app-proxy query", () => {
  const own = { shop: SHOP, customerId: "", pathPrefix: "/apps/trakit", timestamp: NOW / 1000 };

  test("is no webhook", () => {
    const query = new URLSearchParams(signedQuery(
      new URLSearchParams({ ' {"domain":"anybody.myshopify.com","x":"': "", z: '"}' }).toString(),
      own,
      SECRET,
    ));
    const text = proxyMessage(query);
    expect(JSON.parse(text)).toMatchObject({ domain: "anybody.myshopify.com" });
    expect(webhook(text, base64(query.get("signature")!))).toEqual({ ok: false, reason: "foreign_body" });
  });

  test("names no customer where a visitor's parameter swallowed the names", () => {
    // what Shopify signs of ?a=1logged_in_customer_id%3D777path_prefix%3D… can be cut before each name
    const query = new URLSearchParams(signedQuery(
      new URLSearchParams({ a: `1logged_in_customer_id=${VICTIM}` }).toString(),
      own,
      SECRET,
    ));
    const text = proxyMessage(query);
    const at = text.indexOf("logged_in_customer_id=");
    const rest = text.slice(at + "logged_in_customer_id=".length + VICTIM.length);
    const forged = cut(
      [
        text.slice(0, at),
        `logged_in_customer_id=${VICTIM}`,
        ...rest.split(/(?=path_prefix=|shop=|timestamp=)/),
      ],
      query.get("signature")!,
    );
    const result = verifyProxy(forged, [SECRET], NOW);
    expect(result.ok && result.customerId !== null).toBe(false);
  });

  test("says the same however its text is cut: with Shopify's own parameters alone, or without a customer and a host", () => {
    const names = ["logged_in_customer_id", "path_prefix", "shop", "timestamp"];
    const piece = fc.oneof(
      fc.constantFrom("=", "&", ",", "[]", "%3D", "+", "1", "/apps/trakit", SHOP, VICTIM, TIME, ...names),
      fc.string({ maxLength: 6 }),
    );
    const word = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
    const customer = fc.constantFrom("", "42");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, word), { maxLength: 3 }),
        customer,
        fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
        (extra, customerId, choices) => {
          const genuine = new URLSearchParams(
            signedQuery(new URLSearchParams(extra).toString(), { ...own, customerId }, SECRET),
          );
          const text = proxyMessage(genuine);
          const signature = genuine.get("signature")!;
          // cut before names and anywhere else
          const places = [...text.matchAll(/logged_in_customer_id=|path_prefix=|shop=|timestamp=/g)].map((
            match,
          ) => match.index);
          const chosen = new Set([
            0,
            ...choices.map((choice, index) => {
              return index % 2 === 0 && places.length > 0
                ? places[choice % places.length]!
                : choice % (text.length + 1);
            }),
          ]);
          const cuts = [...chosen].sort((a, b) => a - b);
          const segments = cuts.map((start, index) => text.slice(start, cuts[index + 1])).filter((one) =>
            one !== ""
          );
          fc.pre(segments.every((segment) => segment.includes("=")));
          const forged = cut(segments, signature);
          // only those whose signed text is the same can be used
          fc.pre(signProxyQuery(forged, SECRET) === signature);
          const result = verifyProxy(forged, [SECRET], NOW);
          if (result.ok && !result.extra) {
            expect(result).toMatchObject({
              shop: SHOP,
              customerId: customerId || null,
              pathPrefix: "/apps/trakit",
            });
          } else expect(result.ok ? result.customerId : null).toBeNull();
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
