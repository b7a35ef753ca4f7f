import type { SendableDestination } from "@trakit/db/calls/ingest-events.ts";
import { open, tokenSubject } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";

const CACHED = 2_000;
const cache = new Map<string, string>();

/**
 * A destination's token in clear, opened once per replacement and process: shop, platform and seal are the cache's key, so a
 * replaced token, or a seal copied to another shop's row, is never served from here. Null when it does not open (wrong key ring, tampered row).
 */
export function unsealedToken(
  keys: KeyRing,
  shopId: string,
  destination: SendableDestination,
): string | null {
  const key = `${shopId} ${destination.platform} ${destination.sealed}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const opened = open(keys, destination.sealed, tokenSubject(shopId, destination.platform));
  if (!opened.ok) return null;
  const token = new TextDecoder().decode(opened.bytes);
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
  cache.set(key, token);
  return token;
}
