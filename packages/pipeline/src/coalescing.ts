import { type CapturedEvent, type Ingested, ingestEvents } from "@trakit/db/calls/ingest-events.ts";
import { readEvents } from "@trakit/db/calls/read-events.ts";
import { settleDeliveries, type Settlement } from "@trakit/db/calls/settle-deliveries.ts";
import { type Database, DatabaseUnavailable } from "@trakit/db/connection.ts";
import { Coalescer } from "@trakit/runtime/coalesce.ts";
import { EventShelf } from "./dispatch/event-shelf.ts";
import { KnownTrouble } from "./dispatch/known-trouble.ts";
import { type DestinationSends, sendAll } from "./dispatch/send-all.ts";
import { WantedForms } from "./ingest/wanted-forms.ts";
import type { World } from "./ports.ts";

/** One webhook's part in a call of `ingest_events`. */
export interface IngestPart {
  /** The request's, by whose time the call is limited (`oneAnswer`); what goes together, goes in the time of the first. */
  db: Database;
  events: CapturedEvent[];
  slots: number;
  refused: Record<string, number>;
}

/**
 * Calls of one process put together: while a call is under way, what else arrives for the same shop or destination waits and
 * goes together. At low load everything goes at once and alone.
 */
export interface Coalescers {
  /** By shop. Webhooks only: a browser's answer names its visitor, which is nobody else's. */
  webhooks: Coalescer<IngestPart, PromiseSettledResult<Ingested>>;
  /** By shop. */
  settlements: Coalescer<Settlement[], PromiseSettledResult<unknown>>;
  /** By destination; settlements come back in the order of the sends. */
  sends: Coalescer<DestinationSends, Settlement[]>;
}

/** What ingest and dispatch need: the world, and what the calls of one process share. */
export interface PipelineDependencies extends World {
  coalescers: Coalescers;
  /** Events that lanes drained at the same time have in common. */
  shelf: EventShelf;
  wanted: WantedForms;
}

/** Adds to a world what the calls of one process share: once per process. */
export function pipelineDependencies(world: World): PipelineDependencies {
  const trouble = new KnownTrouble();
  return {
    ...world,
    wanted: new WantedForms(),
    shelf: new EventShelf((shopId, keys) => readEvents(world.db, shopId, keys)),
    coalescers: {
      webhooks: new Coalescer({
        atOnce: 1,
        most: 32,
        work: (shop, parts) => ingestParts(world, shop, parts),
      }),
      settlements: new Coalescer({
        atOnce: 1,
        most: 40,
        work: (shopId, parts) => settleParts(world, shopId, parts),
      }),
      sends: new Coalescer({
        atOnce: 4,
        most: 40,
        work: (_, groups) => sendGroups(world, groups, trouble),
      }),
    },
  };
}

async function ingestParts(
  world: World,
  shop: string,
  parts: IngestPart[],
): Promise<PromiseSettledResult<Ingested>[]> {
  const call = async (some: IngestPart[]): Promise<Ingested> => {
    const refused: Record<string, number> = {};
    for (const part of some) {
      for (const [reason, count] of Object.entries(part.refused)) {
        refused[reason] = (refused[reason] ?? 0) + count;
      }
    }
    return await ingestEvents(some[0]!.db, {
      shop,
      events: some.flatMap((part) => part.events),
      slots: some.reduce((sum, part) => sum + part.slots, 0),
      place: "webhooks",
      refused,
      now: world.databaseNow?.(),
    });
  };
  if (parts.length === 1) return [{ status: "fulfilled", value: await call(parts) }];
  let stored: Ingested;
  try {
    stored = await call(parts);
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    // one event Postgres will not take must not cost the others: nothing of the call was stored, so each goes alone
    return await Promise.allSettled(parts.map((part) => call([part])));
  }
  let from = 0;
  return parts.map((part) => {
    const [first, end] = [from, from += part.events.length];
    const sends = stored.sends.filter((send) => send.index >= first && send.index < end)
      .map((send) => ({ ...send, index: send.index - first }));
    return { status: "fulfilled", value: { ...stored, results: stored.results.slice(first, end), sends } };
  });
}

async function settleParts(
  world: World,
  shopId: string,
  parts: Settlement[][],
): Promise<PromiseSettledResult<unknown>[]> {
  const call = (some: Settlement[][]) =>
    settleDeliveries(world.db, shopId, some.flat(), world.databaseNow?.());
  try {
    const value = await call(parts);
    return parts.map(() => ({ status: "fulfilled", value }));
  } catch (error) {
    if (error instanceof DatabaseUnavailable || parts.length === 1) throw error;
    // as with events: what Postgres refuses of one must not cost the others
    return await Promise.allSettled(parts.map((part) => call([part])));
  }
}

async function sendGroups(
  world: World,
  groups: DestinationSends[],
  trouble: KnownTrouble,
): Promise<Settlement[][]> {
  // settings and token as they were stored last
  const together = { ...groups.at(-1)!, sends: groups.flatMap((group) => group.sends) };
  const settlements = await sendAll(world, together, trouble);
  let from = 0;
  return groups.map((group) => settlements.slice(from, from += group.sends.length));
}
