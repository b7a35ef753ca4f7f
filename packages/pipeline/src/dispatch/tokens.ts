import type { SendableDestination } from "@trakit/db/calls/ingest-events.ts";
import { open, tokenSubject } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";

/** Destinations whose token is kept in clear: more than one process sends for in a minute. A token has some hundred bytes. */
const CACHED = 20_000;
/** By shop and platform: the token last opened, and the seal it came in. */
const cache = new Map<string, { sealed: string; token: string }>();

/**
 * A destination's token in clear, opened once per replacement and process. What is kept is kept for one destination and one seal,
 * so a replaced token, or a seal copied to another shop's row, is never served from here, and a token that was replaced is
 * not kept. Null when it does not open (wrong key ring, tampered row).
 */
export function unsealedToken(
  keys: KeyRing,
  shopId: string,
  destination: Pick<SendableDestination, "platform" | "sealed">,
): string | null {
  const key = `${shopId} ${destination.platform}`;
  const known = cache.get(key);
  if (known?.sealed === destination.sealed) return known.token;
  const opened = open(keys, destination.sealed, tokenSubject(shopId, destination.platform));
  if (!opened.ok) return null;
  const token = new TextDecoder().decode(opened.bytes);
  if (cache.size >= CACHED && !known) cache.delete(cache.keys().next().value!);
  cache.set(key, { sealed: destination.sealed, token });
  return token;
}
