import type { Database } from "../connection.ts";

/** SQL `trakit.settle_quarantine`: `read` = it is an event now and leaves, else its tries are counted. False = no such row. */
export async function settleQuarantine(
  db: Database,
  shop: string,
  id: number,
  read: boolean,
): Promise<boolean> {
  const [row] = await db.rows<{ settled: boolean }>(
    "select trakit.settle_quarantine($1, $2, $3) as settled",
    [
      shop,
      id,
      read,
    ],
  );
  return row!.settled;
}
