/**
 * Event tokens (docs/http-api.md): proof that an event comes from the session the signed app proxy opened, and that nobody changed its
 * body on the way.
 */

/** The part of `SubtleCrypto` used here; `pixel/pure-subtle.ts` is another one. */
export interface Subtle {
  digest(algorithm: "SHA-256", bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
  importKey(
    format: "raw",
    key: Uint8Array<ArrayBuffer>,
    algorithm: { name: "HMAC"; hash: "SHA-256" },
    extractable: false,
    usages: ["sign"],
  ): Promise<unknown>;
  sign(algorithm: "HMAC", key: never, bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
}

const utf8 = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

export const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => (256 + byte).toString(16).slice(1)).join("");

export const sha256 = async (subtle: Subtle, text: string): Promise<string> =>
  hex(await subtle.digest("SHA-256", utf8(text)));

/**
 * The token of one event.
 *
 * @param session id and key of the visit's session; the key's characters are the HMAC key
 * @param issuedAt ms since the epoch by the server's clock
 * @param body the text whose bytes are sent
 */
export async function tokenOf(
  subtle: Subtle,
  session: { id: string; key: string },
  id: string,
  name: string,
  issuedAt: number,
  body: string,
): Promise<string> {
  const key = await subtle.importKey(
    "raw",
    utf8(session.key),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const text = ["trakit/token/1", id, name, session.id, issuedAt, await sha256(subtle, body)].join("\n");
  return [id, session.id, issuedAt, hex(await subtle.sign("HMAC", key as never, utf8(text)))].join(".");
}
