/** Ids and tokens in the forms Shopify uses (reference: shopify §4.6 and the sample payloads). */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** Returns that many random bytes. */
export type RandomBytes = (size: number) => Uint8Array;

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const MINUTE_MS = 60_000;
const FIRST_ORDER_MINUTE = Date.UTC(2026, 0, 1) / MINUTE_MS;

export type IdKind = "order" | "line_item" | "shipping_line" | "customer" | "address" | "checkout";

/** Added to the clock (ms, 13 digits) so that each kind looks like Shopify's: orders 13 digits, line items 14. */
const BASE: Record<IdKind, number> = {
  order: 4_100_000_000_000,
  line_item: 12_400_000_000_000,
  shipping_line: 3_000_000_000_000,
  customer: 5_200_000_000_000,
  address: 7_300_000_000_000,
  checkout: 33_700_000_000_000,
};

export interface Ids {
  /** A number no earlier run of this shop has used: it follows the clock, because TrakIt remembers orders for good. */
  next(kind: IdKind): string;
  /** What follows "#" in an order's name; rises with the clock (one per minute of it) and with every order. */
  orderNumber(): number;
  /** `bytes` random bytes in lower-case hex: checkout token 16, order token 16. */
  hex(bytes: number): string;
  /** Cart token: base64 of `region:ULID`, unpadded. */
  cartToken(): string;
  /** "Q7T2MXZ4K" */
  confirmation(): string;
  uuid(): string;
}

export function createIds(now: () => number, random: RandomBytes): Ids {
  const last = new Map<string, number>();
  const rising = (key: string, floor: number): number => {
    const value = Math.max(floor, (last.get(key) ?? 0) + 1);
    last.set(key, value);
    return value;
  };
  const crockford = (length: number): string =>
    Array.from(random(length), (byte) => CROCKFORD.charAt(byte % 32)).join("");

  return {
    next: (kind) => String(rising(kind, BASE[kind] + Math.floor(now()))),
    orderNumber: () =>
      rising("number", 1001 + Math.max(0, Math.floor(now() / MINUTE_MS) - FIRST_ORDER_MINUTE)),
    hex: (bytes) => Buffer.from(random(bytes)).toString("hex"),
    cartToken: () =>
      Buffer.from(`gcp-us-east1:${ulidTime(now())}${crockford(16)}`).toString("base64").replace(
        /={1,2}$/,
        "",
      ),
    confirmation: () => crockford(9),
    uuid: () => {
      const bytes = Buffer.from(random(16));
      bytes[6] = (bytes[6]! & 0x0f) | 0x40;
      bytes[8] = (bytes[8]! & 0x3f) | 0x80;
      const hex = bytes.toString("hex");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
        "-",
      );
    },
  };
}

/** The 10 characters of a ULID that hold its time. */
function ulidTime(ms: number): string {
  let rest = Math.floor(ms);
  let text = "";
  for (let i = 0; i < 10; i++) {
    text = CROCKFORD.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/**
 * The event id both copies of a conversion carry: first 32 hex digits of
 * SHA-256("trakit/1|shop|name|natural key"); the natural key is the checkout's token, else `order:` and the order's id. Written here a second time on purpose: the sandbox is the second opinion.
 */
export function conversionEventId(shop: string, name: string, naturalKey: string): string {
  return createHash("sha256").update(`trakit/1|${shop.toLowerCase()}|${name}|${naturalKey}`).digest("hex")
    .slice(0, 32);
}

/** Numeric id as it stands in a webhook body. */
export function numeric(id: string): bigint {
  return BigInt(id);
}
