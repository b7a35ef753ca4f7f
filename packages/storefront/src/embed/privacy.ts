/** Shopify's Customer Privacy API (reference: shopify §4.5). Without it nobody has allowed anything. */
import type { Consent } from "../shared/types.ts";
import { globalOf } from "./page.ts";

interface ShopifyGlobal {
  loadFeatures?(features: { name: string; version: string }[], done: (error?: unknown) => void): void;
  customerPrivacy?: {
    analyticsProcessingAllowed(): boolean;
    marketingAllowed(): boolean;
    preferencesProcessingAllowed(): boolean;
    saleOfDataAllowed(): boolean;
    getRegion?(): string;
  };
  routes?: { root?: string };
}

const shopify = (): ShopifyGlobal => (globalOf("Shopify") ?? {}) as ShopifyGlobal;

/** Whether the browser says no to the sale of data for its visitor (Global Privacy Control). */
export const gpc = () => (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl;

/** Where Shopify takes the visitor to be, e.g. `USCA`; undefined while it has not told. */
export const region = () => shopify().customerPrivacy?.getRegion?.();

/** The shop in the visitor's language; whatever the page says, on the shop's own host. */
export const root = () => `${location.origin}/${`${shopify().routes?.root ?? "/"}`.slice(1)}`;

/** What the visitor, the region and the merchant's settings allow now; null until Shopify has told. */
export function currentConsent(): Consent | null {
  const api = shopify().customerPrivacy;
  return api
    ? {
      analytics: api.analyticsProcessingAllowed(),
      marketing: api.marketingAllowed(),
      preferences: api.preferencesProcessingAllowed(),
      sale_of_data: api.saleOfDataAllowed() && !gpc(),
    }
    : null;
}

/** Calls when consent is known, and whenever it changes. */
export function watchConsent(changed: (said?: unknown) => void): void {
  // on its way down to the document, where no element's name can be in between
  addEventListener("visitorConsentCollected", changed, true);
  shopify().loadFeatures?.([{ name: "consent-tracking-api", version: "0.1" }], () => changed());
}
