import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Is this request from Shopify? Webhooks and app proxy (reference: shopify §2.1, §1.3). Secrets are the app's client
 * secret and, while it is being rotated, the previous one; empty ones are passed over, because anybody can sign with
 * an empty key.
 */

/** Clock difference tolerated for a proxied request, as in Shopify's own library (reference: shopify §1.3). */
const PROXY_TOLERANCE_MS = 90_000;
const SHOP = /^[a-z0-9][a-z0-9-]*\.myshopify\.com$/;
/** A host name is at most 253 characters long. */
const MAX_SHOP = 253;
const UNIX_SECONDS = /^\d{1,12}$/;
const CUSTOMER_ID = /^\d{1,20}$/;
/** Shopify's prefix and the app's or the merchant's subpath (reference: shopify §1.1). */
const PATH_PREFIX = /^(?:\/[A-Za-z0-9_-]{1,64}){1,4}$/;
/** Kept as text: Shopify writes nanoseconds, and the order of two updates may hang on them. */
const TRIGGERED_AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

const encoder = new TextEncoder();

/** The shop's domain in lower case, or null if it is none of Shopify's (reference: shopify §3.3). */
export function shopDomain(value: string | null | undefined): string | null {
  const shop = (value ?? "").toLowerCase();
  return shop.length <= MAX_SHOP && SHOP.test(shop) ? shop : null;
}

function equal(a: string, b: string): boolean {
  const [left, right] = [encoder.encode(a), encoder.encode(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Tries every secret, also after one fitted: the time taken does not tell which. */
function signedByAny(secrets: string[], signature: string, sign: (secret: string) => string): boolean {
  let found = false;
  for (const secret of secrets) {
    if (secret !== "" && equal(sign(secret), signature)) found = true;
  }
  return found;
}

/** `X-Shopify-Hmac-Sha256` of a webhook: base64 of HMAC-SHA256 over the raw body. */
export function signWebhook(body: Uint8Array, secret: string): string {
  return createHmac("sha256", secret).update(body).digest("base64");
}

export type WebhookVerification =
  | {
    ok: true;
    /** Lower case. The header is not part of the signature; Shopify alone is trusted to set it. */
    shop: string;
    /** As in `orders/create`. */
    topic: string;
    /** Same over retries of one delivery. */
    webhookId: string;
    /** ISO 8601 with up to nine fraction digits; null when absent or unreadable. */
    triggeredAt: string | null;
    apiVersion: string;
  }
  | { ok: false; reason: "missing_header" | "bad_signature" | "foreign_body" | "bad_shop" };

/** `{`, with which the body of every webhook begins. */
const OPENING_BRACE = 0x7b;

/**
 * Checks a webhook's signature over its raw bytes, before anything is parsed. Required are the five headers Shopify's
 * library requires: Hmac-Sha256, Topic, Shop-Domain, API-Version, Webhook-Id.
 *
 * The same secret signs queries (app launch, app proxy), in which whoever opens an address has a say: a text of theirs that
 * begins with a space can be JSON. Shopify's bodies begin with `{`, and no signed query can: its own parameters sort before it.
 */
export function verifyWebhook(
  body: Uint8Array,
  headers: { get(name: string): string | null },
  secrets: string[],
): WebhookVerification {
  const signature = headers.get("x-shopify-hmac-sha256");
  const topic = headers.get("x-shopify-topic");
  const domain = headers.get("x-shopify-shop-domain");
  const apiVersion = headers.get("x-shopify-api-version");
  const webhookId = headers.get("x-shopify-webhook-id");
  if (!signature || !topic || !domain || !apiVersion || !webhookId) {
    return { ok: false, reason: "missing_header" };
  }
  if (!signedByAny(secrets, signature, (secret) => signWebhook(body, secret))) {
    return { ok: false, reason: "bad_signature" };
  }
  if (body[0] !== OPENING_BRACE) return { ok: false, reason: "foreign_body" };
  const shop = shopDomain(domain);
  if (shop === null) return { ok: false, reason: "bad_shop" };
  const triggeredAt = headers.get("x-shopify-triggered-at");
  const readable = triggeredAt !== null && TRIGGERED_AT.test(triggeredAt) &&
    !Number.isNaN(Date.parse(triggeredAt));
  return { ok: true, shop, topic, webhookId, triggeredAt: readable ? triggeredAt : null, apiVersion };
}

/** Order of two texts by their UTF-8 bytes, as Ruby sorts; JavaScript's own order differs beyond U+FFFF. */
function byBytes(a: string, b: string): number {
  const [left, right] = [encoder.encode(a), encoder.encode(b)];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** What the signature covers: joined `key=value` strings (repeated keys: values joined by commas), sorted, no separator. */
function proxyMessage(query: URLSearchParams): string {
  const values = new Map<string, string[]>();
  for (const [key, value] of query) {
    if (key === "signature") continue;
    const known = values.get(key);
    if (known) known.push(value);
    else values.set(key, [value]);
  }
  return [...values].map(([key, all]) => `${key}=${all.join(",")}`).sort(byBytes).join("");
}

/** `signature` of a proxied request: lower-case hex of HMAC-SHA256 over the query; a `signature` already in it is left out. */
export function signProxyQuery(query: URLSearchParams, secret: string): string {
  return createHmac("sha256", secret).update(proxyMessage(query), "utf8").digest("hex");
}

export type ProxyVerification =
  | {
    ok: true;
    /** Lower case. */
    shop: string;
    /** Customer logged in to the shop; null = nobody, and always null where `extra`. */
    customerId: string | null;
    /** Path the visitor used, e.g. `/apps/trakit` (merchants rename it). */
    pathPrefix: string;
    /** There were other parameters: then the text that was signed may have been cut in other places than it is cut here. */
    extra: boolean;
  }
  | {
    ok: false;
    reason: "missing_parameter" | "malformed_parameter" | "bad_signature" | "stale_timestamp" | "bad_shop";
  };

/** What Shopify adds beside `signature`. */
const PROXY_PARAMETERS = ["shop", "logged_in_customer_id", "path_prefix", "timestamp"] as const;

/**
 * Checks a request Shopify's app proxy forwarded. It proves the shop and the logged-in customer, never the body.
 *
 * What is signed is `key=value` after `key=value` without anything between, so one signed text can be cut into parameters in
 * several ways, and visitors' own parameters are signed as well. None of Shopify's own values has a `=` in it: where these
 * alone are there, each once and in its form, the text can be cut in one way only. With any other parameter beside them the
 * customer is nobody and `extra` is set: such a call proves no more than that somebody called the shop's address.
 *
 * `shop`, `path_prefix`, `timestamp` and `signature` must be there (`missing_parameter`), each of Shopify's exactly once and in
 * its form (`malformed_parameter`). The timestamp (Unix seconds) may be 90 s from `nowMs` (ms), either way.
 */
export function verifyProxy(query: URLSearchParams, secrets: string[], nowMs: number): ProxyVerification {
  const found = new Map<string, string>();
  let extra = false;
  for (const [key, value] of query) {
    if (key !== "signature" && !PROXY_PARAMETERS.some((name) => name === key)) extra = true;
    else if (found.has(key)) return { ok: false, reason: "malformed_parameter" };
    else found.set(key, value);
  }
  const [signature, domain, pathPrefix, timestamp] = [
    found.get("signature"),
    found.get("shop"),
    found.get("path_prefix"),
    found.get("timestamp"),
  ];
  if (!signature || !domain || !pathPrefix || !timestamp) return { ok: false, reason: "missing_parameter" };
  const customerId = found.get("logged_in_customer_id") ?? "";
  if (!PATH_PREFIX.test(pathPrefix) || (customerId !== "" && !CUSTOMER_ID.test(customerId))) {
    return { ok: false, reason: "malformed_parameter" };
  }
  if (!signedByAny(secrets, signature, (secret) => signProxyQuery(query, secret))) {
    return { ok: false, reason: "bad_signature" };
  }
  if (!UNIX_SECONDS.test(timestamp) || Math.abs(nowMs - Number(timestamp) * 1000) > PROXY_TOLERANCE_MS) {
    return { ok: false, reason: "stale_timestamp" };
  }
  const shop = shopDomain(domain);
  if (shop === null) return { ok: false, reason: "bad_shop" };
  return { ok: true, shop, customerId: extra ? null : customerId || null, pathPrefix, extra };
}
