import type { Database } from "../connection.ts";

/** SQL `trakit.due_lookups`: domains of shops whose new customers may be asked about now. */
export async function dueLookups(db: Database, limit: number, now?: Date): Promise<string[]> {
  const rows = await db.rows<{ domain: string }>(
    "select domain from trakit.due_lookups($1, coalesce($2::timestamptz, now()))",
    [limit, now ?? null],
  );
  return rows.map((row) => row.domain);
}

/** SQL `trakit.unknown_customers`: Shopify's ids (digits) of whom nobody has told us anything. */
export async function unknownCustomers(
  db: Database,
  shop: string,
  limit: number,
  now?: Date,
): Promise<string[]> {
  const [row] = await db.rows<{ ids: string[] }>(
    "select trakit.unknown_customers($1, $2, coalesce($3::timestamptz, now())) as ids",
    [shop, limit, now ?? null],
  );
  return row!.ids;
}

/** SQL `trakit.note_asked`: what Shopify answered, as `learnCustomer` takes it; returns how many are still known to us. */
export async function noteAsked(
  db: Database,
  shop: string,
  customers: { customer_id: string; asked_at: string }[],
  now?: Date,
): Promise<number> {
  const [row] = await db.rows<{ noted: number }>(
    "select trakit.note_asked($1, $2::jsonb, coalesce($3::timestamptz, now())) as noted",
    [shop, JSON.stringify(customers), now ?? null],
  );
  return row!.noted;
}

/** SQL `trakit.note_lookup`: the job has looked; null = no trouble. */
export async function noteLookup(
  db: Database,
  shop: string,
  pause: { trouble: string; until: Date } | null,
  now?: Date,
): Promise<void> {
  await db.rows("select trakit.note_lookup($1, $2, $3, coalesce($4::timestamptz, now()))", [
    shop,
    pause?.trouble ?? null,
    pause?.until ?? null,
    now ?? null,
  ]);
}
