import { validClientId } from "@trakit/core/cookies.ts";
import {
  sessionId,
  sessionKeyText,
  sessionTimes,
  shopPublicKey,
  visitorProof,
} from "@trakit/core/storefront-keys.ts";
import { senderPrefix } from "@trakit/core/sender-prefix.ts";
import { openSession } from "@trakit/db/calls/open-session.ts";
import type { SessionAnswer } from "@trakit/pipeline/contracts/answers.ts";
import { json } from "@trakit/runtime/problem.ts";
import { browserIdentifiers } from "@trakit/shopify/browser-identifiers.ts";
import type { SessionRequest } from "@trakit/shopify/browser-schema.ts";
import { pageCookies, refusalOf, withSetCookies } from "./answers.ts";
import { type Caller, foreignHost, fromOwnPage, storefrontHost } from "./caller.ts";
import { cookieDomain, withCookies } from "./cookies.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { returnedIdentifiers, unusableIdentifiers, withNewIdentifiers } from "./identity.ts";
import { ownVisitor } from "./own-visitor.ts";

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * `GET|POST /proxy/session`: begins a visit. Gives a signing key that lives a day, the identifiers this browser may have
 * back (by its own visitor id with the proof of it, its pixel client id, or the customer Shopify signed for: nothing anybody
 * could type or another host of the domain could write), and the shop's settings for the script. A visitor id without proof
 * is replaced. Stores nothing of the visitor.
 *
 * @param raw the request's `visitor` as it came, to count what is none
 */
export async function session(
  deps: ProxyDependencies,
  caller: Caller,
  request: SessionRequest,
  raw: unknown,
): Promise<Response> {
  const now = deps.now();
  const visitor = withCookies(request.visitor ?? {}, caller.cookie);
  const { id: believed, proven, shown } = ownVisitor(deps.keys, caller.shop, visitor, caller.cookie);
  const visitorId = proven ? believed : null;
  const own = browserIdentifiers({ ...visitor, visitor_id: visitorId }, {
    href: request.url,
    pixelClientId: null,
    customerId: caller.customerId,
    occurredAt: now,
  });
  const client = validClientId(visitor.client_id);
  const refuses = request.consent?.analytics === false || request.consent?.marketing === false;
  const opened = await openSession(deps.db, {
    shop: caller.shop,
    keys: {
      ...(visitorId ? { visitor: visitorId } : {}),
      ...(client ? { client } : {}),
      // another site's page could have a customer's browser say no for them
      ...(caller.customerId && (!refuses || fromOwnPage(caller)) ? { customer: caller.customerId } : {}),
    },
    host: caller.via === "app_proxy" ? caller.host : null,
    refused: {
      ...unusableIdentifiers(raw, { ...own, visitor_id: shown }),
      ...(visitorId === null && shown !== null ? { unproven_visitor: 1 } : {}),
      ...(caller.extra ? { extra_parameter: 1 } : {}),
    },
    sender: {
      prefix: senderPrefix(caller.ip),
      signed: caller.via !== "key",
      origin: foreignHost(caller),
      events: 1,
      consent: request.consent ?? null,
      country: request.region,
    },
    now: deps.databaseNow?.(),
  });
  const refusal = refusalOf(opened);
  if (refusal) return refusal;

  const purposes = opened.purposes!;
  const identifiers = withNewIdentifiers(
    returnedIdentifiers(own, opened.visitor ?? {}, purposes),
    // made only where somebody said yes: a policy for the undecided gives back what is known, and makes nothing
    { analytics: request.consent?.analytics === true, marketing: request.consent?.marketing === true },
    { now, chance: deps.random(), visitorId: () => hex(deps.chance(16)) },
  );
  const host = storefrontHost(caller, opened.hosts ?? [], request.url);
  const id = sessionId(deps.keys, caller.shop, now, deps.chance(6), caller.customerId);
  const proof = identifiers.visitor_id === null
    ? null
    : visitorProof(deps.keys, caller.shop, identifiers.visitor_id);
  const answer: SessionAnswer = {
    session: {
      id,
      key: sessionKeyText(deps.keys[0]!.key, caller.shop, id),
      now,
      expires_at: sessionTimes(id)!.until,
    },
    visitor: identifiers,
    visitor_proof: proof,
    cookies: pageCookies(host, opened, identifiers, visitor.ga ?? null),
    config: {
      ...opened.config!,
      tags: opened.config!.tags as SessionAnswer["config"]["tags"],
      cookie_domain: cookieDomain(host),
      public_key: shopPublicKey(deps.keys, caller.shop),
    },
  };
  return withSetCookies(json(200, answer), caller, opened, identifiers, proof, visitor.ga ?? null);
}
