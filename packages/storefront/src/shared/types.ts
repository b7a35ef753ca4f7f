/** What script, pixel and server tell each other; the server's side is in `packages/shopify/src/browser-schema.ts`. */

export interface Consent {
  analytics: boolean;
  marketing: boolean;
  preferences: boolean;
  sale_of_data: boolean;
}

/** One event as the server reads it, in the shape of Shopify's customer events. */
export interface StoreEvent {
  name: string;
  id: string;
  /** ms since the epoch, device clock; corrected by the session's skew when it is signed. */
  timestamp: number;
  page?: { url: string; referrer: string; title: string };
  data: Record<string, unknown>;
  clientId?: string;
  /** When a browser tag fired with this id, ms, by platform. */
  tags?: Record<string, number>;
}

/** That tags of the page had an event, and when (ms). */
export interface TagReport {
  /** The event's. */
  name: string;
  event_id: string;
  platforms: string[];
  at: number;
}

export type Visitor = Record<string, string | number | null | undefined>;

export interface TagRule {
  /** share: the merchant's own tag gets our id. fire: we call it. */
  mode: "share" | "fire";
  id?: string | null;
}

export interface Config {
  cookie_domain: string | null;
  tags?: Record<string, TagRule>;
}

/** What the server gave for this visit, and how long it is good. */
export interface Session {
  id: string;
  /** Its characters are the HMAC key. */
  key: string;
  /** Device clock, ms: to be renewed from then on. */
  end: number;
  /** Server's clock minus the device's, ms. */
  skew: number;
  /** `consentText` of the consent it was opened under. */
  consent: string;
  /** The visitor's cookies, each as `document.cookie` takes it. */
  cookies: string[];
  config: Config;
}

/** "a1m0p1s1", as in the cart attribute the order webhook reads. */
export const consentText = (consent: Consent): string =>
  `a${+consent.analytics}m${+consent.marketing}p${+consent.preferences}s${+consent.sale_of_data}`;

/** What a text of storage or a cookie says; null where it is not ours: others write there too. */
// deno-lint-ignore no-explicit-any -- whoever asks looks at what there is
export function parsed(text: string | null | undefined): any {
  try {
    return JSON.parse(text!);
  } catch {
    return null;
  }
}
