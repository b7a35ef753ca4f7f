/**
 * Who a customer is and what they have bought so far, as the Admin GraphQL tells it (2026-10; reference: shopify §6): order count
 * and amount are of all time, whatever orders the app may read. Email, phone and name are Shopify's record; what an order says of
 * its customer anybody can type, and no webhook tells of who was there before the app.
 */
import { z } from "zod";
import { contactDigests, type CustomerFacts } from "./customer.ts";
import { currency, decimal, whole } from "./fields.ts";
import { MAX, timeOf } from "./text.ts";

/** Variable: `ids`, from `customerGids`. About five points a customer. */
export const CUSTOMERS_QUERY = `query ($ids: [ID!]!) {
  nodes(ids: $ids) { ... on Customer {
    legacyResourceId numberOfOrders amountSpent { amount currencyCode } lastOrder { processedAt }
    firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber }
  } }
}`;

/** Shopify's global ids of customers, from ids of digits. */
export function customerGids(ids: readonly string[]): string[] {
  return ids.map((id) => `gid://shopify/Customer/${id}`);
}

const time = z.unknown().optional().transform(timeOf);
const count = z.union([z.number(), z.string().regex(/^\d{1,9}$/).transform(Number)])
  .pipe(z.number().int().min(0).max(2_000_000_000));
const named = z.object({
  legacyResourceId: z.union([z.string(), z.number()]).transform(String),
  firstName: whole(MAX.short),
  lastName: whole(MAX.short),
  defaultEmailAddress: z.object({ emailAddress: whole(MAX.email) }).nullish().catch(null),
  defaultPhoneNumber: z.object({ phoneNumber: whole(MAX.phone) }).nullish().catch(null),
});
const customer = z.object({
  legacyResourceId: z.union([z.string(), z.number()]).transform(String),
  numberOfOrders: count,
  amountSpent: z.object({ amount: decimal, currencyCode: currency }),
  lastOrder: z.object({ processedAt: time }).nullish().catch(null),
});
const answer = z.object({ nodes: z.array(z.unknown()) });

export interface AskedCustomers {
  /** One for each customer that was asked about, in the order asked; with digests and figures where there are any. */
  facts: (CustomerFacts & { asked_at: string })[];
  /** Of how many there are no figures: gone or merged into another at Shopify, or without approval. */
  without: number;
}

/**
 * Reads the answer about `ids`, asked at `askedAt` (ISO 8601). Null: it is no answer to this question. A customer without
 * figures counts as asked all the same. The first order is known only where it is the only one: of older ones an app
 * without `read_all_orders` sees sixty days.
 */
export function readCustomers(data: unknown, ids: readonly string[], askedAt: string): AskedCustomers | null {
  const parsed = answer.safeParse(data);
  if (!parsed.success) return null;
  const found = new Map<string, z.output<typeof customer>>();
  const persons = new Map<string, z.output<typeof named>>();
  for (const node of parsed.data.nodes) {
    const one = customer.safeParse(node);
    if (one.success) found.set(one.data.legacyResourceId, one.data);
    const person = named.safeParse(node);
    if (person.success) persons.set(person.data.legacyResourceId, person.data);
  }
  let without = 0;
  const facts = ids.map((id) => {
    const person = persons.get(id);
    const digests = person && contactDigests({
      email: person.defaultEmailAddress?.emailAddress ?? null,
      phone: person.defaultPhoneNumber?.phoneNumber ?? null,
      first_name: person.firstName,
      last_name: person.lastName,
    });
    const asked = {
      customer_id: id,
      asked_at: askedAt,
      ...(digests && Object.keys(digests).length > 0 ? { digests } : {}),
    };
    const one = found.get(id);
    const { amount, currencyCode } = one?.amountSpent ?? { amount: null, currencyCode: null };
    if (!one || amount === null || currencyCode === null) {
      without++;
      return asked;
    }
    const last = one.lastOrder?.processedAt ?? null;
    return {
      ...asked,
      orders: one.numberOfOrders,
      spent: amount,
      currency: currencyCode,
      as_of: askedAt,
      ...(last === null ? {} : { last_order_at: new Date(last).toISOString() }),
      ...(last === null || one.numberOfOrders !== 1 ? {} : { first_order_at: new Date(last).toISOString() }),
    };
  });
  return { facts, without };
}
