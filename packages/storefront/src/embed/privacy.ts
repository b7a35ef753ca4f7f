/** Shopify's Customer Privacy API (reference: shopify §4.5). Without it nobody has allowed anything. */
import type { Consent } from "../shared/types.ts";

export interface ShopifyGlobal {
  loadFeatures?(features: { name: string; version: string }[], done: (error?: unknown) => void): void;
  customerPrivacy?: {
    analyticsProcessingAllowed(): boolean;
    marketingAllowed(): boolean;
    preferencesProcessingAllowed(): boolean;
    saleOfDataAllowed(): boolean;
  };
  routes?: { root?: string };
}

export const shopify = (): ShopifyGlobal => (self as { Shopify?: ShopifyGlobal }).Shopify ?? {};

/** What the visitor, the region and the merchant's settings allow now; null until Shopify has told. */
export function currentConsent(): Consent | null {
  const api = shopify().customerPrivacy;
  return api
    ? {
      analytics: api.analyticsProcessingAllowed(),
      marketing: api.marketingAllowed(),
      preferences: api.preferencesProcessingAllowed(),
      sale_of_data: api.saleOfDataAllowed(),
    }
    : null;
}

/** Calls when consent is known, and whenever it changes. */
export function watchConsent(changed: (said?: unknown) => void): void {
  document.addEventListener("visitorConsentCollected", changed);
  shopify().loadFeatures?.([{ name: "consent-tracking-api", version: "0.1" }], () => changed());
}
