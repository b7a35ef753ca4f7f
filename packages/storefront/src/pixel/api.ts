/** What Shopify hands a web pixel in the strict sandbox, as far as it is used (reference: shopify §4.1 to §4.5). */

export interface PixelEvent {
  id: string;
  name: string;
  timestamp: string;
  clientId?: string;
  data?: Record<string, unknown>;
  context?: {
    document?: {
      location?: { href?: string; pathname?: string };
      referrer?: string;
      title?: string;
    };
    navigator?: { language?: string; userAgent?: string };
  };
}

export interface PixelConsent {
  analyticsProcessingAllowed: boolean;
  marketingAllowed: boolean;
  preferencesProcessingAllowed: boolean;
  saleOfDataAllowed: boolean;
}

interface PixelStorage {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<unknown>;
  removeItem(key: string): Promise<unknown>;
}

export interface PixelApi {
  analytics: { subscribe(name: string, handler: (event: PixelEvent) => void): unknown };
  browser: {
    cookie: {
      get(name?: string): Promise<string>;
      set(cookieOrName: string, value?: string): Promise<unknown>;
    };
    localStorage: PixelStorage;
    sessionStorage: PixelStorage;
  };
  /** `endpoint`: where TrakIt is; `key`: the shop's public key. Written by `webPixelCreate`. */
  settings: { endpoint?: string; key?: string };
  init: {
    data?: { shop?: { myshopifyDomain?: string }; cart?: { id?: string } | null };
    customerPrivacy?: PixelConsent;
  };
  customerPrivacy?: {
    subscribe(
      name: "visitorConsentCollected",
      handler: (event: { customerPrivacy: PixelConsent }) => void,
    ): unknown;
  };
}
