/** Changes to a cart and its Ajax form (`/cart.js`), as Shopify's themes know them (reference: shopify §4.6). */
import { findVariant } from "./catalog.ts";
import type { Ids } from "./ids.ts";
import { numeric } from "./ids.ts";
import { pixelAmount } from "./money.ts";
import type { Currency } from "./money.ts";
import type { CartLine } from "./pricing.ts";
import type { Cart } from "./state.ts";

export const CART_COOKIE = "cart";
/** Two weeks, as Shopify keeps it. */
export const CART_COOKIE_SECONDS = 1_209_600;
const MAX_QUANTITY = 999;
const MAX_LINES = 100;
const MAX_ATTRIBUTES = 100;
const MAX_TEXT = 2_000;

export function newCart(ids: Ids, now: number): Cart {
  return {
    token: ids.cartToken(),
    key: ids.hex(16),
    lines: [],
    attributes: {},
    note: null,
    createdAt: now,
    updatedAt: now,
    checkoutToken: null,
    told: false,
  };
}

/** The `cart` cookie and `/cart.js` token: Shopify appends a key, so whoever wants the token cuts at "?". */
export function cartTokenWithKey(cart: Cart): string {
  return `${cart.token}?key=${cart.key}`;
}

export type CartChange = { ok: true } | {
  ok: false;
  reason: "unknown_variant" | "bad_quantity" | "unknown_line" | "full";
};

/** Identifies a line: the same variant with other properties is another line. */
export function lineKey(line: CartLine): string {
  const properties = Object.entries(line.properties).map(([name, value]) => `${name}=${value}`).sort().join(
    "&",
  );
  return properties === "" ? line.variantId : `${line.variantId}:${properties}`;
}

function isQuantity(quantity: number): boolean {
  return Number.isInteger(quantity) && quantity >= 0 && quantity <= MAX_QUANTITY;
}

/** Adds to an existing equal line or appends one. */
export function addLine(cart: Cart, line: CartLine): CartChange {
  if (findVariant(line.variantId) === null) return { ok: false, reason: "unknown_variant" };
  if (!isQuantity(line.quantity) || line.quantity === 0) return { ok: false, reason: "bad_quantity" };
  const same = cart.lines.find((other) => lineKey(other) === lineKey(line));
  if (same === undefined) {
    if (cart.lines.length >= MAX_LINES) return { ok: false, reason: "full" };
    cart.lines.push({ ...line });
    return { ok: true };
  }
  if (!isQuantity(same.quantity + line.quantity)) return { ok: false, reason: "bad_quantity" };
  same.quantity += line.quantity;
  return { ok: true };
}

/** Sets a line's quantity; 0 removes it. `which` is a line's key, a variant id or a 1-based position. */
export function setQuantity(cart: Cart, which: string | number, quantity: number): CartChange {
  if (!isQuantity(quantity)) return { ok: false, reason: "bad_quantity" };
  const index = typeof which === "number"
    ? which - 1
    : cart.lines.findIndex((line) => lineKey(line) === which || line.variantId === which);
  const line = cart.lines[index];
  if (line === undefined) return { ok: false, reason: "unknown_line" };
  if (quantity === 0) cart.lines.splice(index, 1);
  else line.quantity = quantity;
  return { ok: true };
}

/** Merges attributes; an empty or null value removes one. Names and values are cut to sane lengths. */
export function mergeAttributes(cart: Cart, changes: Record<string, string | null>): void {
  const merged = new Map(Object.entries(cart.attributes));
  for (const [name, value] of Object.entries(changes)) {
    const key = name.slice(0, 200);
    if (value === null || value === "") merged.delete(key);
    else if (merged.has(key) || merged.size < MAX_ATTRIBUTES) merged.set(key, value.slice(0, MAX_TEXT));
  }
  cart.attributes = Object.fromEntries(merged);
}

export function itemCount(cart: Cart): number {
  return cart.lines.reduce((count, line) => count + line.quantity, 0);
}

/** One item of the Ajax cart; money in minor units, ids as numbers. */
export function ajaxItem(line: CartLine, currency: Currency): Record<string, unknown> {
  const sellable = findVariant(line.variantId);
  if (sellable === null) throw new Error("a cart holds only known variants");
  const { product, variant } = sellable;
  const unit = variant.price[currency];
  return {
    id: numeric(variant.id),
    properties: line.properties,
    quantity: line.quantity,
    variant_id: numeric(variant.id),
    key: lineKey(line),
    title: `${product.title} - ${variant.title}`,
    price: unit,
    original_price: unit,
    presentment_price: pixelAmount(unit),
    discounted_price: unit,
    line_price: unit * line.quantity,
    original_line_price: unit * line.quantity,
    total_discount: 0,
    discounts: [],
    sku: variant.sku,
    grams: variant.grams,
    vendor: product.vendor,
    taxable: product.taxable,
    product_id: numeric(product.id),
    product_has_only_default_variant: false,
    gift_card: product.giftCard,
    final_price: unit,
    final_line_price: unit * line.quantity,
    url: `/products/${product.handle}?variant=${variant.id}`,
    image: `/shop/art/${product.handle}/${variant.id}.svg`,
    handle: product.handle,
    requires_shipping: product.requiresShipping,
    product_type: product.type,
    product_title: product.title,
    product_description: product.description,
    variant_title: variant.title,
    variant_options: [variant.title],
    options_with_values: [{ name: product.option, value: variant.title }],
    line_level_discount_allocations: [],
    line_level_total_discount: 0,
    has_components: false,
  };
}

/** The Ajax cart. Private attributes (`__…`) are not in it: Shopify shows them to nobody on the storefront. */
export function ajaxCart(cart: Cart, currency: Currency): Record<string, unknown> {
  const items = cart.lines.map((line) => ajaxItem(line, currency));
  const total = items.reduce((amount, item) => amount + Number(item["line_price"]), 0);
  const weight = items.reduce((grams, item) => grams + Number(item["grams"]) * Number(item["quantity"]), 0);
  return {
    token: cartTokenWithKey(cart),
    note: cart.note,
    attributes: Object.fromEntries(
      Object.entries(cart.attributes).filter(([name]) => !name.startsWith("__")),
    ),
    original_total_price: total,
    total_price: total,
    total_discount: 0,
    total_weight: weight,
    item_count: itemCount(cart),
    items,
    requires_shipping: items.some((item) => item["requires_shipping"] === true),
    currency,
    items_subtotal_price: total,
    cart_level_discount_applications: [],
    discount_codes: [],
  };
}
