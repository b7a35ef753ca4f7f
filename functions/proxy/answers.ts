import type { BrowserIngested } from "@trakit/db/calls/ingest-browser-events.ts";
import type { IngestResult } from "@trakit/db/calls/ingest-events.ts";
import type { EventAnswer, ReturnedIdentifiers } from "@trakit/pipeline/contracts/answers.ts";
import { problem } from "@trakit/runtime/problem.ts";
import { type Caller, originHost } from "./caller.ts";
import { isFirstParty, proofCookie, setCookies } from "./cookies.ts";

/** What the answers to a storefront have in common. */

/**
 * The answer as a page of another origin may read it. Which origin that is was judged before anything was told; an opaque
 * one (a sandboxed pixel) gets no credentials.
 */
export function readableBy(origin: string | null, response: Response): Response {
  if (origin === null) return response;
  response.headers.append("vary", "origin");
  if (originHost(origin) === null) response.headers.set("access-control-allow-origin", "*");
  else {
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set("access-control-allow-credentials", "true");
  }
  response.headers.set("access-control-expose-headers", "retry-after");
  return response;
}

/** Answer to a preflight: whether the origin is the shop's is judged when the request itself comes. */
export function preflight(origin: string | null, methods: string): Response {
  return readableBy(
    origin,
    new Response(null, {
      status: 204,
      headers: {
        allow: methods,
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "content-type",
        "access-control-max-age": "86400",
      },
    }),
  );
}

/** The answer where the intake took nothing from this sender or for this shop; null = it did. */
export function refusalOf(
  stored: Pick<BrowserIngested, "shop" | "refused" | "wait_seconds">,
): Response | null {
  if (stored.refused === "foreign_origin") {
    return problem({
      code: "foreign_origin",
      status: 403,
      title: "The page is not the shop's.",
      detail:
        "Pages of the shop's own domains may call this; a domain is known once its storefront has loaded.",
    });
  }
  if (stored.refused === "rate_limited") {
    return problem({
      code: "rate_limited",
      status: 429,
      title: "Too many events from this address.",
      detail: "Nothing of this request was kept. Send it again later.",
      headers: { "retry-after": String(stored.wait_seconds ?? 60) },
    });
  }
  if (stored.shop !== "active") {
    return problem({
      code: `${stored.shop}_shop`,
      status: 404,
      title: "TrakIt is not installed in this shop.",
      detail: "Install the app, then reload the page.",
    });
  }
  return null;
}

/**
 * What a browser is told of an event. Ids of orders and of registrations can be guessed, so whether one was known stays with
 * us: who registered, or which order exists, is nobody's to find out. Only what its own session said before is `duplicate`.
 */
export function toldStatus(result: IngestResult): EventAnswer["results"][number]["status"] {
  if (result.status === "refused") return "refused";
  return result.own ? "duplicate" : "accepted";
}

/**
 * The same cookies for the script of a page on `host`, which writes them where `Set-Cookie` cannot. A `_ga` the page has is
 * its own tag's to prolong: from a script nothing would be gained.
 */
export function pageCookies(
  host: string | null,
  stored: Pick<BrowserIngested, "cookie_lifetime_days">,
  identifiers: ReturnedIdentifiers,
  ga: string | null,
): string[] {
  const wanted = ga === null ? identifiers : { ...identifiers, ga_client_id: null };
  return setCookies(wanted, host, stored.cookie_lifetime_days ?? 730, null);
}

/** Adds `Set-Cookie` where the visitor is on the shop's own domain: elsewhere it would be a third party's. */
export function withSetCookies(
  response: Response,
  caller: Caller,
  stored: Pick<BrowserIngested, "hosts" | "cookie_lifetime_days">,
  identifiers: ReturnedIdentifiers,
  proof: string | null,
  ga: string | null,
): Response {
  const storefront = [caller.shop, ...stored.hosts ?? []];
  const page = originHost(caller.origin);
  const ours = isFirstParty(caller.host, storefront) &&
    (caller.via === "app_proxy" || page === null || isFirstParty(page, [caller.host!]));
  if (!ours) return response;
  const days = stored.cookie_lifetime_days ?? 730;
  for (const cookie of setCookies(identifiers, caller.host, days, ga)) {
    response.headers.append("set-cookie", cookie);
  }
  if (proof !== null) response.headers.append("set-cookie", proofCookie(proof, days));
  return response;
}
