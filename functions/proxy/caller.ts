import { readUrl } from "@trakit/core/public-url.ts";
import { verifyForwarded } from "@trakit/core/forwarded.ts";
import { forwarderSecrets, type Keys, shopOfPublicKey } from "@trakit/core/storefront-keys.ts";
import { verifyProxy } from "@trakit/shopify/verify.ts";
import { isFirstParty } from "./cookies.ts";

/** Who speaks for a shop's storefront, and what is known of the visitor behind them. */
export interface Caller {
  /** myshopify domain, lower case. */
  shop: string;
  /** app_proxy: Shopify signed it. key: the shop's public key, from a browser. forwarder: the shop's own reverse proxy. */
  via: "app_proxy" | "key" | "forwarder";
  /** Customer Shopify signed for. */
  customerId: string | null;
  /** Shopify signed parameters beside its own: then its signature proves no more than a public key (counted). */
  extra: boolean;
  ip: string | null;
  /** Host name the visitor used, lower case, without port; null = not known. */
  host: string | null;
  /** The visitor's cookies for that host; the app proxy strips them. */
  cookie: string;
  /** The whole Origin header; null = none. */
  origin: string | null;
}

export type Called =
  | { ok: true; caller: Caller }
  /** `shop`: whose public key it was; null = nobody's. */
  | { ok: false; reason: string; shop: string | null };

const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** A host name without port; null when it is none. */
export function hostName(value: string | null): string | null {
  const host = (value ?? "").split(",")[0]!.trim().toLowerCase().replace(/:\d{1,5}$/, "");
  return HOST.test(host) ? host : null;
}

/** The host of an Origin header: null = none or `null` (an opaque origin), "" = something that is no origin. */
export function originHost(origin: string | null): string | null {
  if (origin === null || origin === "null") return null;
  return hostName(readUrl(origin)?.hostname ?? null) ?? "";
}

/**
 * The host of another page that calls; null = none is named, or it is the very host the visitor used, which Shopify passes on
 * with its signature and which may not be learnt yet. Whether another is the shop's, only its row says.
 */
export function foreignHost(caller: Caller): string | null {
  const origin = originHost(caller.origin);
  return caller.via === "app_proxy" && origin === caller.host ? null : origin;
}

/** Whether the browser says that a page of the very host it called sent this: other sites' pages cannot make it say so. */
export function fromOwnPage(caller: Caller): boolean {
  const origin = originHost(caller.origin);
  return origin !== null && origin === caller.host;
}

/** Host of the page, where the caller's own host says nothing of it (the web pixel calls us directly); null = not known. */
export function storefrontHost(
  caller: Caller,
  hosts: readonly string[],
  url: string | null | undefined,
): string | null {
  const own = [caller.shop, ...hosts];
  if (caller.via !== "key" || isFirstParty(caller.host, own)) return caller.host;
  const named = hostName(url ? readUrl(url)?.hostname ?? null : null);
  return [originHost(caller.origin) || null, named].find((host) => isFirstParty(host, own)) ?? null;
}

/**
 * The first address is the visitor's: Shopify appends its own behind it. Where a browser calls us itself it could write that
 * first one; Cloudflare, in front of hosted functions as far as is known (unconfirmed), names the address it saw in a header
 * of its own. Elsewhere both are the sender's word, which then dodges the limit per sender and nothing else.
 */
function visitorAddress(headers: Headers, own: boolean): string | null {
  const seen = own ? headers.get("cf-connecting-ip") : null;
  return (seen ?? headers.get("x-forwarded-for")?.split(",")[0])?.trim().slice(0, 45) || null;
}

/**
 * Finds out who calls: a query signed by Shopify's app proxy, or the shop's public key in `key`, by itself or with the
 * signature of the shop's reverse proxy. A signed query with parameters beside Shopify's own has the rights of the public key:
 * visitors' parameters are signed too, and Shopify adds some, so it is no reason to turn anybody away. Refusals are 401.
 *
 * @param place last part of the path
 */
export function callerOf(
  request: Request,
  query: URLSearchParams,
  place: string,
  trust: { secrets: string[]; keys: Keys; now: number },
): Called {
  const { headers, method } = request;
  const origin = headers.get("origin");
  if (!query.has("key") || query.has("signature")) {
    const verified = verifyProxy(query, trust.secrets, trust.now);
    if (!verified.ok) return { ok: false, reason: verified.reason, shop: null };
    const { shop, customerId, extra } = verified;
    return {
      ok: true,
      caller: {
        shop,
        via: extra ? "key" : "app_proxy",
        customerId,
        extra,
        ip: visitorAddress(headers, extra),
        host: extra ? null : hostName(headers.get("x-forwarded-host")),
        cookie: "",
        origin,
      },
    };
  }
  const shop = shopOfPublicKey(trust.keys, query.get("key") ?? "");
  if (shop === null) return { ok: false, reason: "bad_key", shop: null };
  const cookie = headers.get("cookie") ?? "";
  const signature = headers.get("x-trakit-signature");
  if (signature === null) {
    return {
      ok: true,
      caller: {
        shop,
        via: "key",
        customerId: null,
        extra: false,
        ip: visitorAddress(headers, true),
        host: hostName(headers.get("x-forwarded-host") ?? headers.get("host")),
        cookie,
        origin,
      },
    };
  }
  const parts = {
    method,
    place,
    time: headers.get("x-trakit-time") ?? "",
    ip: headers.get("x-trakit-ip") ?? "",
    host: headers.get("x-trakit-host") ?? "",
    cookie,
  };
  const refusal = verifyForwarded(forwarderSecrets(trust.keys, shop), parts, signature, trust.now);
  if (refusal !== null) return { ok: false, reason: refusal, shop };
  return {
    ok: true,
    caller: {
      shop,
      via: "forwarder",
      customerId: null,
      extra: false,
      ip: parts.ip || null,
      host: hostName(parts.host),
      cookie,
      origin,
    },
  };
}
