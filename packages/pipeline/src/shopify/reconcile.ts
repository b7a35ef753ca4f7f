import { beginReconciliation } from "@trakit/db/calls/begin-reconciliation.ts";
import { compareOrders, type UnreadableOrder } from "@trakit/db/calls/compare-orders.ts";
import { byIds, ORDERS_QUERY, readOrdersPage } from "@trakit/shopify/graphql-order.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { addLines, ask, storeOrder } from "./orders.ts";
import type { AdminWorld } from "./shop-token.ts";

/** Orders a page: with their lines about 3 points each, well inside the bucket of the smallest plan. */
const PAGE = 25;
/** A webhook that is late by less than this may still come; Shopify's first repeats come within minutes (ms). */
const SETTLED_MS = 15 * 60_000;
/** Pages one run of a shop reads; the next goes on from the watermark. */
const PAGES = 40;

export interface Reconciled {
  orders: number;
  missing: number;
  /** Of those: orders we do not understand. They stand in `reconciled_orders` and are asked about again every day. */
  unreadable: number;
  /** Why it stopped early; null = it is up to date. */
  trouble: string | null;
}

/**
 * Compares a shop's orders at Shopify, by the time of their last change from the watermark on, with what was captured, and
 * ingests what is missing as if its webhook had come. Repeats and overlaps do no harm: an order is one event by its id. What
 * cannot be read is noted with its reason and asked about again. Begins no page once `over` says so.
 */
export async function reconcileShop(
  deps: PipelineDependencies,
  world: AdminWorld,
  shop: string,
  over: () => boolean = () => false,
): Promise<Reconciled> {
  const result: Reconciled = { orders: 0, missing: 0, unreadable: 0, trouble: null };
  const now = world.databaseNow?.();
  const begun = await beginReconciliation(world.db, shop, now);
  if (!begun) return { ...result, trouble: "unknown_shop" };
  const until = new Date(deps.now() - SETTLED_MS).toISOString();
  const stop = async (trouble: string) => {
    await compareOrders(world.db, shop, [], null, trouble, [], now);
    return { ...result, trouble };
  };
  /** A page of what `query` finds, as far as it counts, ingested and noted; moves the watermark where there is one to move. */
  const take = async (
    query: string,
    after: string | null,
    watermark: boolean,
  ): Promise<{ next: string | null } | { trouble: string }> => {
    const answer = await ask(world, shop, ORDERS_QUERY, { first: PAGE, after, query });
    if (!answer.ok) return { trouble: answer.reason };
    const read = readOrdersPage(answer.data);
    if (!read.ok) return { trouble: "unexpected_answer" };
    const counted = read.orders.filter((order) =>
      Date.parse(order.placedAt) >= Date.parse(begun.installed_at) &&
      (begun.order_topic === "orders/create" || order.paid)
    );
    const listed = counted.map((order) => ({ id: order.id, at: order.placedAt }));
    const missing = new Set(await compareOrders(world.db, shop, listed, null, null, [], now));
    const unreadable: UnreadableOrder[] = [...read.unreadable];
    for (const order of counted) {
      if (!missing.has(order.id)) continue;
      const trouble = await addLines(world, shop, order);
      if (trouble !== null) return { trouble };
      const stored = await storeOrder(deps, shop, order, begun.order_topic);
      if (stored.ok) await stored.deliver();
      else unreadable.push({ id: order.id, at: order.placedAt, reason: stored.reason });
    }
    result.orders += counted.length;
    result.missing += missing.size;
    result.unreadable += unreadable.length;
    if (unreadable.length > 0) world.log.warn("orders_unreadable", { orders: unreadable.length });
    // only now: what this page brought is stored
    const last = !watermark ? null : read.next ? read.orders.at(-1)?.updatedAt ?? null : until;
    await compareOrders(world.db, shop, [], last, null, unreadable, now);
    return { next: read.next };
  };
  if (begun.unreadable.length > 0 && !over()) {
    const taken = await take(byIds(begun.unreadable), null, false);
    if ("trouble" in taken) return await stop(taken.trouble);
  }
  const changed = `updated_at:>='${new Date(begun.watermark).toISOString()}' updated_at:<='${until}'`;
  let after: string | null = null;
  for (let page = 0; page < PAGES && !over(); page++) {
    const taken = await take(changed, after, true);
    if ("trouble" in taken) return await stop(taken.trouble);
    after = taken.next;
    if (!after) return result;
  }
  return { ...result, trouble: "more_to_come" };
}
