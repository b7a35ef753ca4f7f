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
  const [row] = await db.rows<{ requested: PrivacyRequested }>(
    "select trakit.request_privacy($1, $2, $3, $4::jsonb, coalesce($5::timestamptz, $6, now()), " +
      "coalesce($6::timestamptz, now())) as requested",
    [
      request.shop,
      request.kind,
      request.reference,
      request.subject && JSON.stringify(request.subject),
      request.at,
      now ?? null,
    ],
  );
  return row!.requested;
}
