import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

export type Learnt = "learnt" | "unknown_shop" | "uninstalled_shop";

/** SQL `trakit.learn_customer`: notes what Shopify says of a customer. `facts` as that function's comment lists them. */
export async function learnCustomer(
  db: Database,
  shop: string,
  facts: { customer_id: string },
  now?: Date,
): Promise<Learnt> {
  return await call(db, "trakit.learn_customer", {
    p_shop: shop,
    p_customer: json(facts),
    p_now: now,
  }) as Learnt;
}
