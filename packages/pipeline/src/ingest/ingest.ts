import { type CanonicalEvent, EMPTY_IDENTIFIERS, type Identifiers } from "@trakit/core/event.ts";
import { asConsented, fromStored, toStored } from "@trakit/core/stored.ts";
import type { BrowserIngested, BrowserIntake } from "@trakit/db/calls/ingest-browser-events.ts";
import type { CapturedEvent, Ingested, IngestResult } from "@trakit/db/calls/ingest-events.ts";
import { oneAnswer } from "@trakit/db/connection.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { leaseClock } from "../ports.ts";
import { dispatch } from "../dispatch/dispatch.ts";
import type { DestinationSends, Send } from "../dispatch/send-all.ts";
import { storeBrowserEvents } from "./store-browser-events.ts";

/** A captured event before it is stored. */
export interface Capture {
  event: CanonicalEvent;
  /** Natural keys beside the event id, e.g. `order:123`, `webhook:abc`. */
  keys: string[];
  topic: string | null;
  signed: boolean | null;
  /** An order read from Shopify once more: it completes what was stored of it without its person. */
  again?: boolean;
  /** Signed browser copy: the session that signed it, and SHA-256 of its body, hex. */
  session?: string;
  digest?: string;
}

export interface IngestAnswer {
  shop: Ingested["shop"];
  /** In the order of the captures; empty unless the shop is active. */
  results: IngestResult[];
  /** Identifiers the browser may get back, as far as its keys go; consent is in `browser.purposes`. */
  visitor: Identifiers;
  /** Browsers only: what else the intake said. */
  browser: Pick<
    BrowserIngested,
    "refused" | "wait_seconds" | "purposes" | "hosts" | "cookie_lifetime_days"
  >;
  /** Sends what was leased to us and settles it. Call it once, after the answer went out; it never throws. */
  deliver: () => Promise<Record<string, number>>;
}

/** A shop has at most this many destinations in mind when slots are set aside for one event. */
const SLOTS_PER_EVENT = 6;

/**
 * The first of the two sequences: stores captures of one shop in one round trip and leases what can be sent now.
 * Throws DatabaseUnavailable when nothing could be stored, and what Postgres says where it refuses a webhook's event; a
 * browser's that it refuses has the result `refused`.
 */
export async function ingest(
  deps: PipelineDependencies,
  shop: string,
  captures: Capture[],
  options: {
    refused?: Record<string, number>;
    /** A browser's captures: who sends them, and tags that fired meanwhile. */
    browser?: Pick<BrowserIntake, "sender" | "fired">;
  },
): Promise<IngestAnswer> {
  const kept = captures.map((capture) => ({ ...capture, event: asConsented(capture.event) }));
  const events: CapturedEvent[] = kept.map(({ event, keys, topic, signed, session, digest, again }) => ({
    event: toStored(event),
    keys: [`event:${event.name}:${event.event_id}`, ...keys],
    topic,
    signed,
    ...(session && digest ? { session, digest } : {}),
    ...(again ? { again } : {}),
  }));
  const slots = deps.slots.acquire(captures.length * SLOTS_PER_EVENT);
  const leasedAt = leaseClock(deps);
  let stored: BrowserIngested;
  try {
    const refused = options.refused ?? {};
    if (options.browser) {
      stored = await storeBrowserEvents(deps.db, {
        shop,
        events,
        slots,
        refused,
        ...options.browser,
        now: deps.databaseNow?.(),
      });
    } else {
      // what it waits for another webhook's call is its own time
      const part = { db: oneAnswer(deps.db), events, slots, refused };
      const settled = await deps.coalescers.webhooks.submit(shop, part);
      if (settled.status === "rejected") throw settled.reason;
      stored = settled.value;
    }
  } catch (error) {
    deps.slots.release(slots);
    throw error;
  }
  deps.slots.release(slots - stored.sends.length);
  deps.wanted.learn(shop, stored, leasedAt);

  return {
    shop: stored.shop,
    results: stored.results,
    visitor: { ...EMPTY_IDENTIFIERS, ...stored.visitor },
    browser: stored,
    deliver: async () => {
      try {
        return await dispatch(
          deps,
          groupByDestination(kept.map((capture) => capture.event), stored, leasedAt),
        );
      } finally {
        deps.slots.release(stored.sends.length);
      }
    },
  };
}

/** What was leased, by destination, with the events as they are to be sent. `events` are the call's, in its order. */
export function groupByDestination(
  events: CanonicalEvent[],
  stored: Ingested,
  leasedAt: number,
): DestinationSends[] {
  const groups = new Map<string, DestinationSends>();
  for (const leased of stored.sends) {
    const destination = stored.destinations?.[leased.destination_id];
    const event = events[leased.index];
    const result = stored.results[leased.index];
    if (!destination || !event || !result || !stored.shop_id) continue;
    const send: Send = {
      ...leased,
      attempts: 1,
      doubts: 0,
      leasedAt,
      event: result.event ? fromStored(result.event) : {
        ...event,
        identifiers: { ...event.identifiers, ...result.identifiers },
        digests: result.digests ?? event.digests,
        commerce: { ...event.commerce, ...result.commerce },
      },
    };
    const group = groups.get(leased.destination_id);
    if (group) group.sends.push(send);
    else groups.set(leased.destination_id, { shopId: stored.shop_id, destination, sends: [send] });
  }
  return [...groups.values()];
}
