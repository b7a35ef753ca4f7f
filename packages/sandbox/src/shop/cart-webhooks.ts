/**
 * `carts/*` and `checkouts/*` as Shopify sends them (reference: shopify §2.3): a cart tells what it holds and nothing of who
 * holds it; a checkout tells of the buyer as far as they have typed.
 */
import { stringifyBig } from "./big-json.ts";
import type { Json } from "./big-json.ts";
import { lineKey } from "./cart.ts";
import type { CheckoutForm } from "./checkout-form.ts";
import type { Shop, Visit } from "./context.ts";
import { COUNTRIES } from "./countries.ts";
import { numeric } from "./ids.ts";
import { decimal, SHOP_CURRENCY, ZERO } from "./money.ts";
import type { Currency, Money } from "./money.ts";
import { moneySet, orderAddress, textOrNull } from "./order-lines.ts";
import { priceCart } from "./pricing.ts";
import type { PricedCart, PricedLine } from "./pricing.ts";
import { shopTime } from "./shop-time.ts";
import type { Cart, Checkout } from "./state.ts";

type Fields = Record<string, Json>;

/** Tells of a cart after its lines changed: the first time as `carts/create`, then as `carts/update`. */
export function tellOfCart(shop: Shop, cart: Cart, currency: Currency): void {
  const topic = cart.told ? "carts/update" : "carts/create";
  cart.told = true;
  shop.webhooks.send([{ topic, orderId: "", body: stringifyBig(cartBody(cart, currency)) }], 0);
}

function cartBody(cart: Cart, currency: Currency): Fields {
  const { lines } = priceCart(cart.lines, { country: "US", currency, discount: null, shipped: false });
  return {
    id: cart.token,
    token: cart.token,
    line_items: lines.map((line) => cartLine(line, currency)),
    note: cart.note,
    updated_at: new Date(cart.updatedAt).toISOString(),
    created_at: new Date(cart.createdAt).toISOString(),
  };
}

function cartLine(
  { product, variant, quantity, properties, unit, gross }: PricedLine,
  currency: Currency,
): Fields {
  const set = (amount: Money): Json => moneySet(amount, currency);
  return {
    id: numeric(variant.id),
    properties: Object.keys(properties).length === 0 ? null : properties,
    quantity,
    variant_id: numeric(variant.id),
    key: lineKey({ variantId: variant.id, quantity, properties }),
    discounted_price: decimal(unit.shop),
    discounts: [],
    gift_card: product.giftCard,
    grams: variant.grams,
    line_price: decimal(gross.shop),
    original_line_price: decimal(gross.shop),
    original_price: decimal(unit.shop),
    price: decimal(unit.shop),
    product_id: numeric(product.id),
    sku: variant.sku,
    taxable: product.taxable,
    title: `${product.title} - ${variant.title}`,
    total_discount: decimal(0),
    vendor: product.vendor,
    discounted_price_set: set(unit),
    line_price_set: set(gross),
    original_line_price_set: set(gross),
    price_set: set(unit),
    total_discount_set: set(ZERO),
    parent_relationship: null,
  };
}

/** Tells of a checkout: that it began, what was filled in, that it is over. `form` null: nobody has typed anything yet. */
export function tellOfCheckout(
  visit: Visit,
  topic: "checkouts/create" | "checkouts/update",
  checkout: Checkout,
  cart: PricedCart,
  form: CheckoutForm | null,
  completed = false,
): void {
  const { shop, session } = visit;
  const now = shop.now();
  const buyer = form?.buyer ?? null;
  const address = buyer === null ? [] : orderAddress(buyer, form!.country);
  const body: Fields = {
    token: checkout.token,
    cart_token: checkout.cartToken,
    email: buyer === null ? null : textOrNull(buyer.email),
    gateway: null,
    buyer_accepts_marketing: form?.acceptsMarketing ?? false,
    buyer_accepts_sms_marketing: false,
    sms_marketing_phone: null,
    created_at: shopTime(checkout.createdAt),
    updated_at: shopTime(now),
    landing_site: session.landingSite,
    note: checkout.note ?? "",
    note_attributes: Object.entries(checkout.attributes).map(([name, value]) => ({ name, value })),
    referring_site: session.referringSite,
    shipping_lines: [],
    // empty as a list while nobody has typed, as seen at Shopify
    shipping_address: address,
    taxes_included: cart.taxesIncluded,
    total_weight: cart.weight,
    currency: SHOP_CURRENCY,
    completed_at: completed ? shopTime(now) : null,
    closed_at: null,
    user_id: null,
    location_id: null,
    source_identifier: null,
    source_url: null,
    device_id: null,
    phone: null,
    customer_locale: COUNTRIES[checkout.country].locale,
    line_items: cart.lines.map(checkoutLine),
    name: `#${checkout.number}`,
    source: null,
    abandoned_checkout_url:
      `https://${shop.domain}/checkouts/ac/${checkout.cartToken}/recover?key=${checkout.token}`,
    discount_codes: cart.discount === null
      ? []
      : [{ code: cart.discount.code, amount: decimal(cart.discountTotal.shop), type: "percentage" }],
    tax_lines: [],
    source_name: "web",
    presentment_currency: cart.currency,
    total_line_items_price: decimal(cart.itemsTotal.shop),
    total_tax: decimal(cart.taxTotal.shop),
    total_discounts: decimal(cart.discountTotal.shop),
    subtotal_price: decimal(cart.subtotal.shop),
    total_price: decimal(cart.total.shop),
    total_duties: decimal(0),
    reservation_token: null,
    ...(buyer === null ? {} : { billing_address: address }),
  };
  shop.webhooks.send([{ topic, orderId: "", body: stringifyBig(body) }], 0);
}

function checkoutLine({ product, variant, quantity, properties, unit, gross, discount }: PricedLine): Fields {
  return {
    applied_discounts: [],
    discount_allocations: discount.shop === 0 ? [] : [{ amount: decimal(discount.shop), description: null }],
    key: variant.id,
    destination_location_id: null,
    fulfillment_service: product.giftCard ? "gift_card" : "manual",
    gift_card: product.giftCard,
    grams: variant.grams,
    origin_location_id: null,
    presentment_title: product.title,
    presentment_variant_title: variant.title,
    product_id: numeric(product.id),
    properties: Object.keys(properties).length === 0 ? null : properties,
    quantity,
    requires_shipping: product.requiresShipping,
    sku: variant.sku,
    tax_lines: [],
    taxable: product.taxable,
    title: product.title,
    variant_id: numeric(variant.id),
    variant_title: variant.title,
    variant_price: decimal(unit.shop),
    vendor: product.vendor,
    user_id: null,
    rank: null,
    compare_at_price: null,
    line_price: decimal(gross.shop),
    price: decimal(unit.shop),
  };
}
