import type { CanonicalEvent } from "@trakit/core/event.ts";
import { type BrowserContext, decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { SHOP } from "./fixture.ts";

export const NOW = Date.parse("2026-10-26T08:00:00Z");
export const HOUR = 3_600_000;
export const CONTEXT: BrowserContext = {
  shop: SHOP,
  ip: "198.51.100.23",
  userAgent: null,
  customerId: null,
  now: NOW,
};

export type Raw = Record<string, unknown>;

/** Decodes a page view with changes. */
export function decode(raw: Raw, context: Partial<BrowserContext> = {}) {
  return decodeBrowserEvent({ name: "page_viewed", id: "abcdefgh", timestamp: NOW, ...raw }, {
    ...CONTEXT,
    ...context,
  });
}

/** The event of a changed page view. */
export function event(raw: Raw, context: Partial<BrowserContext> = {}): CanonicalEvent {
  const result = decode(raw, context);
  if (!result.ok) throw new Error(`${result.reason} ${result.issues.join()}`);
  return result.event;
}
