import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { KeyRing } from "./settings.ts";

/**
 * Sealing of tokens and quarantined bodies: AES-256-GCM, `v1.<key id>.<nonce>.<ciphertext and tag>` in base64url.
 * The additional data (shop id and platform) is not in the envelope: a seal copied to another row does not open there.
 */

/** Seals with the newest key. `about` names what the secret belongs to and must be given again to open it. */
export function seal(keys: KeyRing, clear: string | Uint8Array, about: readonly string[]): string {
  const newest = keys[0];
  if (!newest) throw new Error("the key ring is empty");
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", newest.key, nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(about)));
  const sealed = Buffer.concat([cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
  return `v1.${newest.id}.${nonce.toString("base64url")}.${sealed.toString("base64url")}`;
}

export type Opened = { ok: true; bytes: Uint8Array; keyId: string } | {
  ok: false;
  reason: "malformed_seal" | "unknown_key" | "seal_broken";
};

/** Opens a seal with whichever key made it. A wrong key, another row's `about` or a changed byte is `seal_broken`. */
export function open(keys: KeyRing, envelope: string, about: readonly string[]): Opened {
  const [version, keyId, nonce, body, ...rest] = envelope.split(".");
  if (version !== "v1" || !keyId || !nonce || !body || rest.length > 0) {
    return { ok: false, reason: "malformed_seal" };
  }
  const key = keys.find((candidate) => candidate.id === keyId);
  if (!key) return { ok: false, reason: "unknown_key" };
  const sealed = Buffer.from(body, "base64url");
  const iv = Buffer.from(nonce, "base64url");
  if (sealed.length < 16 || iv.length !== 12) return { ok: false, reason: "malformed_seal" };
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.key, iv);
    decipher.setAAD(Buffer.from(JSON.stringify(about)));
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    const bytes = Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
    return { ok: true, bytes, keyId };
  } catch {
    return { ok: false, reason: "seal_broken" };
  }
}

/** What a destination's token is bound to. */
export function tokenSubject(shopId: string, platform: string): string[] {
  return ["destination_token", shopId, platform];
}

/** What a destination's setting that is a secret is bound to. */
export function settingSubject(shopId: string, platform: string, name: string): string[] {
  return ["destination_setting", shopId, platform, name];
}

/** What brings a destination's next token is bound to. */
export function renewalSubject(shopId: string, platform: string): string[] {
  return ["destination_renewal", shopId, platform];
}

/** What a quarantined webhook body is bound to. */
export function quarantineSubject(shopDomain: string, webhookId: string): string[] {
  return ["quarantine", shopDomain, webhookId];
}
