import { createHash, hkdfSync, timingSafeEqual } from "node:crypto";

/**
 * What the storefront is given to prove itself with. All of it is derived by HKDF-SHA256 (RFC 5869) from the key ring, with
 * the shop's domain as salt: no look-up, and nothing made for one shop is any good in another
 * (docs/adr/0018-keys-of-the-storefront.md).
 */

/** The key ring as packages/runtime reads it: newest first, 32 bytes each. */
export type Keys = readonly { key: Uint8Array }[];

const SESSION_ID = /^[0-9a-f]{32}$/;
const PUBLIC_KEY = /^([a-z0-9][a-z0-9-]*)\.([A-Za-z0-9_-]{22})$/;
const MYSHOPIFY = ".myshopify.com";
const SESSION_MS = 24 * 60 * 60 * 1000;

function derive(key: Uint8Array, shop: string, purpose: string, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, shop, `trakit/${purpose}`, bytes));
}

function base64url(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/={1,2}$/, "");
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The last twelve digits of a session's id: whose it is, for who knows the ring. */
function sessionMark(key: Uint8Array, shop: string, start: string, customerId: string | null): string {
  return hex(derive(key, shop, `session-customer/1|${start}|${customerId ?? ""}`, 6));
}

/**
 * A session's id: eight hex digits of its start in Unix seconds, twelve of chance, and twelve that say whose it is without
 * naming anybody.
 *
 * @param chance 6 random bytes
 * @param customerId customer whose login Shopify signed when it was opened; null = nobody's
 */
export function sessionId(
  keys: Keys,
  shop: string,
  nowMs: number,
  chance: Uint8Array,
  customerId: string | null,
): string {
  const newest = keys[0];
  if (!newest) throw new Error("the key ring is empty");
  if (chance.length !== 6) throw new Error("a session id takes 6 random bytes");
  const start = Math.floor(nowMs / 1000).toString(16).padStart(8, "0") + hex(chance);
  return start + sessionMark(newest.key, shop, start, customerId);
}

/** Whether a session was opened while this customer was logged in: somebody else's session cannot speak for them. */
export function isSessionOf(keys: Keys, shop: string, id: string, customerId: string): boolean {
  if (!SESSION_ID.test(id)) return false;
  const [start, mark] = [id.slice(0, 20), id.slice(20)];
  let found = false;
  for (const { key } of keys) if (sameText(sessionMark(key, shop, start, customerId), mark)) found = true;
  return found;
}

/**
 * Proof that a visitor's id was given to whoever shows it: base64url, 22 characters. The id stands in a cookie that any host
 * of the shop's domain may write; the proof stands where no other host can (docs/adr/0029-proof-of-a-visitor.md).
 */
export function visitorProof(keys: Keys, shop: string, visitorId: string): string {
  const newest = keys[0];
  if (!newest) throw new Error("the key ring is empty");
  return proofUnder(newest.key, shop, visitorId);
}

function proofUnder(key: Uint8Array, shop: string, visitorId: string): string {
  return base64url(derive(key, shop, `visitor/1|${visitorId}`, 16));
}

/** Whether a proof is this visitor id's, under any key of the ring. */
export function isVisitorProof(keys: Keys, shop: string, visitorId: string, proof: string): boolean {
  let found = false;
  for (const { key } of keys) if (sameText(proofUnder(key, shop, visitorId), proof)) found = true;
  return found;
}

/** When a session began and ends, ms since the epoch; null when the text is no session id. */
export function sessionTimes(id: string): { from: number; until: number } | null {
  if (!SESSION_ID.test(id)) return null;
  const from = parseInt(id.slice(0, 8), 16) * 1000;
  return { from, until: from + SESSION_MS };
}

/** The key a session signs its events with, as a browser is given it: 32 bytes in base64url, 43 characters. */
export function sessionKeyText(key: Uint8Array, shop: string, id: string): string {
  return base64url(derive(key, shop, `session/1|${id}`, 32));
}

/**
 * A shop's public key: its handle and 16 derived bytes, `blue-mugs.<22 base64url characters>`. It stands in the web pixel's
 * settings and on first-party hosts, readable by everybody: it names the shop and keeps made-up shops away from the database,
 * no more. It changes when the ring's newest key does; the older one is taken as long as its key is in the ring.
 *
 * @param shop myshopify domain, lower case
 */
export function shopPublicKey(keys: Keys, shop: string): string {
  const newest = keys[0];
  if (!newest) throw new Error("the key ring is empty");
  return `${shop.slice(0, -MYSHOPIFY.length)}.${base64url(derive(newest.key, shop, "public-key/1", 16))}`;
}

/** The shop a public key was made for, or null. */
export function shopOfPublicKey(keys: Keys, text: string): string | null {
  const match = text.length <= 300 ? PUBLIC_KEY.exec(text) : null;
  if (!match) return null;
  const shop = `${match[1]}${MYSHOPIFY}`;
  let found = false;
  for (const { key } of keys) {
    if (sameText(base64url(derive(key, shop, "public-key/1", 16)), match[2]!)) found = true;
  }
  return found ? shop : null;
}

/**
 * What a shop's own reverse proxy signs its forwarded requests with, as text for its settings: base64url, 43 characters.
 * A secret: whoever has it chooses the visitor's address and cookies.
 */
export function forwarderSecret(keys: Keys, shop: string): string {
  const newest = keys[0];
  if (!newest) throw new Error("the key ring is empty");
  return base64url(derive(newest.key, shop, "forwarder/1", 32));
}

/** Every forwarder secret a shop may still use, newest first. */
export function forwarderSecrets(keys: Keys, shop: string): string[] {
  return keys.map(({ key }) => base64url(derive(key, shop, "forwarder/1", 32)));
}

/** Compares two texts without telling by time where they differ. */
export function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(left), digest(right));
}
