/** Webhooks about customers (reference: shopify §2.3). What they say of marketing is no tracking consent. */
import { z } from "zod";
import { parseConsentAttribute } from "@trakit/core/consent.ts";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import {
  type CanonicalEvent,
  type Consent,
  type Digests,
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EMPTY_PAGE,
  emptyCommerce,
  UNKNOWN_CONSENT,
} from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { compareDecimal } from "@trakit/core/money.ts";
import { chosenAddress, phonesOf, present, webhookAddress } from "./address.ts";
import { currency, decimal, issuesOf, text, whole } from "./fields.ts";
import { isRecord, MAX, shopifyId, timeOf } from "./text.ts";

/** What is noted of a customer (SQL `trakit.learn_customer`); what is left out is not known and changes nothing. */
export interface CustomerFacts {
  /** Shopify's id, digits. */
  customer_id: string;
  digests?: Digests;
  /** ISO 3166-1 alpha-2, for the policy where no consent is known. */
  country?: string | null;
  orders?: number;
  /** Lifetime value, decimal string in `currency`. */
  spent?: string;
  currency?: string;
  /** When `orders` and `spent` were true, ISO 8601. */
  as_of?: string;
  first_order_at?: string;
  last_order_at?: string;
  asked_at?: string;
  email_opt_in?: string;
  email_opt_in_at?: string;
  sms_opt_in?: string;
  sms_opt_in_at?: string;
}

export type DecodedCustomer =
  | { ok: true; facts: CustomerFacts; event: CanonicalEvent | null }
  | { ok: false; issues: string[] };

const customerId = z.unknown().optional().transform((value, context) => {
  const found = shopifyId(value);
  if (found === null) context.addIssue({ code: "custom", message: "missing" });
  return found ?? "";
});

const time = z.unknown().optional().transform(timeOf);

const customerSchema = z.object({
  id: customerId,
  created_at: time,
  currency,
  state: text(MAX.short),
  email: whole(MAX.email),
  phone: whole(MAX.phone),
  first_name: whole(MAX.short),
  last_name: whole(MAX.short),
  default_address: webhookAddress,
});

/**
 * `customers/create`. An account somebody opened (`state` enabled) is a registration; a record Shopify made for a guest's
 * order or an import is none, and only teaches us who the customer is.
 */
export function decodeCustomer(payload: unknown, context: { shop: string }): DecodedCustomer {
  const parsed = customerSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const customer = parsed.data;
  const address = chosenAddress([customer.default_address]);
  const { digests } = captureDigests({
    emails: present([customer.email]),
    // the number of an address is whom a courier calls: anybody's, and typed
    phones: phonesOf([{ value: customer.phone, country: address.country }]),
    first_name: customer.first_name ?? address.first_name,
    last_name: customer.last_name ?? address.last_name,
    street: address.street,
    city: address.city,
    region: address.region,
    region_code: address.region_code,
    postal_code: address.postal_code,
    country: address.country,
    external_ids: [customer.id],
  });
  // The browser's copy of a registration has the same id, and anybody can type an address: so Shopify's copy brings nothing that such a
  // copy could not have, and ties no customer to that browser. Who they are is learnt beside the event.
  const { email } = customer;
  const typed = email && {
    event_id: conversionEventId(context.shop, "customer_registered", naturalKey.email(email)),
    digests: contactDigests({ email }),
    client: EMPTY_CLIENT,
    identifiers: EMPTY_IDENTIFIERS,
  };
  const registered = customer.state?.toLowerCase() === "enabled" && customer.created_at !== null;
  return {
    ok: true,
    facts: {
      customer_id: customer.id,
      digests,
      country: address.country,
      // when they came to be they had bought nothing
      ...(customer.created_at !== null
        ? {
          orders: 0,
          spent: "0",
          ...(customer.currency ? { currency: customer.currency } : {}),
          as_of: new Date(customer.created_at).toISOString(),
        }
        : {}),
    },
    event: registered
      ? {
        name: "customer_registered",
        event_id: conversionEventId(context.shop, "customer_registered", naturalKey.customer(customer.id)),
        occurred_at: new Date(customer.created_at!).toISOString(),
        source: "webhook",
        channel: "web",
        test: false,
        // accounts are opened on the shop's pages
        page: { ...EMPTY_PAGE, url: `https://${context.shop}/account` },
        commerce: emptyCommerce(),
        digests,
        client: {
          ...EMPTY_CLIENT,
          city: address.city,
          region: address.region,
          region_code: address.region_code,
          postal_code: address.postal_code,
          country: address.country,
        },
        identifiers: { ...EMPTY_IDENTIFIERS, customer_id: customer.id },
        consent: { ...UNKNOWN_CONSENT },
        ...typed,
      }
      : null,
  };
}

const summarySchema = z.object({
  customerId,
  numberOfOrders: z.union([z.number(), z.string().regex(/^\d{1,9}$/).transform(Number)])
    .pipe(z.number().int().min(0).max(2_000_000_000)),
  amountSpent: z.object({ amount: decimal, currencyCode: currency }),
  occurredAt: time,
}).transform((summary, context) => {
  const { amount, currencyCode } = summary.amountSpent;
  if (summary.occurredAt === null) {
    context.addIssue({ code: "custom", path: ["occurredAt"], message: "missing" });
  }
  if (amount === null || currencyCode === null) {
    context.addIssue({ code: "custom", path: ["amountSpent"], message: "missing" });
  } else if (compareDecimal(amount, "-1000000000000") < 0 || compareDecimal(amount, "1000000000000") > 0) {
    context.addIssue({ code: "custom", path: ["amountSpent"], message: "out_of_range" });
  }
  return { ...summary, spent: amount ?? "0", currency: currencyCode ?? "", asOf: summary.occurredAt ?? 0 };
});

/** `customers/purchasing_summary`: order count and lifetime value as of a moment. */
export function decodePurchasingSummary(payload: unknown): DecodedCustomer {
  const parsed = summarySchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const { customerId, numberOfOrders, spent, currency, asOf } = parsed.data;
  return {
    ok: true,
    facts: {
      customer_id: customerId,
      orders: numberOfOrders,
      spent,
      currency,
      as_of: new Date(asOf).toISOString(),
    },
    event: null,
  };
}

/** A word of Shopify's, e.g. `subscribed`. */
const state = z.unknown().optional().transform((value) =>
  typeof value === "string" && /^[A-Za-z_]{1,40}$/.test(value) ? value.toLowerCase() : null
);
const optIn = z.object({ state, consent_updated_at: time }).nullish().catch(null);

const emailOptInSchema = z.object({
  customer_id: customerId,
  email_address: whole(MAX.email),
  email_marketing_consent: optIn,
});
const smsOptInSchema = z.object({ id: customerId, phone: whole(MAX.phone), sms_marketing_consent: optIn });

/** Digests of what Shopify says of a customer without an address: every form, whatever platforms the shop has. */
export function contactDigests(
  contact: {
    email?: string | null;
    phone?: string | null;
    first_name?: string | null;
    last_name?: string | null;
  },
): Digests {
  return captureDigests({
    emails: present([contact.email]),
    phones: phonesOf([{ value: contact.phone, country: null }]),
    first_name: contact.first_name ?? null,
    last_name: contact.last_name ?? null,
    street: null,
    city: null,
    region: null,
    region_code: null,
    postal_code: null,
    country: null,
    external_ids: [],
  }).digests;
}

/** `customers_email_marketing_consent/update`. Never read as tracking consent. */
export function decodeEmailOptIn(payload: unknown): DecodedCustomer {
  const parsed = emailOptInSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const { customer_id, email_address, email_marketing_consent: consent } = parsed.data;
  return {
    ok: true,
    facts: {
      customer_id,
      digests: contactDigests({ email: email_address }),
      ...(consent?.state && consent.consent_updated_at !== null
        ? { email_opt_in: consent.state, email_opt_in_at: new Date(consent.consent_updated_at).toISOString() }
        : {}),
    },
    event: null,
  };
}

/** `customers_marketing_consent/update` (SMS). Never read as tracking consent. */
export function decodeSmsOptIn(payload: unknown): DecodedCustomer {
  const parsed = smsOptInSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const { id: customer_id, phone, sms_marketing_consent: consent } = parsed.data;
  return {
    ok: true,
    facts: {
      customer_id,
      digests: contactDigests({ phone }),
      ...(consent?.state && consent.consent_updated_at !== null
        ? { sms_opt_in: consent.state, sms_opt_in_at: new Date(consent.consent_updated_at).toISOString() }
        : {}),
    },
    event: null,
  };
}

/**
 * `orders/updated`: never an event, whatever it says; that there is such a customer, so that Shopify is asked about them where
 * nobody was yet. What it says of them it says of an order, which anybody can place under any address: it teaches nothing.
 * `facts` null: nobody is named (a till's walk-in), or they refused both purposes when they bought.
 */
export function decodeOrderCustomer(payload: unknown): { facts: CustomerFacts | null } {
  const customer = isRecord(payload) && isRecord(payload.customer) ? shopifyId(payload.customer.id) : null;
  if (customer === null) return { facts: null };
  const { analytics, marketing } = consentOf(payload as Record<string, unknown>);
  return { facts: analytics === false && marketing === false ? null : { customer_id: customer } };
}

function consentOf(order: Record<string, unknown>): Consent {
  const attributes = Array.isArray(order.note_attributes) ? order.note_attributes.slice(0, 250) : [];
  const found = attributes.find((one) => isRecord(one) && one.name === "__trk_consent");
  return parseConsentAttribute(isRecord(found) ? found.value : null);
}
