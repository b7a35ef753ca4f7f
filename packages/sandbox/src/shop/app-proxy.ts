/**
 * The app proxy as Shopify runs it: signs the query, strips cookies both ways, follows no redirect
 * (reference: shopify §1.2).
 */
import type { ShopAnswer, ShopRequest } from "./http.ts";
import { signedQuery } from "./proxy-signature.ts";

export interface AppProxyOptions {
  /** Where the app lives, e.g. http://127.0.0.1:54321/functions/v1/proxy */
  target: string;
  /** Prefix and subpath of this shop, e.g. "/apps/trakit". */
  prefix: string;
  shop: string;
  secret: string;
  now: () => number;
  fetch: typeof fetch;
  timeoutMs: number;
  /** The page a visitor gets when the app cannot be reached. */
  errorPage: (explanation: string) => ShopAnswer;
}

/** Never passed on: connection-level, the visitor's cookies, and what Shopify itself sets. */
const REQUEST_DROPPED = new Set([
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Removed from the app's answer (reference: shopify §1.2). */
export const RESPONSE_DROPPED = new Set([
  "accept-patch",
  "accept-ranges",
  "connection",
  "cookie",
  "date",
  "delta-base",
  "im",
  "p3p",
  "pragma",
  "preference-applied",
  "proxy-authenticate",
  "public-key-pins",
  "server",
  "service-worker-allowed",
  "set-cookie",
  "tk",
  "trailer",
  "warning",
  "x-powered-by",
]);

/** fetch has undone these by the time the body is read. */
const BODY_FRAMING = new Set(["content-encoding", "content-length", "keep-alive", "transfer-encoding"]);

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The path below the prefix ("" or "/x/y"), or null when the request is not for the app. */
export function proxiedPath(path: string, prefix: string): string | null {
  if (path === prefix) return "";
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : null;
}

/** Forwards one request and returns the app's answer, or the 502 page when there is none. */
export async function forwardToApp(
  request: ShopRequest,
  subPath: string,
  customerId: string,
  options: AppProxyOptions,
): Promise<ShopAnswer> {
  if (!METHODS.has(request.method)) return options.errorPage("The app proxy does not pass this method on.");
  const query = signedQuery(request.rawQuery, {
    shop: options.shop,
    customerId,
    pathPrefix: options.prefix,
    timestamp: Math.floor(options.now() / 1000),
  }, options.secret);

  const headers = new Headers();
  for (const [name, value] of request.rawHeaders) {
    const key = name.toLowerCase();
    if (REQUEST_DROPPED.has(key) || key.startsWith("x-forwarded-") || key.startsWith("x-shopify-")) continue;
    headers.append(key, value);
  }
  headers.set("accept-encoding", "identity");
  headers.set("x-forwarded-for", request.ip);
  headers.set("x-forwarded-host", request.host);

  const withBody = request.method !== "GET" && request.method !== "HEAD" && request.body.length > 0;
  try {
    const answer = await options.fetch(`${options.target}${subPath}?${query}`, {
      method: request.method,
      headers,
      ...(withBody ? { body: new Uint8Array(request.body) } : {}),
      redirect: "manual",
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    const body = new Uint8Array(await answer.arrayBuffer());
    if ((answer.headers.get("content-type") ?? "").toLowerCase().startsWith("application/liquid")) {
      return options.errorPage(
        "The app answered with Liquid, which this stand-in does not render (and TrakIt never sends).",
      );
    }
    const kept = [...answer.headers].filter(([name]) =>
      !RESPONSE_DROPPED.has(name) && !BODY_FRAMING.has(name)
    );
    return { status: answer.status, headers: kept, body };
  } catch {
    return options.errorPage("The app did not answer. Is the local stack running?");
  }
}
