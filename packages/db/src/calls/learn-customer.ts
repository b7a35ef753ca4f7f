import type { Database } from "../connection.ts";

export type Learnt = "learnt" | "unknown_shop" | "uninstalled_shop";

/** SQL `trakit.learn_customer`: notes what Shopify says of a customer. `facts` as that function's comment lists them. */
export async function learnCustomer(
  db: Database,
  shop: string,
  facts: { customer_id: string },
  now?: Date,
): Promise<Learnt> {
  const [row] = await db.rows<{ result: Learnt }>(
    "select trakit.learn_customer($1, $2::jsonb, coalesce($3::timestamptz, now())) as result",
    [shop, JSON.stringify(facts), now ?? null],
  );
  return row!.result;
}
