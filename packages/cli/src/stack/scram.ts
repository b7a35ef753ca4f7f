import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";

/** Postgres's own default. */
const ITERATIONS = 4096;

/**
 * What Postgres stores of a password (RFC 5802, RFC 7677; src/common/scram-common.c). Setting this instead of the password
 * keeps the latter out of the server's statement log, as psql's \password does.
 * `password` is taken as it stands: SASLprep changes nothing in printable ASCII, and more is refused.
 */
export function scramVerifier(password: string, salt: Uint8Array = randomBytes(16)): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new RangeError("a role's password must be printable ASCII");
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const key = (name: string) => createHmac("sha256", salted).update(name).digest();
  const stored = createHash("sha256").update(key("Client Key")).digest("base64");
  const server = key("Server Key").toString("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${Buffer.from(salt).toString("base64")}$${stored}:${server}`;
}
