import { EVENT_NAMES, type EventName } from "@trakit/core/event.ts";
import { senderPrefix } from "@trakit/core/sender-prefix.ts";
import { isSessionOf, visitorProof } from "@trakit/core/storefront-keys.ts";
import { tokenVerifier } from "@trakit/core/token.ts";
import type { FiredTag } from "@trakit/db/calls/ingest-browser-events.ts";
import type { EventAnswer } from "@trakit/pipeline/contracts/answers.ts";
import { leaseClock } from "@trakit/pipeline/ports.ts";
import { type Capture, ingest } from "@trakit/pipeline/ingest/ingest.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { json } from "@trakit/runtime/problem.ts";
import { decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { browserIdentifiers } from "@trakit/shopify/browser-identifiers.ts";
import type { BrowserBatch, BrowserVisitor } from "@trakit/shopify/browser-schema.ts";
import { parseJson } from "@trakit/shopify/json.ts";
import { openEvent, openTagReport } from "@trakit/shopify/signed-event.ts";
import { isRecord } from "@trakit/shopify/text.ts";
import { pageCookies, refusalOf, toldStatus, withSetCookies } from "./answers.ts";
import { type Caller, foreignHost, storefrontHost } from "./caller.ts";
import { withCookies } from "./cookies.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { returnedIdentifiers, unusableIdentifiers, withNewClicks } from "./identity.ts";
import { type OwnVisitor, ownVisitor } from "./own-visitor.ts";

/** What is told of an id or name that was refused: only what has the shape of one, so that nothing is echoed. */
const ECHOED_ID = /^[A-Za-z0-9_-]{1,128}$/;

type Results = EventAnswer["results"];

interface DecodedBatch {
  results: Results;
  captures: Capture[];
  /** Place of each capture among the results. */
  places: number[];
  refused: Record<string, number>;
  /** An event was signed by a session that is not the logged-in customer's. */
  foreignSession: boolean;
}

/**
 * Reads every event of a batch by itself: signature, shape, id.
 *
 * @param visitor what body and cookies say of the visitor, the same for all
 * @param self whether the visitor id there is proven
 */
function decodeBatch(
  deps: ProxyDependencies,
  request: Request,
  caller: Caller,
  batch: BrowserBatch,
  visitor: BrowserVisitor,
  self: OwnVisitor,
): DecodedBatch {
  const now = deps.now();
  const userAgent = batch.user_agent ?? request.headers.get("user-agent");
  const wanted = deps.wanted.of(caller.shop, leaseClock(deps));
  const verify = tokenVerifier(deps.keys, caller.shop, now);
  const result: DecodedBatch = { results: [], captures: [], places: [], refused: {}, foreignSession: false };
  const { customerId } = caller;
  const sessions = new Map<string, boolean>();
  /** Whether the customer Shopify signed for opened this session: another site's page may have sent somebody's own events. */
  const isTheirs = (id: string): boolean => {
    if (customerId === null) return false;
    const theirs = sessions.get(id) ?? isSessionOf(deps.keys, caller.shop, id, customerId);
    sessions.set(id, theirs);
    if (!theirs) result.foreignSession = true;
    return theirs;
  };
  const count = (reason: string) => result.refused[reason] = (result.refused[reason] ?? 0) + 1;
  const refuse = (reason: string, id: unknown, name: unknown, issues: string[] = []) => {
    count(reason);
    result.results.push({
      event_id: typeof id === "string" && ECHOED_ID.test(id) ? id : null,
      name: EVENT_NAMES.includes(name as EventName) ? name as EventName : null,
      status: "refused",
      reason,
      ...(issues.length > 0 ? { issues } : {}),
    });
  };

  const take = (entry: unknown) => {
    const opened = openEvent(entry, verify);
    if (!opened.ok) return refuse(opened.reason, opened.eventId, null);
    const { id, name } = (opened.raw ?? {}) as { id?: unknown; name?: unknown };
    const decoded = decodeBrowserEvent(opened.raw, {
      shop: caller.shop,
      ip: caller.ip,
      userAgent,
      customerId: opened.signed && isTheirs(opened.signed.sessionId) ? customerId : null,
      now,
      visitor,
      unproven: !self.proven,
      consent: batch.consent ?? null,
      language: batch.language ?? null,
      policyCountry: batch.region,
      wanted,
    });
    if (!decoded.ok) return refuse(decoded.reason, opened.signed?.eventId ?? id, name, decoded.issues);
    // the id of a conversion follows from its checkout, any other from the body: a token for another id proves nothing here
    if (opened.signed && opened.signed.eventId !== decoded.event.event_id) {
      return refuse("wrong_event_id", opened.signed.eventId, name);
    }
    for (const field of decoded.dropped) count(`unusable_${field}`);
    result.places.push(result.results.length);
    result.results.push({ event_id: decoded.event.event_id, name: decoded.event.name, status: "accepted" });
    result.captures.push({
      event: decoded.event,
      // no order key from a browser: who guessed an order's id could tie their own visitor to it before Shopify speaks
      keys: [],
      topic: null,
      signed: opened.signed !== null,
      ...(opened.signed ? { session: opened.signed.sessionId, digest: opened.signed.digest } : {}),
    });
  };
  for (const entry of batch.events) {
    try {
      take(entry);
    } catch (error) {
      // a bug of ours in reading one event takes none of the others with it
      deps.log.error("proxy_failed", errorFields(error));
      refuse("decoder_failed", null, null);
    }
  }
  return result;
}

/** Reports of tags: those that are proven, and why the others are not. */
function firedTags(
  deps: ProxyDependencies,
  caller: Caller,
  batch: BrowserBatch,
): { fired: FiredTag[]; refused: Record<string, number> } {
  const now = deps.now();
  const verify = tokenVerifier(deps.keys, caller.shop, now);
  const fired: FiredTag[] = [];
  const refused: Record<string, number> = {};
  for (const entry of batch.fired ?? []) {
    const opened = openTagReport(entry, verify);
    if (opened.ok) {
      const { at, ...report } = opened.report;
      fired.push({ ...report, session: opened.sessionId, at: new Date(Math.min(at, now)).toISOString() });
    } else refused[opened.reason] = (refused[opened.reason] ?? 0) + 1;
  }
  return { fired, refused };
}

/** What a batch costs: each event, and each platform's tag of each report, however they are packed, taken or not. */
function costOf(batch: BrowserBatch): number {
  const platforms = (entry: unknown): number => {
    const report = isRecord(entry) && typeof entry.body === "string" ? parseJson(entry.body) : null;
    const said = report === null ? entry : report.ok ? report.value : null;
    return isRecord(said) && Array.isArray(said.platforms) ? Math.max(said.platforms.length, 1) : 1;
  };
  return (batch.fired ?? []).reduce<number>((sum, entry) => sum + platforms(entry), batch.events.length);
}

/**
 * `POST /proxy/event`: a batch of browser events. Each is judged by itself and the answer says of each what became of it;
 * one network round trip stores them.
 *
 * @param raw the request's `visitor` as it came, to count what is none
 */
export async function events(
  deps: ProxyDependencies,
  request: Request,
  caller: Caller,
  batch: BrowserBatch,
  raw: unknown,
): Promise<Response> {
  const now = deps.now();
  const told = withCookies(batch.visitor ?? {}, caller.cookie);
  const self = ownVisitor(deps.keys, caller.shop, told, caller.cookie);
  const visitor = { ...told, visitor_id: self.id };
  const { results, captures, places, refused, foreignSession } = decodeBatch(
    deps,
    request,
    caller,
    batch,
    visitor,
    self,
  );
  const own = browserIdentifiers(visitor, {
    href: null,
    pixelClientId: null,
    customerId: caller.customerId,
    occurredAt: now,
  });
  Object.assign(refused, unusableIdentifiers(raw, { ...own, visitor_id: self.shown }));
  if (
    captures.some(({ event }) => event.identifiers.visitor_id !== self.id) ||
    (self.shown !== null && self.id === null)
  ) {
    refused.unproven_visitor = 1;
  }
  if (caller.extra) refused.extra_parameter = 1;
  const { fired, refused: reports } = firedTags(deps, caller, batch);
  for (const [reason, count] of Object.entries(reports)) refused[reason] = (refused[reason] ?? 0) + count;

  const ingested = await ingest(deps, caller.shop, captures, {
    refused,
    browser: {
      sender: {
        prefix: senderPrefix(caller.ip),
        signed: caller.via !== "key",
        origin: foreignHost(caller),
        events: costOf(batch),
        consent: batch.consent ?? null,
        country: batch.region,
      },
      fired,
    },
  });
  deps.waitUntil(ingested.deliver());
  const refusal = refusalOf({ ...ingested.browser, shop: ingested.shop });
  if (refusal) return refusal;
  ingested.results.forEach((result, index) => {
    const place = results[places[index]!]!;
    // an add Shopify reported first has its id
    place.event_id = result.event_id;
    place.status = toldStatus(result);
    if (result.reason) place.reason = result.reason;
  });
  const identifiers = returnedIdentifiers(
    withNewClicks(own, captures.map(({ event }) => event.identifiers)),
    // who shows an id without the proof of it gets back what they brought
    self.id !== null && !self.proven ? {} : ingested.visitor,
    ingested.browser.purposes!,
  );
  const proof = identifiers.visitor_id === null || (identifiers.visitor_id === self.id && !self.proven)
    ? null
    : visitorProof(deps.keys, caller.shop, identifiers.visitor_id);
  const host = storefrontHost(caller, ingested.browser.hosts ?? [], batch.url);
  const answer: EventAnswer = {
    results,
    visitor: identifiers,
    visitor_proof: proof,
    cookies: pageCookies(host, ingested.browser, identifiers, visitor.ga ?? null),
    ...(foreignSession ? { session: "renew" as const } : {}),
  };
  return withSetCookies(json(202, answer), caller, ingested.browser, identifiers, proof, visitor.ga ?? null);
}
