import { createHash, createHmac } from "node:crypto";
import { sameText } from "./storefront-keys.ts";

/**
 * How a shop's own reverse proxy (packages/storefront/same-origin) says who it forwards for. Without its signature anybody
 * could send any address and any host; with it, whoever holds the shop's forwarder secret.
 */

/** Clock difference tolerated, as for Shopify's app proxy. */
const TOLERANCE_MS = 90_000;

export interface Forwarded {
  method: string;
  /** Last part of the path, e.g. "event". */
  place: string;
  /** Unix seconds. */
  time: string;
  /** The visitor's address. */
  ip: string;
  /** Host the visitor used. */
  host: string;
  /** The Cookie header; "" = none. */
  cookie: string;
}

/** Base64url HMAC-SHA256, keyed with the secret's text, over the parts one per line, the cookies by their digest. */
export function forwardedSignature(secret: string, parts: Forwarded): string {
  const cookies = createHash("sha256").update(parts.cookie, "utf8").digest("hex");
  const text = ["trakit/forward/1", parts.method, parts.place, parts.time, parts.ip, parts.host, cookies]
    .join(
      "\n",
    );
  return createHmac("sha256", secret).update(text, "utf8").digest("base64url");
}

/** Checks a forwarded request's signature under any of the shop's secrets, and that it was made within 90 s of now. */
export function verifyForwarded(
  secrets: readonly string[],
  parts: Forwarded,
  signature: string,
  nowMs: number,
): "bad_forwarder" | "stale_forwarder" | null {
  let signed = false;
  for (const secret of secrets) if (sameText(forwardedSignature(secret, parts), signature)) signed = true;
  if (!signed) return "bad_forwarder";
  const fresh = /^\d{1,12}$/.test(parts.time) &&
    Math.abs(nowMs - Number(parts.time) * 1000) <= TOLERANCE_MS;
  return fresh ? null : "stale_forwarder";
}
