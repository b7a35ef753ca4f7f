/** `data` of Shopify's customer events, as a web pixel sees it (reference: shopify §4.3): money is a number, ids are strings. */
import { COLLECTION } from "./catalog.ts";
import type { Product, Variant } from "./catalog.ts";
import { COUNTRIES } from "./countries.ts";
import type { Buyer, CountryCode } from "./countries.ts";
import { pixelAmount } from "./money.ts";
import type { Currency } from "./money.ts";
import type { PricedCart, PricedLine } from "./pricing.ts";
import type { PlacedOrder } from "./state.ts";

type Shape = Record<string, unknown>;

/** One event a page reports when it is shown; the browser adds id, time, page and visitor. */
export interface PageEvent {
  name: string;
  data: Shape;
  /** Checkout token of events whose id both sides compute. */
  key?: string;
}

function price(minor: number, currency: Currency): Shape {
  return { amount: pixelAmount(minor), currencyCode: currency };
}

export function pixelVariant(product: Product, variant: Variant, currency: Currency): Shape {
  return {
    id: variant.id,
    image: { src: `/shop/art/${product.handle}/${variant.id}.svg` },
    price: price(variant.price[currency], currency),
    product: {
      id: product.id,
      title: product.title,
      type: product.type,
      untranslatedTitle: product.title,
      url: `/products/${product.handle}`,
      vendor: product.vendor,
    },
    sku: variant.sku,
    title: variant.title,
    untranslatedTitle: variant.title,
  };
}

function firstVariants(products: readonly Product[], currency: Currency): Shape[] {
  return products.flatMap((product) =>
    product.variants.slice(0, 1).map((v) => pixelVariant(product, v, currency))
  );
}

export function productViewed(product: Product, variant: Variant, currency: Currency): PageEvent {
  return { name: "product_viewed", data: { productVariant: pixelVariant(product, variant, currency) } };
}

export function collectionViewed(products: readonly Product[], currency: Currency): PageEvent {
  const collection = {
    id: COLLECTION.id,
    title: COLLECTION.title,
    productVariants: firstVariants(products, currency),
  };
  return { name: "collection_viewed", data: { collection } };
}

export function searchSubmitted(query: string, products: readonly Product[], currency: Currency): PageEvent {
  return {
    name: "search_submitted",
    data: { searchResult: { query, productVariants: firstVariants(products, currency) } },
  };
}

function lineItem(line: PricedLine, cart: PricedCart): Shape {
  const discount = line.discount.presentment;
  return {
    discountAllocations: discount > 0
      ? [{ amount: price(discount, cart.currency), discountApplication: discountApplication(cart) }]
      : [],
    finalLinePrice: price(line.net.presentment, cart.currency),
    id: line.variant.id,
    properties: Object.entries(line.properties).map(([key, value]) => ({ key, value })),
    quantity: line.quantity,
    sellingPlanAllocation: null,
    title: line.product.title,
    variant: pixelVariant(line.product, line.variant, cart.currency),
  };
}

function discountApplication(cart: PricedCart): Shape {
  return {
    allocationMethod: "ACROSS",
    targetSelection: "ALL",
    targetType: "LINE_ITEM",
    title: cart.discount?.code ?? "",
    type: "DISCOUNT_CODE",
    value: { percentage: cart.discount?.percent ?? 0 },
  };
}

function pixelAddress(buyer: Buyer | null, country: CountryCode): Shape {
  const text = (value: string | undefined): string | null =>
    value === undefined || value === "" ? null : value;
  const province = text(buyer?.province_code);
  return {
    address1: text(buyer?.address1),
    address2: text(buyer?.address2),
    city: text(buyer?.city),
    country,
    countryCode: country,
    firstName: text(buyer?.first_name),
    lastName: text(buyer?.last_name),
    phone: text(buyer?.phone.replaceAll(" ", "")),
    province,
    provinceCode: province,
    zip: text(buyer?.zip),
  };
}

/** What is the same at the start and at the end of a checkout. Private (`__`) attributes stay hidden, as at Shopify. */
function checkoutBase(cart: PricedCart, token: string): Shape {
  const country = COUNTRIES[cart.country];
  return {
    attributes: [],
    currencyCode: cart.currency,
    discountApplications: cart.discount === null ? [] : [discountApplication(cart)],
    discountsAmount: price(cart.discountTotal.presentment, cart.currency),
    lineItems: cart.lines.map((line) => lineItem(line, cart)),
    localization: {
      country: { isoCode: country.code },
      language: { isoCode: country.locale },
      market: { handle: country.market.handle, id: country.market.id },
    },
    smsMarketingPhone: null,
    buyerAcceptsSmsMarketing: false,
    subtotalPrice: price(cart.subtotal.presentment, cart.currency),
    token,
  };
}

/** The checkout just opened: nobody has typed anything, no shipping is chosen and no tax is known yet. */
export function checkoutStarted(cart: PricedCart, token: string): PageEvent {
  const checkout = {
    ...checkoutBase(cart, token),
    billingAddress: pixelAddress(null, cart.country),
    buyerAcceptsEmailMarketing: false,
    delivery: { selectedDeliveryOptions: [] },
    email: "",
    order: { customer: { id: null, isFirstOrder: null }, id: null },
    phone: "",
    shippingAddress: pixelAddress(null, cart.country),
    shippingLine: { price: price(0, cart.currency) },
    totalPrice: price(cart.subtotal.presentment, cart.currency),
    totalTax: price(0, cart.currency),
    transactions: [],
  };
  return { name: "checkout_started", data: { checkout }, key: token };
}

export function checkoutCompleted(order: PlacedOrder): PageEvent {
  const { cart, buyer } = order;
  const shipping = cart.shippingTotal.presentment;
  const delivery = cart.shipping === null ? [] : [{
    cost: price(shipping, cart.currency),
    costAfterDiscounts: price(shipping, cart.currency),
    description: null,
    handle: `shopify-${cart.shipping.title}-${pixelAmount(shipping)}`,
    title: cart.shipping.title,
    type: "shipping",
  }];
  const checkout = {
    ...checkoutBase(cart, order.checkoutToken),
    billingAddress: pixelAddress(buyer, cart.country),
    buyerAcceptsEmailMarketing: order.acceptsMarketing,
    delivery: { selectedDeliveryOptions: delivery },
    email: buyer.email,
    order: {
      customer: { id: order.customer.id, isFirstOrder: order.customer.ordersBefore === 0 },
      id: order.id,
    },
    phone: buyer.phone.replaceAll(" ", ""),
    shippingAddress: pixelAddress(cart.shipping === null ? null : buyer, cart.country),
    shippingLine: { price: price(shipping, cart.currency) },
    totalPrice: price(cart.total.presentment, cart.currency),
    totalTax: price(cart.taxTotal.presentment, cart.currency),
    transactions: [{
      amount: price(cart.total.presentment, cart.currency),
      gateway: order.test ? "bogus" : "shopify_payments",
      paymentMethod: { name: "visa", type: "creditCard" },
    }],
  };
  return { name: "checkout_completed", data: { checkout }, key: order.checkoutToken };
}
