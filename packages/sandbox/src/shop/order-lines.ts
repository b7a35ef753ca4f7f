/** The parts of an order webhook that repeat: money sets, tax lines, line items, shipping lines (reference: shopify §5). */
import type { Json } from "./big-json.ts";
import { COUNTRIES } from "./countries.ts";
import type { Buyer, CountryCode } from "./countries.ts";
import type { Ids } from "./ids.ts";
import { numeric } from "./ids.ts";
import { decimal, SHOP_CURRENCY, ZERO } from "./money.ts";
import type { Currency, Money } from "./money.ts";
import type { PricedCart, PricedLine, Tax } from "./pricing.ts";

type Fields = Record<string, Json>;

export function moneySet(amount: Money, currency: Currency): Fields {
  return {
    shop_money: { amount: decimal(amount.shop), currency_code: SHOP_CURRENCY },
    presentment_money: { amount: decimal(amount.presentment), currency_code: currency },
  };
}

/** Parts per 100 000 → the fraction Shopify prints, e.g. 4875 → 0.04875 (never 0.048749999). */
export function rateFraction(rate: number): number {
  return Number(`0.${String(rate).padStart(5, "0")}`);
}

/** Tax lines; on lines and shipping a zero tax is left out. */
export function taxLines(taxes: Tax[], currency: Currency): Fields[] {
  return taxes.map((tax) => ({
    channel_liable: false,
    price: decimal(tax.amount.shop),
    price_set: moneySet(tax.amount, currency),
    rate: rateFraction(tax.rule.rate),
    title: tax.rule.title,
  }));
}

export function lineItem(line: PricedLine, cart: PricedCart, ids: Ids, fulfilled: boolean): Fields {
  const id = ids.next("line_item");
  const { product, variant, quantity } = line;
  const discounted = cart.discount !== null && line.discount.presentment > 0;
  return {
    id: numeric(id),
    admin_graphql_api_id: `gid://shopify/LineItem/${id}`,
    attributed_staffs: [],
    current_quantity: quantity,
    fulfillable_quantity: fulfilled ? 0 : quantity,
    fulfillment_service: product.giftCard ? "gift_card" : "manual",
    fulfillment_status: fulfilled ? "fulfilled" : null,
    gift_card: product.giftCard,
    grams: variant.grams,
    name: `${product.title} - ${variant.title}`,
    price: decimal(line.unit.shop),
    price_set: moneySet(line.unit, cart.currency),
    product_exists: true,
    product_id: numeric(product.id),
    properties: Object.entries(line.properties).map(([name, value]) => ({ name, value })),
    quantity,
    requires_shipping: product.requiresShipping,
    sales_line_item_group_id: null,
    sku: variant.sku,
    taxable: product.taxable,
    title: product.title,
    // As at Shopify: a code's discount stands in the allocations, total_discount holds only manual line discounts.
    total_discount: decimal(0),
    total_discount_set: moneySet(ZERO, cart.currency),
    variant_id: numeric(variant.id),
    variant_inventory_management: "shopify",
    variant_title: variant.title,
    vendor: product.vendor,
    tax_lines: taxLines(line.taxes, cart.currency),
    duties: [],
    discount_allocations: discounted
      ? [{
        amount: decimal(line.discount.shop),
        amount_set: moneySet(line.discount, cart.currency),
        discount_application_index: 0,
      }]
      : [],
  };
}

export function shippingLines(cart: PricedCart, ids: Ids): Fields[] {
  if (cart.shipping === null) return [];
  const { title, price, taxes } = cart.shipping;
  return [{
    id: numeric(ids.next("shipping_line")),
    carrier_identifier: null,
    code: title,
    current_discounted_price_set: moneySet(price, cart.currency),
    discounted_price: decimal(price.shop),
    discounted_price_set: moneySet(price, cart.currency),
    is_removed: false,
    phone: null,
    price: decimal(price.shop),
    price_set: moneySet(price, cart.currency),
    requested_fulfillment_service_id: null,
    source: "shopify",
    title,
    tax_lines: taxLines(taxes, cart.currency),
    discount_allocations: [],
  }];
}

/** `null` for what was left empty, as Shopify sends it. */
export function textOrNull(text: string): string | null {
  return text === "" ? null : text;
}

function nameOf(buyer: Buyer): string {
  return [buyer.first_name, buyer.last_name].filter((part) => part !== "").join(" ");
}

/** An order's billing or shipping address. */
export function orderAddress(buyer: Buyer, code: CountryCode): Fields {
  const country = COUNTRIES[code];
  return {
    first_name: textOrNull(buyer.first_name),
    address1: textOrNull(buyer.address1),
    phone: textOrNull(buyer.phone),
    city: textOrNull(buyer.city),
    zip: textOrNull(buyer.zip),
    province: country.provinces[buyer.province_code] ?? null,
    country: country.name,
    last_name: textOrNull(buyer.last_name),
    address2: textOrNull(buyer.address2),
    company: null,
    latitude: country.latitude,
    longitude: country.longitude,
    name: nameOf(buyer),
    country_code: country.code,
    province_code: buyer.province_code in country.provinces ? buyer.province_code : null,
  };
}

export interface CustomerRecord {
  id: string;
  addressId: string;
  /** As Shopify prints it. */
  createdAt: string;
  /** Has an account (enabled) or only ever bought as a guest (disabled). */
  account: boolean;
  /** Orders before the one at hand. */
  ordersBefore: number;
}

/** The order's customer. Consent, tags and totals are absent on purpose: Shopify dropped them in 2025-01. */
export function orderCustomer(
  record: CustomerRecord,
  buyer: Buyer,
  code: CountryCode,
  updatedAt: string,
): Fields {
  const address = orderAddress(buyer, code);
  return {
    id: numeric(record.id),
    created_at: record.createdAt,
    updated_at: updatedAt,
    first_name: textOrNull(buyer.first_name),
    last_name: textOrNull(buyer.last_name),
    state: record.account ? "enabled" : "disabled",
    note: null,
    verified_email: true,
    multipass_identifier: null,
    tax_exempt: false,
    email: textOrNull(buyer.email),
    phone: record.account ? textOrNull(buyer.phone.replaceAll(" ", "")) : null,
    currency: SHOP_CURRENCY,
    tax_exemptions: [],
    admin_graphql_api_id: `gid://shopify/Customer/${record.id}`,
    default_address: {
      id: numeric(record.addressId),
      customer_id: numeric(record.id),
      first_name: address["first_name"] ?? null,
      last_name: address["last_name"] ?? null,
      company: null,
      address1: address["address1"] ?? null,
      address2: address["address2"] ?? null,
      city: address["city"] ?? null,
      province: address["province"] ?? null,
      country: address["country"] ?? null,
      zip: address["zip"] ?? null,
      phone: address["phone"] ?? null,
      name: address["name"] ?? null,
      province_code: address["province_code"] ?? null,
      country_code: address["country_code"] ?? null,
      country_name: address["country"] ?? null,
      default: true,
    },
  };
}
