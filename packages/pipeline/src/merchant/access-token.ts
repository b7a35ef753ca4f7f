import { SignJWT } from "jose";

/** How long a token is good for, in seconds. */
const LIFETIME = 600;

/**
 * A token for PostgREST and supabase-js: role `authenticated`, bound to one shop by the claim `shop_id`, which row level
 * security compares. HS256 with the project's JWT secret (https://supabase.com/docs/guides/auth/jwts).
 */
export async function accessTokenFor(
  secret: string,
  shopId: string,
  nowMs: number,
): Promise<{ token: string; expires_at: string }> {
  const issued = Math.floor(nowMs / 1_000);
  const token = await new SignJWT({ role: "authenticated", shop_id: shopId })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setAudience("authenticated")
    .setSubject(shopId)
    .setIssuedAt(issued)
    .setExpirationTime(issued + LIFETIME)
    .sign(new TextEncoder().encode(secret));
  return { token, expires_at: new Date((issued + LIFETIME) * 1_000).toISOString() };
}
