import { call, DATABASE_NOW, json } from "../call.ts";
import type { Database } from "../connection.ts";

export interface PrivacyRequested {
  status: "accepted" | "duplicate" | "unknown_shop" | "reinstalled";
  id?: string;
  shop_id?: string;
  state?: "pending" | "done";
}

/** SQL `trakit.request_privacy`: notes a request for export or redaction, once per reference. */
export async function requestPrivacy(
  db: Database,
  request: {
    shop: string;
    kind: "export" | "redact_customer" | "redact_shop";
    reference: string;
    subject: object | null;
    /** When it was made, by Shopify's clock; null = now. */
    at: string | null;
  },
  now?: Date,
): Promise<PrivacyRequested> {
  return await call(db, "trakit.request_privacy", {
    p_shop: request.shop,
    p_kind: request.kind,
    p_reference: request.reference,
    p_subject: json(request.subject),
    p_at: request.at ?? now ?? DATABASE_NOW,
    p_now: now,
  }) as PrivacyRequested;
}
