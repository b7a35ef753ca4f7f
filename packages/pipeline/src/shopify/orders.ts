/** Orders at Shopify: asked for by Admin GraphQL, and stored as their webhooks would have brought them. */
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { dataRefused } from "@trakit/db/errors.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { type FoundOrder, LINES_QUERY, orderGid, readLinesPage } from "@trakit/shopify/graphql-order.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { type Capture, ingest } from "../ingest/ingest.ts";
import { refusalWords } from "../ingest/receive-webhook.ts";
import { type AdminWorld, type AskedAnswer, askShop } from "./shop-token.ts";

/** Pages of further lines one order may have; Shopify's orders have at most 500 lines, a page 250. */
const LINE_PAGES = 10;
/** Longest wait for the cost bucket before the shop is left to the next run (ms). */
const LONGEST_WAIT_MS = 20_000;

/**
 * An order as its webhook would have brought it. Not ok: it cannot be read, Postgres will not hold it, or it meets a fault of
 * ours, in paths and codes: one order keeps no other back. Throws DatabaseUnavailable.
 *
 * @param again it was stored without its person, and is asked for once more (read-again.ts)
 */
export async function storeOrder(
  deps: PipelineDependencies,
  shop: string,
  order: FoundOrder,
  topic: Capture["topic"],
  again = false,
): Promise<{ ok: true; deliver: () => Promise<unknown> } | { ok: false; reason: string }> {
  try {
    const decoded = decodeOrder(order.body, { shop });
    if (!decoded.ok) return { ok: false, reason: decoded.issues.join(", ") };
    const capture: Capture = {
      event: decoded.event,
      keys: [`order:${order.id}`],
      topic,
      signed: null,
      again,
    };
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
export async function ask(
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
export async function addLines(world: AdminWorld, shop: string, order: FoundOrder): Promise<string | null> {
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
