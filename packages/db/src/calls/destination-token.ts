import type { Database } from "../connection.ts";

export interface DestinationToken {
  settings: Record<string, unknown>;
  test_code: string | null;
  /** Null = no token yet. */
  sealed: string | null;
}

/** SQL `trakit.destination_token`: what a test event needs; null = not set up. */
export async function destinationToken(
  db: Database,
  shop: string,
  platform: string,
): Promise<DestinationToken | null> {
  const [row] = await db.rows<{ found: DestinationToken | null }>(
    "select trakit.destination_token($1, $2) as found",
    [shop, platform],
  );
  return row!.found;
}
