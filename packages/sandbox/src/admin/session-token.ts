/** Session tokens as App Bridge hands them out: JWT, HS256 with the client secret, one minute (reference: shopify §3.2). */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

export interface TokenClaims {
  iss: string;
  dest: string;
  aud: string;
  sub: string;
  exp: number;
  nbf: number;
  iat: number;
  jti: string;
  sid: string;
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const sign = (text: string, secret: string): string =>
  createHmac("sha256", secret).update(text).digest("base64url");

/** A token for a merchant of the shop; `change` overrides claims. */
export function mintSessionToken(
  options: { shop: string; apiKey: string; secret: string; nowMs: number; jti: string },
  change: Partial<TokenClaims> = {},
): string {
  const seconds = Math.floor(options.nowMs / 1000);
  const claims: TokenClaims = {
    iss: `https://${options.shop}/admin`,
    dest: `https://${options.shop}`,
    aud: options.apiKey,
    sub: "81234567890",
    exp: seconds + 60,
    nbf: seconds - 1,
    iat: seconds - 1,
    jti: options.jti,
    sid: options.jti,
    ...change,
  };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${sign(text, options.secret)}`;
}

/** The claims of a token Shopify itself would take for this shop and app; null otherwise. */
export function readSessionToken(
  token: string,
  options: { shop: string; apiKey: string; secret: string; nowMs: number },
): TokenClaims | null {
  const [head, body, signature, ...rest] = token.split(".");
  if (!head || !body || !signature || rest.length > 0) return null;
  const expected = Buffer.from(sign(`${head}.${body}`, options.secret));
  const given = Buffer.from(signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
  try {
    const header = JSON.parse(Buffer.from(head, "base64url").toString()) as { alg?: string };
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as TokenClaims;
    const seconds = options.nowMs / 1000;
    return header.alg === "HS256" && claims.aud === options.apiKey && claims.exp > seconds - 10 &&
        claims.nbf < seconds + 10 && claims.dest === `https://${options.shop}`
      ? claims
      : null;
  } catch {
    return null;
  }
}
