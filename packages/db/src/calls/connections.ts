import type { Database } from "../connection.ts";

/** A connection that is being made: shop, platform, and the digest of the state it is known by. */
export interface Connecting {
  shop: string;
  platform: string;
  /** SHA-256 of the state, hex. */
  stateDigest: string;
}

/** SQL `trakit.begin_connection`; false = the destination is not set up, or no such active shop. */
export async function beginConnection(
  db: Database,
  { shop, platform, stateDigest }: Connecting,
  expiresAt: Date,
  now?: Date,
): Promise<boolean> {
  const [row] = await db.rows<{ begun: boolean }>(
    "select trakit.begin_connection($1, $2, $3, $4, coalesce($5::timestamptz, now())) as begun",
    [shop, platform, stateDigest, expiresAt, now ?? null],
  );
  return row!.begun;
}

/** SQL `trakit.open_connection`: `challenge` is the S256 challenge of the browser that sets out. */
export async function openConnection(
  db: Database,
  { shop, platform, stateDigest }: Connecting,
  challenge: string,
  now?: Date,
): Promise<boolean> {
  const [row] = await db.rows<{ opened: boolean }>(
    "select trakit.open_connection($1, $2, $3, $4, coalesce($5::timestamptz, now())) as opened",
    [shop, platform, stateDigest, challenge, now ?? null],
  );
  return row!.opened;
}

export type Taken = "taken" | "unknown" | "expired" | "other_browser";

/** SQL `trakit.take_connection`: each state is good once, whatever comes of it. */
export async function takeConnection(
  db: Database,
  { shop, platform, stateDigest }: Connecting,
  challenge: string,
  now?: Date,
): Promise<Taken> {
  const [row] = await db.rows<{ taken: Taken }>(
    "select trakit.take_connection($1, $2, $3, $4, coalesce($5::timestamptz, now())) as taken",
    [shop, platform, stateDigest, challenge, now ?? null],
  );
  return row!.taken;
}
