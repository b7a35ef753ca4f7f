import { noteAsked } from "@trakit/db/calls/note-asked.ts";
import { noteLookup } from "@trakit/db/calls/note-lookup.ts";
import { unknownCustomers } from "@trakit/db/calls/unknown-customers.ts";
import { customerGids, CUSTOMERS_QUERY, readCustomers } from "@trakit/shopify/graphql-customer.ts";
import { type AdminWorld, askShop } from "./shop-token.ts";

/** Customers a question: about 125 points, well inside the bucket of the smallest plan. */
const AT_ONCE = 25;
/** Questions one run of a shop asks; the next run goes on. */
const QUESTIONS = 40;
/** What is left in the shop's bucket for others: below it we wait until it has filled up again (points). */
const RESERVE = 500;
/** Longest wait within a run (ms); past it the shop is left to a later one. */
const LONGEST_WAIT_MS = 20_000;
const MINUTE_MS = 60_000;
/** How long a shop is left alone, by what happened (ms). */
const PAUSES: Record<string, number> = {
  throttled: 5 * MINUTE_MS,
  unavailable: 5 * MINUTE_MS,
  unauthorized: 60 * MINUTE_MS,
  reopen_app: 60 * MINUTE_MS,
  refused: 60 * MINUTE_MS,
  unexpected_answer: 60 * MINUTE_MS,
  // the operator has to apply for it
  not_approved: 24 * 60 * MINUTE_MS,
};

export interface LookedUp {
  asked: number;
  /** Of how many Shopify told figures, and who are still known to us. */
  learnt: number;
  /** Why it stopped early; null = nobody is left. */
  trouble: string | null;
}

/**
 * Asks Shopify who customers are, and what they had bought, whom we see for the first time, so that their next event can say it. Never while
 * an event waits: a job's work. Spends no more than leaves the shop's other questions room.
 */
export async function lookUpCustomers(
  world: AdminWorld,
  shop: string,
  over: () => boolean = () => false,
): Promise<LookedUp> {
  const result: LookedUp = { asked: 0, learnt: 0, trouble: null };
  const now = () => world.databaseNow?.() ?? new Date();
  const stop = async (trouble: string): Promise<LookedUp> => {
    const pause = PAUSES[trouble] ?? 60 * MINUTE_MS;
    await noteLookup(world.db, shop, { trouble, until: new Date(now().getTime() + pause) }, now());
    world.log.warn("lookup_paused", { reason: trouble });
    return { ...result, trouble };
  };
  for (let question = 0; question < QUESTIONS && !over(); question++) {
    const ids = await unknownCustomers(world.db, shop, AT_ONCE, now());
    if (ids.length === 0) break;
    const askedAt = now().toISOString();
    const variables = { ids: customerGids(ids) };
    let answer = await askShop<unknown>(world, shop, CUSTOMERS_QUERY, variables);
    if (!answer.ok && answer.reason === "throttled") {
      const wait = answer.retryAfterMs ?? 2_000;
      if (wait > LONGEST_WAIT_MS) return await stop("throttled");
      await world.pause(wait);
      answer = await askShop<unknown>(world, shop, CUSTOMERS_QUERY, variables);
    }
    if (!answer.ok) return await stop(answer.reason);
    const read = readCustomers(answer.data, ids, askedAt);
    // without approval Shopify answers null with an error beside it: nobody was asked, so that they are once it is there
    if (answer.partial && (!read || read.without === ids.length)) return await stop("not_approved");
    if (!read) return await stop("unexpected_answer");
    result.asked += ids.length;
    const noted = await noteAsked(world.db, shop, read.facts, now());
    result.learnt += Math.max(0, noted - read.without);
    // an id that cannot be noted would be asked about for ever
    if (noted === 0) break;
    const { cost } = answer;
    if (cost && cost.available < RESERVE) {
      const wait = ((RESERVE - cost.available) / Math.max(1, cost.restoreRate)) * 1_000;
      if (wait > LONGEST_WAIT_MS) return await stop("throttled");
      await world.pause(Math.ceil(wait));
    }
  }
  await noteLookup(world.db, shop, null, now());
  return result;
}

/** Leaves a shop alone for an hour whose look-up ended in a bug, so that the others have their turn before it. */
export async function postponeLookups(world: AdminWorld, shop: string): Promise<void> {
  const now = world.databaseNow?.() ?? new Date();
  const until = new Date(now.getTime() + 60 * MINUTE_MS);
  await noteLookup(world.db, shop, { trouble: "failed", until }, now);
}
