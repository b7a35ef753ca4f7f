/** `/_admin/*`: what a test or an operator of the local stack does to the shop without a browser. */
import { isIP } from "node:net";
import { z } from "zod";
import { parseBig, stringifyBig } from "./big-json.ts";
import { findVariant, PRODUCTS } from "./catalog.ts";
import { STAND_IN_IP } from "./client-ip.ts";
import type { Shop } from "./context.ts";
import { COUNTRIES, COUNTRY_CODES } from "./countries.ts";
import { json } from "./http.ts";
import type { ShopAnswer, ShopRequest } from "./http.ts";
import { CURRENCIES } from "./money.ts";
import { OTHER_TOPICS, otherWebhook } from "./other-webhooks.ts";
import { findDiscount } from "./pricing.ts";
import { ORDER_TOPICS, placeOrder } from "./purchase.ts";

const variantId = z.union([z.string(), z.number().int(), z.bigint()]).transform(String)
  .refine((id) => findVariant(id) !== null, "no such variant");
const path = z.string().max(2_000).startsWith("/");

const orderBody = z.strictObject({
  test: z.boolean().default(false),
  channel: z.enum(["web", "pos"]).default("web"),
  currency: z.enum(CURRENCIES).default("USD"),
  country: z.enum(COUNTRY_CODES).default("US"),
  /** null is a walk-in at the till. */
  email: z.email().nullable().optional(),
  phone: z.string().max(40).optional(),
  lines: z.array(
    z.strictObject({ variant_id: variantId, quantity: z.number().int().min(1).max(999).default(1) }),
  )
    .min(1).max(100).optional(),
  discount_code: z.string().refine((code) => findDiscount(code) !== null, "no such discount code").optional(),
  accepts_marketing: z.boolean().default(false),
  logged_in: z.boolean().default(false),
  topics: z.array(z.enum(ORDER_TOPICS)).max(10).default(["orders/create", "orders/paid"]),
  /** Extra copies of each webhook under the same id, sent at the same moment. */
  duplicates: z.number().int().min(0).max(20).default(0),
  /** Cart attributes: they become the order's note_attributes. */
  attributes: z.record(z.string().max(200), z.string().max(2_000)).default({}),
  checkout_token: z.string().regex(/^[0-9a-f]{32}$/).optional(),
  cart_token: z.string().min(1).max(200).optional(),
  landing_site: path.nullable().default("/"),
  referring_site: z.url().nullable().default(null),
  ip: z.string().refine((ip) => isIP(ip) !== 0, "not an IP address").default(STAND_IN_IP),
  user_agent: z.string().max(1_000).default(
    "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  ),
}).refine((order) => order.channel === "pos" || order.email !== null, {
  message: "an order of the online store has an e-mail",
  path: ["email"],
});

const sendBody = z.strictObject({
  topic: z.enum(OTHER_TOPICS),
  order_id: z.union([z.string(), z.number().int(), z.bigint()]).transform(String).optional(),
  email: z.email().default(COUNTRIES.US.buyer.email),
  phone: z.string().max(40).default("+17185550123"),
  state: z.enum(["enabled", "disabled", "subscribed", "unsubscribed"]).optional(),
  quantity: z.number().int().min(1).max(999).optional(),
  scopes: z.array(z.string().max(100)).max(50).default([]),
  duplicates: z.number().int().min(0).max(20).default(0),
});

const redeliverBody = z.union([
  z.strictObject({ webhook_id: z.uuid() }),
  /** All deliveries of one order. */
  z.strictObject({ order_id: z.string() }),
  /** Everything Shopify has given up on, or that was never sent. */
  z.strictObject({ state: z.enum(["failed", "held"]) }),
]);

function problem(status: number, title: string, detail: string): ShopAnswer {
  const answer = json(status, JSON.stringify({ type: "about:blank", title, status, detail }));
  return {
    ...answer,
    headers: [["content-type", "application/problem+json"], ["cache-control", "no-store"]],
  };
}

/** Answers `/_admin/*`; null for any other path. */
export function adminRoute(shop: Shop, request: ShopRequest): ShopAnswer | null {
  if (request.path !== "/_admin" && !request.path.startsWith("/_admin/")) return null;
  const route = `${request.method} ${request.path}`;
  if (route === "GET /_admin/webhooks") return listWebhooks(shop, request);
  const handle = POSTS[route];
  if (!handle) {
    return problem(404, "Not found", `Known: GET /_admin/webhooks, ${Object.keys(POSTS).join(", ")}.`);
  }
  // A page of another site can post forms and text here without asking, but not JSON.
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    return problem(415, "Unsupported media type", "Send Content-Type: application/json.");
  }
  let body: unknown;
  try {
    body = parseBig(request.body.length === 0 ? "{}" : request.body.toString("utf8"));
  } catch {
    return problem(400, "Malformed JSON", "The body is not JSON.");
  }
  return handle(shop, body);
}

const POSTS: Record<string, (shop: Shop, body: unknown) => ShopAnswer> = {
  "POST /_admin/orders": createOrder,
  "POST /_admin/webhooks/send": sendOther,
  "POST /_admin/webhooks/redeliver": redeliver,
};

function sendOther(shop: Shop, body: unknown): ShopAnswer {
  const parsed = sendBody.safeParse(body);
  if (!parsed.success) return problem(422, "Invalid webhook", z.prettifyError(parsed.error));
  const { topic, order_id, state, quantity, duplicates, ...wanted } = parsed.data;
  const order = order_id === undefined ? null : shop.state.placed.get(order_id) ?? null;
  const payload = otherWebhook(shop, {
    ...wanted,
    topic,
    order,
    state: state ?? (topic === "customers/create" ? "enabled" : "subscribed"),
    quantity: quantity ?? null,
  });
  if (payload === null || (order_id !== undefined && order === null)) {
    return problem(422, "Invalid webhook", "Give the order_id of an order of this shop.");
  }
  const deliveries = shop.webhooks.send(
    [{ topic, orderId: order?.id ?? "", body: stringifyBig(payload) }],
    duplicates,
  );
  return json(201, JSON.stringify({ webhooks: deliveries.map(({ webhook_id }) => ({ webhook_id, topic })) }));
}

function listWebhooks(shop: Shop, request: ShopRequest): ShopAnswer {
  const orderId = request.query.get("order_id");
  const webhooks = shop.webhooks.list().filter((delivery) =>
    orderId === null || delivery.order_id === orderId
  );
  return json(200, JSON.stringify({ webhooks }));
}

function createOrder(shop: Shop, body: unknown): ShopAnswer {
  const parsed = orderBody.safeParse(body);
  if (!parsed.success) return problem(422, "Invalid order", z.prettifyError(parsed.error));
  const order = parsed.data;
  const web = order.channel === "web";
  const person = COUNTRIES[order.country].buyer;
  // A till knows its customer only when an e-mail was given.
  const email = order.email ?? (web ? person.email : null);
  const result = placeOrder(shop, {
    lines: (order.lines ?? [{ variant_id: PRODUCTS[0]!.variants[0]!.id, quantity: 1 }])
      .map((line) => ({ variantId: line.variant_id, quantity: line.quantity, properties: {} })),
    country: order.country,
    currency: order.currency,
    discount: order.discount_code === undefined ? null : findDiscount(order.discount_code),
    channel: order.channel,
    test: order.test,
    buyer: email === null ? null : { ...person, email, phone: order.phone ?? person.phone },
    loggedIn: order.logged_in,
    acceptsMarketing: order.accepts_marketing,
    cartToken: web ? order.cart_token ?? shop.ids.cartToken() : null,
    checkoutToken: web ? order.checkout_token ?? shop.ids.hex(16) : null,
    browser: web
      ? {
        ip: order.ip,
        userAgent: order.user_agent,
        acceptLanguage: COUNTRIES[order.country].locale,
        landingSite: order.landing_site,
        referringSite: order.referring_site,
      }
      : null,
    attributes: order.attributes,
    note: null,
    topics: order.topics,
    duplicates: order.duplicates,
  });
  return json(
    201,
    JSON.stringify({
      order_id: result.orderId,
      order_name: result.orderName,
      checkout_token: result.checkoutToken,
      event_id: result.eventId,
      webhooks: result.deliveries.map(({ webhook_id, topic }) => ({ webhook_id, topic })),
    }),
  );
}

function redeliver(shop: Shop, body: unknown): ShopAnswer {
  const parsed = redeliverBody.safeParse(body);
  if (!parsed.success) {
    return problem(422, "Invalid request", "Give one of webhook_id, order_id, state (failed or held).");
  }
  const wanted = parsed.data;
  const ids = shop.webhooks.list().filter((delivery) =>
    "webhook_id" in wanted
      ? delivery.webhook_id === wanted.webhook_id
      : "order_id" in wanted
      ? delivery.order_id === wanted.order_id
      : delivery.state === wanted.state
  ).map((delivery) => delivery.webhook_id);
  if (ids.length === 0) return problem(404, "Not found", "No delivery matches.");
  for (const id of ids) shop.webhooks.redeliver(id);
  return json(202, JSON.stringify({ redelivered: ids }));
}
