import type { Database } from "../connection.ts";

export interface Seal {
  place: "destination" | "grant" | "quarantine" | "access" | "refresh";
  id: string;
  /** Platform, webhook id, or which of Shopify's tokens. */
  of: string;
  sealed: string;
}

/**
 * SQL `trakit.list_seals`: what a shop has that another key than the newest sealed, by place and id, those behind `after`;
 * null = no such shop.
 */
export async function listSeals(
  db: Database,
  domain: string,
  newest: string,
  after: Pick<Seal, "place" | "id"> | null,
  limit: number,
): Promise<Seal[] | null> {
  const [row] = await db.rows<{ seals: Seal[] | null }>(
    "select trakit.list_seals($1, $2, $3, $4, $5) as seals",
    [domain, newest, after?.place ?? "", after?.id ?? "", limit],
  );
  return row!.seals;
}
