import { randomBytes } from "node:crypto";

/** Captured copies of events as packages/pipeline hands them to SQL, and the clock database tests share. */

/** Noon UTC of the day most database tests happen on. */
export const NOON = new Date("2031-03-12T12:00:00.000Z");

/** `NOON` plus seconds. */
export function at(seconds: number): Date {
  return new Date(NOON.getTime() + seconds * 1_000);
}

export const HOUR = 3_600;
export const DAY = 86_400;

export interface CapturedCopy {
  event: Record<string, unknown>;
  keys: string[];
  topic: string | null;
  signed: boolean | null;
}

export interface CopyOptions {
  event_id?: string;
  occurred_at?: Date;
  channel?: string;
  test?: boolean;
  page?: object;
  commerce?: object;
  identifiers?: object;
  digests?: object;
  consent?: object;
  client?: object;
  topic?: string;
  webhook_id?: string;
  signed?: boolean;
  /** Instead of those made from the options. */
  keys?: string[];
}

/** Consent to everything: what a test says that is not about consent. */
export const GRANTED = { analytics: true, marketing: true, sale_of_data: true };

function copy(source: "browser" | "webhook", name: string, options: CopyOptions): CapturedCopy {
  const eventId = options.event_id ?? randomBytes(16).toString("hex");
  const order = (options.commerce as { order_id?: string } | undefined)?.order_id;
  const keys = [`event:${name}:${eventId}`];
  if (source === "webhook") {
    keys.push(`webhook:${options.webhook_id ?? randomBytes(8).toString("hex")}`);
    if (order && name === "checkout_completed") keys.push(`order:${order}`);
  }
  return {
    event: {
      name,
      event_id: eventId,
      occurred_at: (options.occurred_at ?? NOON).toISOString(),
      source,
      channel: options.channel ?? "web",
      test: options.test ?? false,
      page: options.page ?? {},
      commerce: options.commerce ?? {},
      identifiers: options.identifiers ?? {},
      digests: options.digests ?? {},
      consent: options.consent ?? GRANTED,
      client: options.client ?? {},
    },
    keys: options.keys ?? keys,
    topic: source === "webhook" ? options.topic ?? "orders/create" : null,
    signed: source === "browser" ? options.signed ?? true : null,
  };
}

/** A browser's copy of an event. */
export function fromBrowser(name: string, options: CopyOptions = {}): CapturedCopy {
  return copy("browser", name, options);
}

/** Shopify's copy of an event. */
export function fromShopify(name: string, options: CopyOptions = {}): CapturedCopy {
  return copy("webhook", name, options);
}
