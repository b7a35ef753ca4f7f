/** The body of `orders/*` webhooks: every top-level field of API 2026-10, sums consistent in both currencies. */
import type { Json } from "./big-json.ts";
import { COUNTRIES } from "./countries.ts";
import type { Buyer } from "./countries.ts";
import { numeric } from "./ids.ts";
import type { Ids } from "./ids.ts";
import { decimal, SHOP_CURRENCY, ZERO } from "./money.ts";
import type { Money } from "./money.ts";
import {
  lineItem,
  moneySet,
  orderAddress,
  orderCustomer,
  shippingLines,
  taxLines,
  textOrNull,
} from "./order-lines.ts";
import type { CustomerRecord } from "./order-lines.ts";
import type { PricedCart } from "./pricing.ts";
import { shopTime } from "./shop-time.ts";

export const SHOP_ID = "61234567890";

/** Where a browser order came from; null on a till. */
export interface BrowserDetails {
  ip: string;
  userAgent: string | null;
  acceptLanguage: string | null;
  /** Path and query of the first page seen. */
  landingSite: string | null;
  /** Referrer of the first page seen, when it was another site. */
  referringSite: string | null;
}

export interface OrderInput {
  cart: PricedCart;
  channel: "web" | "pos";
  test: boolean;
  /** null: a till without a customer. */
  buyer: Buyer | null;
  customer: CustomerRecord | null;
  acceptsMarketing: boolean;
  cartToken: string | null;
  checkoutToken: string | null;
  browser: BrowserDetails | null;
  /** Cart attributes, private ones included. */
  attributes: Record<string, string>;
  note: string | null;
  shopDomain: string;
  /** ms since 1970 */
  at: number;
}

export interface BuiltOrder {
  id: string;
  name: string;
  body: Record<string, Json>;
}

/** Builds the webhook body of one paid order and takes the ids it needs from `ids`. */
export function buildOrder(input: OrderInput, ids: Ids): BuiltOrder {
  const { cart, buyer } = input;
  const web = input.channel === "web";
  const id = ids.next("order");
  const orderNumber = ids.orderNumber();
  const name = `#${orderNumber}`;
  const token = ids.hex(16);
  const time = shopTime(input.at);
  const set = (amount: Money): Json => moneySet(amount, cart.currency);
  const country = COUNTRIES[cart.country];
  const email = buyer?.email ?? "";
  const phone = buyer === null ? null : textOrNull(buyer.phone.replaceAll(" ", ""));
  const address = buyer !== null && web ? orderAddress(buyer, cart.country) : null;

  const body: Record<string, Json> = {
    id: numeric(id),
    admin_graphql_api_id: `gid://shopify/Order/${id}`,
    app_id: web ? 580111 : 129785,
    browser_ip: input.browser?.ip ?? null,
    buyer_accepts_marketing: input.acceptsMarketing,
    cancel_reason: null,
    cancelled_at: null,
    cart_token: input.cartToken,
    checkout_token: input.checkoutToken,
    client_details: input.browser === null ? null : {
      accept_language: input.browser.acceptLanguage,
      browser_height: null,
      browser_ip: input.browser.ip,
      browser_width: null,
      session_hash: null,
      user_agent: input.browser.userAgent,
    },
    closed_at: null,
    confirmation_number: ids.confirmation(),
    confirmed: true,
    contact_email: email,
    created_at: time,
    currency: SHOP_CURRENCY,
    current_shipping_price_set: set(cart.shippingTotal),
    current_subtotal_price: decimal(cart.subtotal.shop),
    current_subtotal_price_set: set(cart.subtotal),
    current_total_additional_fees_set: null,
    current_total_discounts: decimal(cart.discountTotal.shop),
    current_total_discounts_set: set(cart.discountTotal),
    current_total_duties_set: null,
    current_total_price: decimal(cart.total.shop),
    current_total_price_set: set(cart.total),
    current_total_tax: decimal(cart.taxTotal.shop),
    current_total_tax_set: set(cart.taxTotal),
    customer_locale: web ? country.locale : null,
    device_id: null,
    discount_codes: cart.discount === null
      ? []
      : [{ code: cart.discount.code, amount: decimal(cart.discountTotal.shop), type: "percentage" }],
    duties_included: false,
    email,
    estimated_taxes: false,
    financial_status: "paid",
    fulfillment_status: web ? null : "fulfilled",
    landing_site: input.browser?.landingSite ?? null,
    landing_site_ref: null,
    location_id: web ? null : 70123456789,
    merchant_business_entity_id: "MTU0ODM4MDAwOQ",
    merchant_of_record_app_id: null,
    name,
    note: input.note,
    note_attributes: Object.entries(input.attributes).map(([key, value]) => ({ name: key, value })),
    number: orderNumber - 1000,
    order_number: orderNumber,
    order_status_url: `https://${input.shopDomain}/${SHOP_ID}/orders/${token}/authenticate?key=${
      ids.hex(16)
    }`,
    original_total_additional_fees_set: null,
    original_total_duties_set: null,
    payment_gateway_names: [input.test ? "bogus" : web ? "shopify_payments" : "cash"],
    phone: input.customer?.account === true ? phone : null,
    po_number: null,
    presentment_currency: cart.currency,
    processed_at: time,
    reference: null,
    referring_site: input.browser?.referringSite ?? null,
    source_identifier: web ? ids.hex(16) : `1-${orderNumber}`,
    source_name: input.channel,
    source_url: null,
    subtotal_price: decimal(cart.subtotal.shop),
    subtotal_price_set: set(cart.subtotal),
    tags: "",
    tax_exempt: false,
    tax_lines: taxLines(cart.taxes, cart.currency),
    taxes_included: cart.taxesIncluded,
    test: input.test,
    token,
    total_cash_rounding_payment_adjustment_set: set(ZERO),
    total_cash_rounding_refund_adjustment_set: set(ZERO),
    total_discounts: decimal(cart.discountTotal.shop),
    total_discounts_set: set(cart.discountTotal),
    total_line_items_price: decimal(cart.itemsTotal.shop),
    total_line_items_price_set: set(cart.itemsTotal),
    total_outstanding: decimal(0),
    total_price: decimal(cart.total.shop),
    total_price_set: set(cart.total),
    total_shipping_price_set: set(cart.shippingTotal),
    total_tax: decimal(cart.taxTotal.shop),
    total_tax_set: set(cart.taxTotal),
    total_tip_received: decimal(0),
    total_weight: cart.weight,
    updated_at: time,
    user_id: web ? null : 81234567890,
    billing_address: address,
    customer: input.customer !== null && buyer !== null
      ? orderCustomer(input.customer, buyer, cart.country, time)
      : null,
    discount_applications: cart.discount === null ? [] : [{
      target_type: "line_item",
      type: "discount_code",
      value: `${cart.discount.percent}.0`,
      value_type: "percentage",
      allocation_method: "across",
      target_selection: "all",
      code: cart.discount.code,
    }],
    fulfillments: [],
    line_items: cart.lines.map((line) => lineItem(line, cart, ids, !web)),
    payment_terms: null,
    refunds: [],
    // Nothing to ship (gift cards only): Shopify sends no shipping address.
    shipping_address: cart.shipping === null ? null : address,
    shipping_lines: shippingLines(cart, ids),
    returns: [],
    line_item_groups: [],
  };
  return { id, name, body };
}
