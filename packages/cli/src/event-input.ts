import { z } from "zod";
import { type CanonicalEvent, CHANNELS, EVENT_NAMES } from "@trakit/core/event.ts";
import { IDENTIFIER_LIST } from "@trakit/core/identifiers.ts";
import { fromStored, type StoredEvent } from "@trakit/core/stored.ts";
import { parseJson } from "@trakit/shopify/json.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { CliProblem } from "./problem.ts";

const text = z.string().nullable().optional();
const amount = z.string().regex(/^-?\d+(\.\d+)?$/, 'must be a decimal string such as "49.90"').nullable()
  .optional();
const flag = z.boolean().nullable().optional();

const item = z.strictObject({
  product_id: z.string().nullable().default(null),
  variant_id: z.string().nullable().default(null),
  sku: z.string().nullable().default(null),
  title: z.string().nullable().default(null),
  variant_title: z.string().nullable().default(null),
  brand: z.string().nullable().default(null),
  category: z.string().nullable().default(null),
  quantity: z.int().positive(),
  unit_price: z.string().regex(/^\d+(\.\d+)?$/, 'must be a decimal string such as "49.90"'),
  line_discount: z.string().regex(/^\d+(\.\d+)?$/, "must be a decimal string").default("0"),
});

/** A canonical event as a person writes it: what is not known may be left out. */
const eventSchema = z.strictObject({
  name: z.enum(EVENT_NAMES),
  event_id: z.string().min(1).max(128),
  occurred_at: z.string().refine((value) => !Number.isNaN(Date.parse(value)), "must be an ISO 8601 time"),
  source: z.enum(["webhook", "browser"]).default("browser"),
  channel: z.enum(CHANNELS).default("web"),
  test: z.boolean().default(false),
  page: z.strictObject({ url: text, referrer: text, title: text }).default({}),
  commerce: z.strictObject({
    currency: text,
    total: amount,
    subtotal: amount,
    tax: amount,
    shipping: amount,
    discount: amount,
    taxes_included: flag,
    items: z.array(item).default([]),
    order_id: text,
    order_name: text,
    checkout_token: text,
    cart_token: text,
    coupon: text,
    payment_type: text,
    shipping_tier: text,
    delivery_category: z.enum(["home_delivery", "in_store"]).nullable().optional(),
    customer_type: z.enum(["new", "returning"]).nullable().optional(),
    search_query: text,
    collection_id: text,
    collection_title: text,
  }).prefault({}),
  digests: z.record(
    z.string(),
    z.array(z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits")),
  ).default({}),
  client: z.strictObject({
    ip: text,
    user_agent: text,
    language: text,
    city: text,
    region: text,
    region_code: text,
    postal_code: text,
    country: text,
  }).default({}),
  identifiers: z.strictObject(Object.fromEntries(IDENTIFIER_LIST.map(({ name }) => [name, text]))).default(
    {},
  ),
  consent: z.strictObject({ analytics: flag, marketing: flag, preferences: flag, sale_of_data: flag })
    .default({}),
});

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * An event from a file: a canonical event, or the body of a Shopify order webhook, told apart by their shape.
 * Throws CliProblem that names what is wrong, never a value.
 */
export function readEvent(content: string, shop: string): CanonicalEvent {
  const json = parseJson(content);
  if (!json.ok) {
    throw new CliProblem("The event is not JSON.", "Give a canonical event or the body of an order webhook.");
  }
  const { value } = json;
  if (isRecord(value) && "line_items" in value && "id" in value) {
    const order = decodeOrder(value, { shop });
    if (order.ok) return order.event;
    throw new CliProblem(
      `This order cannot be read: ${order.issues.slice(0, 5).join("; ")}.`,
      "Give the body as Shopify sent it.",
    );
  }
  if (!isRecord(value) || !("name" in value)) {
    throw new CliProblem(
      "This is neither a canonical event nor an order webhook.",
      'A canonical event has "name", "event_id" and "occurred_at"; an order has "id" and "line_items".',
    );
  }
  const parsed = eventSchema.safeParse(value);
  if (parsed.success) return fromStored(parsed.data as unknown as StoredEvent);
  const issues = parsed.error.issues.slice(0, 5).map((issue) =>
    `${issue.path.join(".") || "event"}: ${issue.message}`
  );
  throw new CliProblem(
    `The event is not a canonical event: ${issues.join("; ")}.`,
    "See packages/core/src/event.ts for its fields.",
  );
}
