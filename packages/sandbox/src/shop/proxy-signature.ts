/**
 * Shopify's app-proxy signature, written from its description and not from TrakIt's verification:
 * the sandbox is the second opinion (reference: shopify §1.3).
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

/** The text that is signed: repeated keys joined by ",", `key=value` strings sorted bytewise, no separator. */
export function proxyMessage(params: Iterable<[string, string]>): string {
  const grouped = new Map<string, string[]>();
  for (const [key, value] of params) {
    if (key === "signature") continue;
    const values = grouped.get(key);
    if (values === undefined) grouped.set(key, [value]);
    else values.push(value);
  }
  return [...grouped]
    .map(([key, values]) => `${key}=${values.join(",")}`)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .join("");
}

/** Lower-case hex HMAC-SHA256 of the message with the app's client secret. */
export function proxySignature(params: Iterable<[string, string]>, secret: string): string {
  return createHmac("sha256", secret).update(proxyMessage(params)).digest("hex");
}

export interface ProxyIdentity {
  shop: string;
  /** "" for a visitor who is not logged in; the parameter is sent all the same. */
  customerId: string;
  /** What the visitor used, e.g. "/apps/trakit". */
  pathPrefix: string;
  /** Unix seconds. */
  timestamp: number;
}

const SHOPIFYS_OWN = ["shop", "logged_in_customer_id", "path_prefix", "timestamp", "signature"];

/**
 * The query string the app receives: the visitor's parameters as sent, then Shopify's five. A visitor's own `shop`,
 * `signature` and so on are dropped, else anyone could have Shopify sign another shop's name.
 * @param rawQuery without the leading "?"
 */
export function signedQuery(rawQuery: string, identity: ProxyIdentity, secret: string): string {
  const kept = rawQuery.split("&").filter((pair) => {
    if (pair === "") return false;
    const key = new URLSearchParams(pair).keys().next().value ?? "";
    return !SHOPIFYS_OWN.includes(key);
  });
  const own = new URLSearchParams({
    shop: identity.shop,
    logged_in_customer_id: identity.customerId,
    path_prefix: identity.pathPrefix,
    timestamp: String(identity.timestamp),
  });
  const query = [...kept, own.toString()].join("&");
  return `${query}&signature=${proxySignature(new URLSearchParams(query), secret)}`;
}
