/**
 * Webhooks about the app itself and Shopify's three compliance topics (reference: shopify §2.3). The signature covers the
 * body, not the headers, and these act for good: the shop must stand in the body, and a body of another topic must not
 * pass for one of these.
 */
import { z } from "zod";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { issuesOf, listOf, whole } from "./fields.ts";
import { MAX, shopifyId, timeOf } from "./text.ts";
import { shopDomain } from "./verify.ts";

/** Whom a request is about, without clear text (SQL `trakit.request_privacy`). */
export interface PrivacySubject {
  /** Shopify customer ids. */
  customers: string[];
  /** Digests in form email.lower. */
  emails: string[];
  /** Digests in form phone.e164. */
  phones: string[];
  /** Shopify order ids. */
  orders: string[];
}

export type AppWebhook =
  | { kind: "uninstalled"; shop: string }
  | { kind: "scopes"; scopes: string[]; updatedAt: string | null }
  | { kind: "privacy"; shop: string; request: "export" | "redact_customer"; subject: PrivacySubject }
  | { kind: "privacy"; shop: string; request: "redact_shop"; subject: null };

export type DecodedAppWebhook = { ok: true; webhook: AppWebhook } | { ok: false; issues: string[] };

/** The topics of `decodeAppWebhook`. */
export const APP_TOPICS: ReadonlySet<string> = new Set([
  "app/uninstalled",
  "app/scopes_update",
  "customers/data_request",
  "customers/redact",
  "shop/redact",
]);

const domain = z.unknown().transform((value, context) => {
  const shop = typeof value === "string" ? shopDomain(value) : null;
  if (shop === null) context.addIssue({ code: "custom", message: "no_shop" });
  return shop ?? "";
});
const ids = listOf(z.unknown().transform(shopifyId), 10_000).transform((all) =>
  all.filter((one): one is string => one !== null)
);

const person = z.object({
  shop_domain: domain,
  customer: z.object({
    id: z.unknown().optional().transform(shopifyId),
    email: whole(MAX.email),
    phone: whole(MAX.phone),
  }).nullish(),
  orders_to_redact: ids,
  orders_requested: ids,
});

const wholeShop = z.object({
  shop_domain: domain,
  customer: z.never().optional(),
  orders_to_redact: z.never().optional(),
  orders_requested: z.never().optional(),
});

const uninstalled = z.object({ myshopify_domain: domain });

const scopes = z.object({
  current: z.array(z.string().regex(/^[a-z_]{1,100}$/)).max(500),
  updated_at: z.unknown().optional().transform(timeOf),
});

function subjectOf(payload: z.output<typeof person>): PrivacySubject {
  const { customer } = payload;
  const { digests } = captureDigests({
    emails: customer?.email ? [customer.email] : [],
    phones: customer?.phone ? [{ value: customer.phone, country: null }] : [],
    first_name: null,
    last_name: null,
    street: null,
    city: null,
    region: null,
    region_code: null,
    postal_code: null,
    country: null,
    external_ids: [],
  });
  return {
    customers: customer?.id ? [customer.id] : [],
    emails: digests["email.lower"] ?? [],
    phones: digests["phone.e164"] ?? [],
    orders: [...new Set([...payload.orders_to_redact, ...payload.orders_requested])],
  };
}

/** Reads one of `APP_TOPICS`, from the payload parsed by `parseJson`. Clear email and phone become digests here. */
export function decodeAppWebhook(topic: string, payload: unknown): DecodedAppWebhook {
  const read = <T>(schema: z.ZodType<T>, make: (value: T) => AppWebhook): DecodedAppWebhook => {
    const parsed = schema.safeParse(payload);
    return parsed.success
      ? { ok: true, webhook: make(parsed.data) }
      : { ok: false, issues: issuesOf(parsed.error) };
  };
  switch (topic) {
    case "app/uninstalled":
      return read(uninstalled, (value) => ({ kind: "uninstalled", shop: value.myshopify_domain }));
    case "app/scopes_update":
      return read(scopes, (value) => ({
        kind: "scopes",
        scopes: value.current,
        updatedAt: value.updated_at === null ? null : new Date(value.updated_at).toISOString(),
      }));
    case "customers/data_request":
    case "customers/redact":
      return read(person, (value) => ({
        kind: "privacy",
        shop: value.shop_domain,
        request: topic === "customers/redact" ? "redact_customer" : "export",
        subject: subjectOf(value),
      }));
    case "shop/redact":
      return read(wholeShop, (value) => ({
        kind: "privacy",
        shop: value.shop_domain,
        request: "redact_shop",
        subject: null,
      }));
    default:
      return { ok: false, issues: ["topic: unknown"] };
  }
}
