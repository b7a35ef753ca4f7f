/** An order as Shopify's GraphQL tells it, from its webhook's body (reference: shopify §5). */
type Loose = Record<string, unknown>;
const record = (value: unknown): Loose | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Loose : null;
const list = (value: unknown): Loose[] => Array.isArray(value) ? value as Loose[] : [];
const text = (value: unknown): string | null => value === null || value === undefined ? null : String(value);

function money(set: unknown): Loose | null {
  const both = record(set);
  const one = (value: unknown) => {
    const amount = record(value);
    return amount && { amount: amount.amount, currencyCode: amount.currency_code };
  };
  return both && { shopMoney: one(both.shop_money), presentmentMoney: one(both.presentment_money) };
}

function address(value: unknown): Loose | null {
  const a = record(value);
  return a && {
    firstName: a.first_name,
    lastName: a.last_name,
    address1: a.address1,
    city: a.city,
    province: a.province,
    provinceCode: a.province_code,
    zip: a.zip,
    countryCode: a.country_code,
    phone: a.phone,
  };
}

const LINES = 50;

/** A page of an order's lines, from the cursor on. */
export function orderLines(body: Loose, first: number, after: number): Loose {
  const all = list(body.line_items);
  const page = all.slice(after, after + first);
  return {
    pageInfo: { hasNextPage: after + first < all.length, endCursor: String(after + page.length) },
    nodes: page.map((line) => ({
      quantity: line.quantity,
      sku: line.sku,
      title: line.title,
      variantTitle: line.variant_title,
      vendor: line.vendor,
      product: line.product_id ? { legacyResourceId: text(line.product_id) } : null,
      variant: line.variant_id ? { legacyResourceId: text(line.variant_id) } : null,
      originalUnitPriceSet: money(line.price_set),
      discountAllocations: list(line.discount_allocations).map((one) => ({
        allocatedAmountSet: money(one.amount_set),
      })),
    })),
  };
}

/** `personal` false: fields without approval are null. */
export function graphqlOrder(body: Loose, personal: boolean): Loose {
  const customer = record(body.customer);
  return {
    legacyResourceId: text(body.id),
    name: body.name,
    test: body.test,
    sourceName: body.source_name,
    createdAt: body.created_at,
    processedAt: body.processed_at,
    updatedAt: body.updated_at,
    displayFinancialStatus: text(body.financial_status)?.toUpperCase() ?? null,
    checkoutToken: body.checkout_token,
    cartToken: body.cart_token,
    currencyCode: body.currency,
    presentmentCurrencyCode: body.presentment_currency,
    taxesIncluded: body.taxes_included,
    email: personal ? body.email : null,
    phone: personal ? body.phone : null,
    clientIp: body.browser_ip,
    customerLocale: body.customer_locale,
    discountCodes: list(body.discount_codes).map((one) => one.code),
    paymentGatewayNames: body.payment_gateway_names ?? [],
    shippingLine: list(body.shipping_lines).filter((one) => one.is_removed !== true)
      .map((one) => ({ title: one.title }))[0] ?? null,
    customAttributes: list(body.note_attributes).map((one) => ({ key: one.name, value: one.value })),
    totalPriceSet: money(body.total_price_set),
    subtotalPriceSet: money(body.subtotal_price_set),
    totalTaxSet: money(body.total_tax_set),
    totalDiscountsSet: money(body.total_discounts_set),
    totalShippingPriceSet: money(body.total_shipping_price_set),
    billingAddress: personal ? address(body.billing_address) : null,
    shippingAddress: personal ? address(body.shipping_address) : null,
    customer: personal && customer
      ? {
        legacyResourceId: text(customer.id),
        firstName: customer.first_name,
        lastName: customer.last_name,
        defaultEmailAddress: customer.email ? { emailAddress: customer.email } : null,
        defaultPhoneNumber: customer.phone ? { phoneNumber: customer.phone } : null,
      }
      : null,
    lineItems: orderLines(body, LINES, 0),
  };
}
