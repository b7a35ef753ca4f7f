/** Turns a filled-in checkout (or an administrator's request) into an order and its webhooks. */
import { stringifyBig } from "./big-json.ts";
import type { Shop } from "./context.ts";
import { COUNTRIES, DEMO_CUSTOMER } from "./countries.ts";
import type { Buyer, CountryCode } from "./countries.ts";
import { conversionEventId } from "./ids.ts";
import type { Currency } from "./money.ts";
import { buildOrder } from "./order.ts";
import type { BrowserDetails } from "./order.ts";
import type { CustomerRecord } from "./order-lines.ts";
import { priceCart } from "./pricing.ts";
import type { CartLine, Discount } from "./pricing.ts";
import { shopTime } from "./shop-time.ts";
import type { PlacedOrder } from "./state.ts";
import type { Delivery } from "./webhook-sender.ts";

export const ORDER_TOPICS = ["orders/create", "orders/paid", "orders/updated"] as const;
export type OrderTopic = (typeof ORDER_TOPICS)[number];

export interface Purchase {
  lines: CartLine[];
  country: CountryCode;
  currency: Currency;
  discount: Discount | null;
  channel: "web" | "pos";
  test: boolean;
  /** null: a walk-in at the till. */
  buyer: Buyer | null;
  /** Bought while logged in as the demo customer. */
  loggedIn: boolean;
  acceptsMarketing: boolean;
  cartToken: string | null;
  checkoutToken: string | null;
  browser: BrowserDetails | null;
  attributes: Record<string, string>;
  note: string | null;
  topics: OrderTopic[];
  /** Extra copies of every webhook, under the same id. */
  duplicates: number;
}

export interface PurchaseResult {
  orderId: string;
  orderName: string;
  checkoutToken: string | null;
  /** The id TrakIt must give this conversion. */
  eventId: string;
  deliveries: Delivery[];
}

/** Places the order and queues its webhooks; returns before any of them is delivered. */
export function placeOrder(shop: Shop, purchase: Purchase): PurchaseResult {
  const cart = priceCart(purchase.lines, {
    country: purchase.country,
    currency: purchase.currency,
    discount: purchase.discount,
    shipped: purchase.channel === "web",
  });
  const at = shop.now();
  const customer = purchase.buyer === null ? null : customerFor(shop, purchase.buyer, purchase.loggedIn, at);
  const order = buildOrder({
    cart,
    channel: purchase.channel,
    test: purchase.test,
    buyer: purchase.buyer,
    customer,
    acceptsMarketing: purchase.acceptsMarketing,
    cartToken: purchase.cartToken,
    checkoutToken: purchase.checkoutToken,
    browser: purchase.browser,
    attributes: purchase.attributes,
    note: purchase.note,
    shopDomain: shop.domain,
    at,
  }, shop.ids);

  if (purchase.checkoutToken !== null && purchase.buyer !== null && customer !== null) {
    const placed: PlacedOrder = {
      id: order.id,
      name: order.name,
      checkoutToken: purchase.checkoutToken,
      cart,
      buyer: purchase.buyer,
      customer,
      acceptsMarketing: purchase.acceptsMarketing,
      test: purchase.test,
      seen: false,
    };
    shop.state.orders.set(purchase.checkoutToken, placed);
  }

  shop.state.placed.set(order.id, {
    id: order.id,
    body: order.body,
    cart,
    customerId: customer?.id ?? null,
    email: purchase.buyer?.email ?? null,
    total: cart.total.shop,
  });
  const body = stringifyBig(order.body);
  const deliveries = shop.webhooks.send(
    purchase.topics.map((topic) => ({ topic, orderId: order.id, body })),
    purchase.duplicates,
  );
  return {
    orderId: order.id,
    orderName: order.name,
    checkoutToken: purchase.checkoutToken,
    eventId: conversionEventId(
      shop.domain,
      "checkout_completed",
      purchase.checkoutToken ?? `order:${order.id}`,
    ),
    deliveries,
  };
}

/** One customer per e-mail, as Shopify keeps them; whoever is logged in stays that customer whatever they type. */
function customerFor(shop: Shop, buyer: Buyer, loggedIn: boolean, at: number): CustomerRecord {
  const demoEmail = COUNTRIES[DEMO_CUSTOMER.country].buyer.email;
  const key = loggedIn ? demoEmail : buyer.email.trim().toLowerCase();
  const demo = key === demoEmail;
  const record = shop.state.customers.get(key) ?? {
    id: demo ? DEMO_CUSTOMER.id : shop.ids.next("customer"),
    addressId: demo ? DEMO_CUSTOMER.address_id : shop.ids.next("address"),
    createdAt: demo ? DEMO_CUSTOMER.created_at : shopTime(at),
    account: demo,
    ordersBefore: 0,
  };
  shop.state.customers.set(key, { ...record, ordersBefore: record.ordersBefore + 1 });
  return record;
}
