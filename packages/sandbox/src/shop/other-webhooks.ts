/**
 * Webhooks beside orders: refunds, customers, opt-ins, the app's own life, compliance. Bodies have the fields of Shopify's
 * (reference: shopify §2.3) as far as an app may rely on them.
 */
import type { Json } from "./big-json.ts";
import type { Shop } from "./context.ts";
import { COUNTRIES } from "./countries.ts";
import { numeric } from "./ids.ts";
import { decimal, SHOP_CURRENCY } from "./money.ts";
import { shopTime } from "./shop-time.ts";
import type { Placed } from "./state.ts";

type Fields = Record<string, Json>;

export const OTHER_TOPICS = [
  "orders/updated",
  "refunds/create",
  "customers/create",
  "customers/purchasing_summary",
  "customers_email_marketing_consent/update",
  "customers_marketing_consent/update",
  "app/uninstalled",
  "app/scopes_update",
  "customers/data_request",
  "customers/redact",
  "shop/redact",
] as const;
export type OtherTopic = (typeof OTHER_TOPICS)[number];

export const SHOP_ID = 61_234_567_890;

export interface Wanted {
  topic: OtherTopic;
  /** Order the webhook is about; needed by orders/updated and refunds/create, whose customer is meant elsewhere. */
  order: Placed | null;
  /** Customer of whom it tells, where no order names one. */
  email: string;
  phone: string;
  /** Account state of customers/create; marketing state of the opt-ins. */
  state: string;
  /** Units of each line that go back; null = all. */
  quantity: number | null;
  scopes: string[];
}

/** The body of a webhook; null where the topic needs an order and none is given. */
export function otherWebhook(shop: Shop, wanted: Wanted): Fields | null {
  const time = shopTime(shop.now());
  const iso = new Date(shop.now()).toISOString();
  const { order } = wanted;
  const email = order?.email ?? wanted.email;
  const known = shop.state.customers.get(email.toLowerCase());
  const id = order?.customerId ?? known?.id ?? shop.ids.next("customer");
  switch (wanted.topic) {
    case "orders/updated":
      return order && { ...order.body, updated_at: time };
    case "refunds/create":
      return order && refund(shop, order, wanted.quantity, time);
    case "customers/create": {
      const person = COUNTRIES.US.buyer;
      shop.state.customers.set(email.toLowerCase(), {
        id,
        addressId: shop.ids.next("address"),
        createdAt: time,
        account: wanted.state === "enabled",
        ordersBefore: known?.ordersBefore ?? 0,
      });
      return {
        id: numeric(id),
        created_at: time,
        updated_at: time,
        first_name: person.first_name,
        last_name: person.last_name,
        state: wanted.state,
        note: null,
        verified_email: true,
        multipass_identifier: null,
        tax_exempt: false,
        email,
        phone: wanted.phone,
        currency: SHOP_CURRENCY,
        addresses: [],
        tax_exemptions: [],
        admin_graphql_api_id: `gid://shopify/Customer/${id}`,
        default_address: null,
      };
    }
    case "customers/purchasing_summary": {
      const bought = shop.state.placed.values().filter((one) => one.customerId === id);
      const last = bought.at(-1);
      return {
        customerId: `gid://shopify/Customer/${id}`,
        numberOfOrders: bought.length,
        amountSpent: {
          amount: decimal(bought.reduce((sum, one) => sum + one.total, 0)),
          currencyCode: SHOP_CURRENCY,
        },
        lastOrderId: last ? `gid://shopify/Order/${last.id}` : null,
        occurredAt: iso,
      };
    }
    case "customers_email_marketing_consent/update":
      return {
        customer_id: numeric(id),
        email_address: email,
        email_marketing_consent: {
          state: wanted.state,
          opt_in_level: "single_opt_in",
          consent_updated_at: time,
        },
      };
    case "customers_marketing_consent/update":
      return {
        id: numeric(id),
        phone: wanted.phone,
        sms_marketing_consent: {
          state: wanted.state,
          opt_in_level: "single_opt_in",
          consent_updated_at: time,
          consent_collected_from: "SHOPIFY",
        },
      };
    case "app/uninstalled":
      return { id: SHOP_ID, name: "Trakit Demo", email: "owner@example.com", myshopify_domain: shop.domain };
    case "app/scopes_update":
      return {
        id: 1,
        shop_id: `gid://shopify/Shop/${SHOP_ID}`,
        previous: ["read_orders", "write_app_proxy"],
        current: wanted.scopes,
        updated_at: iso,
      };
    case "customers/data_request":
      return {
        shop_id: SHOP_ID,
        shop_domain: shop.domain,
        orders_requested: order ? [numeric(order.id)] : [],
        customer: { id: numeric(id), email, phone: wanted.phone },
        data_request: { id: 99_001 },
      };
    case "customers/redact":
      return {
        shop_id: SHOP_ID,
        shop_domain: shop.domain,
        customer: { id: numeric(id), email, phone: wanted.phone },
        orders_to_redact: order ? [numeric(order.id)] : [],
      };
    case "shop/redact":
      return { shop_id: SHOP_ID, shop_domain: shop.domain };
  }
}

/** A refund of every line, or of some units of each, without shipping; taxes go back in proportion. */
function refund(shop: Shop, order: Placed, quantity: number | null, time: string): Fields {
  const id = shop.ids.next("order");
  let minor = 0;
  const lines = order.cart.lines.map((line, index): Fields => {
    const units = Math.min(quantity ?? line.quantity, line.quantity);
    const part = (whole: number) => Math.floor((whole * units) / line.quantity);
    const net = {
      shop: part(line.unit.shop * line.quantity - line.discount.shop),
      presentment: part(line.unit.presentment * line.quantity - line.discount.presentment),
    };
    const tax = {
      shop: part(line.taxes.reduce((sum, one) => sum + one.amount.shop, 0)),
      presentment: part(line.taxes.reduce((sum, one) => sum + one.amount.presentment, 0)),
    };
    minor += net.presentment + (order.cart.taxesIncluded ? 0 : tax.presentment);
    const set = (amount: { shop: number; presentment: number }): Fields => ({
      shop_money: { amount: decimal(amount.shop), currency_code: SHOP_CURRENCY },
      presentment_money: { amount: decimal(amount.presentment), currency_code: order.cart.currency },
    });
    const item = (order.body.line_items as Fields[])[index]!;
    return {
      id: numeric(shop.ids.next("line_item")),
      quantity: units,
      line_item_id: item.id!,
      restock_type: "return",
      subtotal: net.shop / 100,
      total_tax: tax.shop / 100,
      subtotal_set: set(net),
      total_tax_set: set(tax),
      line_item: item,
    };
  });
  return {
    id: numeric(id),
    order_id: numeric(order.id),
    created_at: time,
    processed_at: time,
    note: null,
    user_id: null,
    restock: true,
    admin_graphql_api_id: `gid://shopify/Refund/${id}`,
    order_adjustments: [],
    refund_line_items: lines,
    transactions: [{
      id: numeric(shop.ids.next("order")),
      order_id: numeric(order.id),
      kind: "refund",
      gateway: "shopify_payments",
      status: "success",
      created_at: time,
      processed_at: time,
      test: false,
      amount: decimal(minor),
      currency: order.cart.currency,
    }],
  };
}
