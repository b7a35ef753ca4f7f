/** URLs from outside: without what names somebody or opens something, otherwise as they came (vendors read click ids from them). */
import { publicUrl, readUrl } from "@trakit/core/public-url.ts";
import { cleanText, heldToken, MAX } from "./text.ts";

/** An order status page: with its token and key anybody reads the buyer's order, so neither may reach a vendor. */
const ORDER_STATUS = /\/orders\/[0-9a-f]{32}/i;
const ANDROID_APP = /^android-app:\/\/[A-Za-z0-9._-]+(?:\/|$)/;
const CHECKOUT_PATH = /\/checkouts\/cn\/([A-Za-z0-9_=-]{10,128})(?:[/?#]|$)/;

/** Without fragment and query where it is too long: a URL cut in the middle would carry a click id that is none. */
function bound(url: string): string | null {
  if (url.length <= MAX.url) return url;
  const base = url.split(/[?#]/, 1)[0] ?? "";
  return base.length <= MAX.url ? base : null;
}

function withoutOrderStatus(url: string): string {
  const at = url.search(ORDER_STATUS);
  return at < 0 ? url : url.slice(0, at + "/orders".length);
}

/** An absolute http(s) URL as it came, at most 4096 characters; null for anything else. An order status page loses its token. */
export function pageUrl(value: unknown): string | null {
  if (typeof value !== "string" || !/^https?:\/\//i.test(value) || readUrl(value) === null) {
    return null;
  }
  const url = bound(withoutOrderStatus(value));
  return url === null ? null : cleanText(url, MAX.url);
}

/** A page's URL as it may be stored: no email address in a parameter, no token that opens a checkout or an order. */
export function storedUrl(url: string | null): string | null {
  return publicUrl(url, MAX.url);
}

/** As `pageUrl` and `storedUrl`; also the `android-app://…` referrers Android apps send. */
export function referrerUrl(value: unknown): string | null {
  if (typeof value === "string" && value.length <= MAX.url && ANDROID_APP.test(value)) {
    return cleanText(value, MAX.url);
  }
  return storedUrl(pageUrl(value));
}

/** An order's `landing_site` (path and query of the first page seen) as an absolute URL on the shop's domain. */
export function landingUrl(shop: string, landingSite: unknown): string | null {
  if (typeof landingSite !== "string" || landingSite === "") return null;
  if (/^https?:\/\//i.test(landingSite)) return storedUrl(pageUrl(landingSite));
  return storedUrl(pageUrl(`https://${shop}${landingSite.startsWith("/") ? "" : "/"}${landingSite}`));
}

/** The cart token in a checkout's path, `/checkouts/cn/<token>` (reference: shopify §4.6); null elsewhere. */
export function cartTokenOf(url: string | null): string | null {
  return heldToken(CHECKOUT_PATH.exec(url ?? "")?.[1]);
}
