import { beginReconciliation } from "@trakit/db/calls/begin-reconciliation.ts";
import { compareOrders } from "@trakit/db/calls/compare-orders.ts";
import { ORDERS_QUERY, readOrdersPage } from "@trakit/shopify/graphql-order.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import type { PipelineDependencies } from "./dependencies.ts";
import { type Capture, ingest } from "./ingest.ts";
import { accessToken, type AdminWorld } from "./shop-token.ts";

/** Orders a page: with their lines about 3 points each, well inside the bucket of the smallest plan. */
const PAGE = 25;
/** A webhook that is late by less than this may still come; Shopify's first repeats come within minutes (ms). */
const SETTLED_MS = 15 * 60_000;
/** Pages one run of a shop reads; the next goes on from the watermark. */
const PAGES = 40;
/** Longest wait for the cost bucket before the shop is left to the next run (ms). */
const LONGEST_WAIT_MS = 20_000;

export interface Reconciled {
  orders: number;
  missing: number;
  /** Why it stopped early; null = it is up to date. */
  trouble: string | null;
}

/**
 * Compares a shop's orders at Shopify, by the time of their last change from the watermark on, with what was captured, and
 * ingests what is missing as if its webhook had come. Repeats and overlaps do no harm: an order is one event by its id.
 */
export async function reconcileShop(
  deps: PipelineDependencies,
  world: AdminWorld,
  shop: string,
): Promise<Reconciled> {
  const result: Reconciled = { orders: 0, missing: 0, trouble: null };
  const now = world.databaseNow?.();
  const begun = await beginReconciliation(world.db, shop, now);
  if (!begun) return { ...result, trouble: "unknown_shop" };
  const until = new Date(deps.now() - SETTLED_MS).toISOString();
  const stop = async (trouble: string) => {
    await compareOrders(world.db, shop, [], null, trouble, now);
    return { ...result, trouble };
  };
  const token = await accessToken(world, shop);
  if (!token.ok) return await stop(token.reason);

  let after: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const variables = {
      first: PAGE,
      after,
      query: `updated_at:>='${new Date(begun.watermark).toISOString()}' updated_at:<='${until}'`,
    };
    let answer = await world.shopify.graphql<unknown>(shop, token.token, ORDERS_QUERY, variables);
    if (!answer.ok && answer.reason === "throttled") {
      const wait = answer.retryAfterMs ?? 2_000;
      if (wait > LONGEST_WAIT_MS) return await stop("throttled");
      await world.pause(wait);
      answer = await world.shopify.graphql<unknown>(shop, token.token, ORDERS_QUERY, variables);
    }
    if (!answer.ok) return await stop(answer.reason);
    const read = readOrdersPage(answer.data);
    if (!read.ok) return await stop("unexpected_answer");
    const counted = read.orders.filter((order) =>
      Date.parse(order.placedAt) >= Date.parse(begun.installed_at) &&
      (begun.order_topic === "orders/create" || order.paid)
    );
    const listed = counted.map((order) => ({ id: order.id, at: order.placedAt }));
    const missing = new Set(await compareOrders(world.db, shop, listed, null, null, now));
    const captures: Capture[] = [];
    for (const order of counted) {
      if (!missing.has(order.id)) continue;
      const decoded = decodeOrder(order.body, { shop });
      if (decoded.ok) {
        captures.push({
          event: decoded.event,
          keys: [`order:${order.id}`],
          topic: begun.order_topic,
          signed: null,
        });
      }
    }
    for (const capture of captures) await (await ingest(deps, shop, [capture], {})).deliver();
    result.orders += counted.length;
    result.missing += missing.size;
    // only now: what this page brought is stored
    const last = read.next ? read.orders.at(-1)?.updatedAt ?? null : until;
    await compareOrders(world.db, shop, [], last, null, now);
    after = read.next;
    if (!after) return result;
  }
  return { ...result, trouble: "more_to_come" };
}
