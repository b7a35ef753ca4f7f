import { readUrl } from "@trakit/core/public-url.ts";
import { verifyForwarded } from "@trakit/core/forwarded.ts";
import { forwarderSecrets, type Keys, shopOfPublicKey } from "@trakit/core/storefront-keys.ts";
import { countryOfRegion } from "@trakit/shopify/region.ts";
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
  /** Country of that address (ISO alpha-2), where somebody who may say so tells it; null = nobody does. */
  country: string | null;
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

/** Headers in which gateways name the visitor's address, the ones that name nothing else first. */
const ADDRESS_HEADERS = ["cf-connecting-ip", "true-client-ip", "x-real-ip", "x-forwarded-for"];

/** What fits an address; what is longer is none. */
function address(value: string | null | undefined): string | null {
  return value?.trim().slice(0, 45) || null;
}

/**
 * A header as the gateway in front wrote it; null where the operator does not say that it writes this one, because anybody
 * can send any header. Of several values the last is the gateway's: those before it were handed to it.
 *
 * @param gateway TRAKIT_GATEWAY_HEADERS
 */
export function fromGateway(headers: Headers, name: string, gateway: readonly string[]): string | null {
  if (!gateway.includes(name)) return null;
  return headers.get(name)?.split(",").at(-1)?.trim() || null;
}

/** The visitor's address where only a gateway can vouch for it; null = nobody does, and then all such callers are one sender. */
function gatewayAddress(headers: Headers, gateway: readonly string[]): string | null {
  for (const name of ADDRESS_HEADERS) {
    const found = fromGateway(headers, name, gateway);
    if (found !== null) return address(found);
  }
  return null;
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
  trust: { secrets: string[]; keys: Keys; now: number; gatewayHeaders?: readonly string[] },
): Called {
  const gateway = trust.gatewayHeaders ?? [];
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
        // Shopify's word of it (reference: shopify §1.2): the client's address. Whatever stands between it and us comes behind
        ip: extra ? null : address(headers.get("x-forwarded-for")?.split(",")[0]),
        // a country header would be that of Shopify's own server; one of the visitor's is not known of
        country: null,
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
        ip: gatewayAddress(headers, gateway),
        country: countryOfRegion(fromGateway(headers, "cf-ipcountry", gateway)),
        host: hostName(fromGateway(headers, "x-forwarded-host", gateway) ?? headers.get("host")),
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
      country: null,
      host: hostName(parts.host),
      cookie,
      origin,
    },
  };
}
