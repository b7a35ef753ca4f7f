import { claimReadings } from "@trakit/db/calls/claim-readings.ts";
import { dueReadings } from "@trakit/db/calls/due-readings.ts";
import { noteReadings } from "@trakit/db/calls/note-readings.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { byIds, ORDERS_QUERY, readOrdersPage } from "@trakit/shopify/graphql-order.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { addLines, ask, storeOrder } from "./orders.ts";
import type { AdminWorld } from "./shop-token.ts";

/** Orders a question, as in reconciliation. */
const AT_ONCE = 25;
/** Questions one run of a shop asks; the next run goes on. */
const QUESTIONS = 8;
/** Shops one run takes on. */
const SHOPS = 500;

export interface ReadAgain {
  read: number;
  /** What could not be read, with the reason beside it in `order_readings`; asked for again later, for a day. */
  troubled: number;
}

/**
 * Reads a shop's orders again whose buyers allowed it after they had been stored without them, and completes their events as
 * if the consent had come first: reconciliation's question and decoder. An order leaves the list in the transaction that
 * completes it, so nobody asks twice; what a crash interrupts is due again two minutes later. Where no token of the shop's is
 * there, or Shopify does not tell, its deliveries stay as they are.
 */
export async function readOrdersAgain(
  deps: PipelineDependencies,
  world: AdminWorld,
  shop: string,
  over: () => boolean = () => false,
): Promise<ReadAgain> {
  const result: ReadAgain = { read: 0, troubled: 0 };
  const now = () => world.databaseNow?.();
  const trouble = async (orders: readonly string[], reason: string) => {
    if (orders.length === 0) return;
    result.troubled += orders.length;
    await noteReadings(world.db, shop, orders, reason, now());
    world.log.warn("orders_not_read_again", { orders: orders.length, reason });
  };
  for (let question = 0; question < QUESTIONS && !over(); question++) {
    const { orders, order_topic: topic } = await claimReadings(world.db, shop, AT_ONCE, now());
    if (orders.length === 0) break;
    const variables = { first: AT_ONCE, after: null, query: byIds(orders) };
    const answer = await ask(world, shop, ORDERS_QUERY, variables);
    const page = answer.ok ? readOrdersPage(answer.data) : null;
    if (!page?.ok) {
      await trouble(orders, answer.ok ? "unexpected_answer" : answer.reason);
      break;
    }
    const left = new Set(orders);
    for (const order of page.orders) {
      if (!left.delete(order.id)) continue;
      const missing = await addLines(world, shop, order);
      const stored = missing === null
        ? await storeOrder(deps, shop, order, topic, true)
        : { ok: false as const, reason: missing };
      if (!stored.ok) await trouble([order.id], stored.reason);
      else {
        result.read++;
        await stored.deliver();
      }
    }
    await trouble([...left], "not_found");
  }
  return result;
}

/** Every shop that has orders to be read again, one after the other; one that fails stops no other. */
export async function readDueAgain(
  deps: PipelineDependencies,
  world: AdminWorld,
  over: () => boolean = () => false,
): Promise<void> {
  for (const shop of await dueReadings(world.db, SHOPS, world.databaseNow?.())) {
    if (over()) return;
    try {
      const { read, troubled } = await readOrdersAgain(deps, world, shop, over);
      world.log.info("orders_read_again", { read, troubled });
    } catch (error) {
      world.log.error("reading_again_failed", errorFields(error));
    }
  }
}
