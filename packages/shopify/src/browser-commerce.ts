/** Money and items of a browser's event. */
import type { Commerce, Item } from "@trakit/core/event.ts";
import { emptyCommerce } from "@trakit/core/event.ts";
import {
  addDecimal,
  compareDecimal,
  currencyDigits,
  divideDecimal,
  multiplyDecimal,
  subtractDecimal,
} from "@trakit/core/money.ts";
import type {
  BrowserCheckout,
  BrowserData,
  CartLine,
  CheckoutLine,
  Price,
  Variant,
} from "./browser-schema.ts";
import { discountSum, normalAmount } from "./fields.ts";
import { cartTokenOf } from "./url.ts";

const COUPON_TYPES = new Set(["DISCOUNT_CODE", "discount_code"]);

interface Line {
  item: Item;
  currency: string | null;
}

function lineOf(variant: Variant, quantity: number, discounts: string[]): Line {
  const currency = variant.price.currencyCode;
  return {
    currency,
    item: {
      product_id: variant.product?.id ?? null,
      variant_id: variant.id,
      sku: variant.sku,
      title: variant.product?.title ?? variant.product?.untranslatedTitle ?? null,
      variant_title: variant.title,
      brand: variant.product?.vendor ?? null,
      category: variant.product?.type ?? null,
      quantity,
      unit_price: normalAmount(variant.price.amount, currency),
      line_discount: discountSum(discounts, currency),
    },
  };
}

/** A cart line's cost is after discounts: what is missing to price × quantity was taken off. */
function cartLineOf(line: CartLine): Line | null {
  if (line.quantity === 0) return null;
  const full = multiplyDecimal(line.merchandise.price.amount, line.quantity);
  const paid = line.cost?.totalAmount?.amount ?? full;
  const discounts = compareDecimal(paid, full) < 0 ? [subtractDecimal(full, paid)] : [];
  return lineOf(line.merchandise, line.quantity, discounts);
}

function checkoutLineOf(line: CheckoutLine): Line | null {
  if (line.quantity === 0) return null;
  const discounts = line.discountAllocations.map((one) => one.amount.amount);
  if (line.variant) return lineOf(line.variant, line.quantity, discounts);
  // A custom item has no variant; its unit price is what the line cost before discounts, shared out.
  if (!line.finalLinePrice) return null;
  const { amount, currencyCode } = line.finalLinePrice;
  const full = discounts.reduce(addDecimal, amount);
  return {
    currency: currencyCode,
    item: {
      product_id: null,
      variant_id: null,
      sku: null,
      title: line.title,
      variant_title: null,
      brand: null,
      category: null,
      quantity: line.quantity,
      unit_price: divideDecimal(full, line.quantity, currencyDigits(currencyCode ?? "")),
      line_discount: discountSum(discounts, currencyCode),
    },
  };
}

function linesOf(data: BrowserData): Line[] {
  const { productVariant, collection, searchResult, cartLine, cart, checkout } = data;
  if (checkout) return checkout.lineItems.map(checkoutLineOf).filter((line) => line !== null);
  // beside a line added or removed, the cart only says which cart it is
  if (cartLine) return [cartLineOf(cartLine)].filter((line) => line !== null);
  if (cart) return cart.lines.map(cartLineOf).filter((line) => line !== null);
  if (productVariant) return [lineOf(productVariant, 1, [])];
  return [...collection?.productVariants ?? [], ...searchResult?.productVariants ?? []].map((variant) =>
    lineOf(variant, 1, [])
  );
}

function pricesOf(data: BrowserData): (Price | null | undefined)[] {
  const { cart, checkout } = data;
  return [
    checkout?.totalPrice,
    checkout?.subtotalPrice,
    checkout?.totalTax,
    checkout?.discountsAmount,
    checkout?.shippingLine?.price,
    data.cartLine ? null : cart?.cost?.totalAmount,
  ];
}

function ofCheckout(checkout: BrowserCheckout, currency: string | null): Partial<Commerce> {
  const amount = (price: Price | null | undefined) => price ? normalAmount(price.amount, currency) : null;
  const option = checkout.delivery?.selectedDeliveryOptions.find(({ title, type }) => title ?? type);
  const first = checkout.order?.customer?.isFirstOrder;
  return {
    total: amount(checkout.totalPrice),
    subtotal: amount(checkout.subtotalPrice),
    tax: amount(checkout.totalTax),
    shipping: amount(checkout.shippingLine?.price),
    discount: amount(checkout.discountsAmount),
    order_id: checkout.order?.id ?? null,
    checkout_token: checkout.token,
    payment_type: checkout.transactions.find(({ gateway }) => gateway !== null)?.gateway ?? null,
    shipping_tier: option?.title ?? null,
    // a point of a carrier's is neither the buyer's home nor a store
    delivery_category: option?.type === "pickup"
      ? "in_store"
      : option?.type === "shipping" || option?.type === "local"
      ? "home_delivery"
      : null,
    coupon:
      checkout.discountApplications.find(({ type }) => type !== null && COUPON_TYPES.has(type))?.title ??
        null,
    customer_type: typeof first === "boolean" ? (first ? "new" : "returning") : null,
  };
}

/**
 * What an event says of money and things, in the currency the visitor saw. Null when it names amounts of more than one
 * currency: their sum would be no amount.
 *
 * @param url the page, which in a checkout carries the cart token
 */
export function commerceOf(data: BrowserData, url: string | null): Commerce | null {
  const lines = linesOf(data);
  const named = [
    data.checkout?.currencyCode,
    ...pricesOf(data).map((price) => price?.currencyCode),
    ...lines.map((line) => line.currency),
  ].filter((code) => code !== null && code !== undefined);
  const [currency = null, ...others] = new Set(named);
  if (others.length > 0) return null;

  const cartTotal = data.cartLine ? null : data.cart?.cost?.totalAmount;
  return {
    ...emptyCommerce(),
    currency,
    items: lines.map((line) => line.item),
    subtotal: cartTotal ? normalAmount(cartTotal.amount, currency) : null,
    cart_token: data.cart?.id ?? cartTokenOf(url),
    search_query: data.searchResult?.query ?? null,
    collection_id: data.collection?.id ?? null,
    collection_title: data.collection?.title ?? null,
    ...(data.checkout ? ofCheckout(data.checkout, currency) : {}),
  };
}
