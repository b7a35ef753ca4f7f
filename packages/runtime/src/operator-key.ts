import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { problem } from "./problem.ts";

/** The key in `Authorization: Bearer …`; empty when there is none. */
export function bearer(request: Request): string {
  return request.headers.get("authorization")?.replace(/^Bearer /i, "") ?? "";
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
export function sameKey(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/**
 * The key that opens the drain function and nothing else, for pg_cron (kept in Supabase Vault). It is derived from the
 * operator's key, so that there is no further secret to keep; the operator's key cannot be had from it.
 */
export function drainKey(operatorKey: string): string {
  return createHmac("sha256", operatorKey).update("trakit/drain-only").digest("base64url");
}

/** 401 for a call without the operator's key. */
export function badOperatorKey(): Response {
  return problem({
    code: "bad_operator_key",
    status: 401,
    title: "The operator's key is missing or wrong.",
    detail: "Send `Authorization: Bearer <TRAKIT_OPERATOR_KEY>`.",
    headers: { "www-authenticate": "Bearer" },
  });
}
