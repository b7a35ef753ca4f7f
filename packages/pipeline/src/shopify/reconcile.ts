import { beginReconciliation } from "@trakit/db/calls/begin-reconciliation.ts";
import { compareOrders, type UnreadableOrder } from "@trakit/db/calls/compare-orders.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { dataRefused } from "@trakit/db/errors.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import {
  byIds,
  type FoundOrder,
  LINES_QUERY,
  orderGid,
  ORDERS_QUERY,
  readLinesPage,
  readOrdersPage,
} from "@trakit/shopify/graphql-order.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { type Capture, ingest } from "../ingest/ingest.ts";
import { refusalWords } from "../ingest/receive-webhook.ts";
import { type AdminWorld, type AskedAnswer, askShop } from "./shop-token.ts";

/** Orders a page: with their lines about 3 points each, well inside the bucket of the smallest plan. */
const PAGE = 25;
/** A webhook that is late by less than this may still come; Shopify's first repeats come within minutes (ms). */
const SETTLED_MS = 15 * 60_000;
/** Pages one run of a shop reads; the next goes on from the watermark. */
const PAGES = 40;
/** Pages of further lines one order may have; Shopify's orders have at most 500 lines, a page 250. */
const LINE_PAGES = 10;
/** Longest wait for the cost bucket before the shop is left to the next run (ms). */
const LONGEST_WAIT_MS = 20_000;

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

/**
 * An order as its webhook would have brought it. Not ok: it cannot be read, Postgres will not hold it, or it meets a fault of
 * ours, in paths and codes: one order keeps no other back. Throws DatabaseUnavailable.
 */
async function storeOrder(
  deps: PipelineDependencies,
  shop: string,
  order: FoundOrder,
  topic: Capture["topic"],
): Promise<{ ok: true; deliver: () => Promise<unknown> } | { ok: false; reason: string }> {
  try {
    const decoded = decodeOrder(order.body, { shop });
    if (!decoded.ok) return { ok: false, reason: decoded.issues.join(", ") };
    const capture: Capture = { event: decoded.event, keys: [`order:${order.id}`], topic, signed: null };
    const { deliver } = await ingest(deps, shop, [capture], {});
    return { ok: true, deliver };
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    if (dataRefused(error)) return { ok: false, reason: `event_refused, ${refusalWords(error).join(", ")}` };
    deps.log.error("order_failed", errorFields(error));
    return { ok: false, reason: `intake_failed, ${errorFields(error).error}` };
  }
}

/** Asks, and once more after the wait where Shopify throttles. */
async function ask(
  world: AdminWorld,
  shop: string,
  query: string,
  variables: Record<string, unknown>,
): Promise<AskedAnswer<unknown>> {
  const answer = await askShop<unknown>(world, shop, query, variables);
  if (answer.ok || answer.reason !== "throttled") return answer;
  const wait = answer.retryAfterMs ?? 2_000;
  if (wait > LONGEST_WAIT_MS) return answer;
  await world.pause(wait);
  return await askShop<unknown>(world, shop, query, variables);
}

/** Completes an order of more lines than came with it. Returns why it could not; null = all are there. */
async function addLines(world: AdminWorld, shop: string, order: FoundOrder): Promise<string | null> {
  let after = order.moreLines;
  for (let page = 0; after !== null && page < LINE_PAGES; page++) {
    const answer = await ask(world, shop, LINES_QUERY, { id: orderGid(order.id), after });
    if (!answer.ok) return answer.reason;
    const read = readLinesPage(answer.data);
    if (!read) return "unexpected_answer";
    (order.body["line_items"] as unknown[]).push(...read.lines);
    after = read.next;
  }
  return null;
}
