import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface SealedOfRequest {
  /** Whom the redaction is about; null = it is over. */
  subject: {
    customers: string[];
    /** Digests in form email.lower. */
    emails: string[];
    /** Digests in form phone.e164. */
    phones: string[];
    orders: string[];
    /** Ids of their browsers. */
    keys: string[];
    /** Of their carts and checkouts. */
    tokens: string[];
  } | null;
  /** Webhooks of the shop that were not looked into yet, oldest first. */
  sealed: { id: number; shop: string; webhook_id: string; body: string }[];
}

/** SQL `trakit.sealed_of_request`: quarantined webhooks a redaction has still to look into, up to `limit`. */
export async function sealedOfRequest(
  db: Database,
  request: { shop_id: string; id: string },
  limit: number,
): Promise<SealedOfRequest> {
  return await call(db, "trakit.sealed_of_request", {
    p_shop_id: request.shop_id,
    p_request_id: request.id,
    p_limit: limit,
  }) as SealedOfRequest;
}
