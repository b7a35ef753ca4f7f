import type { SendableDestination } from "@trakit/db/calls/ingest-events.ts";
import { open, settingSubject, tokenSubject } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";

/** What a request to a platform needs besides settings that may be seen, in clear. */
export interface Credentials {
  token: string;
  /** Settings that are secrets, by name. */
  secrets: Record<string, string>;
}

type Sealed = Pick<SendableDestination, "platform" | "sealed" | "secrets">;

/** Destinations whose token is kept in clear: more than one process sends for in a minute. A token has some hundred bytes. */
const CACHED = 20_000;
/** By shop and platform: what was last opened, and the seals it came in. */
const cache = new Map<string, { seals: string; credentials: Credentials }>();

/**
 * A destination's token and secrets in clear, opened once per replacement and process. What is kept is kept for one destination
 * and its seals, so what was replaced, or a seal copied to another shop's row, is never served from here, and what was
 * replaced is not kept. Null when one does not open (wrong key ring, tampered row).
 */
export function unsealed(keys: KeyRing, shopId: string, destination: Sealed): Credentials | null {
  const key = `${shopId} ${destination.platform}`;
  const seals = [destination.sealed, ...Object.values(destination.secrets ?? {})].join(" ");
  const known = cache.get(key);
  if (known?.seals === seals) return known.credentials;
  const credentials = openAll(keys, shopId, destination);
  if (credentials === null) return null;
  if (cache.size >= CACHED && !known) cache.delete(cache.keys().next().value!);
  cache.set(key, { seals, credentials });
  return credentials;
}

/** As `unsealed`, and keeps nothing. */
export function openAll(
  keys: KeyRing,
  shopId: string,
  { platform, sealed, secrets }: Sealed,
): Credentials | null {
  const token = clear(keys, sealed, tokenSubject(shopId, platform));
  const opened = openSecrets(keys, shopId, platform, secrets ?? {});
  return token === null || opened === null ? null : { token, secrets: opened };
}

/** A destination's secrets alone, which it may have before its token; null when one does not open. */
export function openSecrets(
  keys: KeyRing,
  shopId: string,
  platform: string,
  secrets: Record<string, string>,
): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const [name, envelope] of Object.entries(secrets)) {
    const value = clear(keys, envelope, settingSubject(shopId, platform, name));
    if (value === null) return null;
    found[name] = value;
  }
  return found;
}

function clear(keys: KeyRing, envelope: string, about: string[]): string | null {
  const opened = open(keys, envelope, about);
  return opened.ok ? new TextDecoder().decode(opened.bytes) : null;
}
