import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface Seal {
  place: "destination" | "setting" | "grant" | "quarantine" | "access" | "refresh";
  id: string;
  /** Platform, platform and setting, webhook id, or which of Shopify's tokens. */
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
  return await call(db, "trakit.list_seals", {
    p_domain: domain,
    p_newest: newest,
    p_after_place: after?.place ?? "",
    p_after_id: after?.id ?? "",
    p_limit: limit,
  }) as Seal[] | null;
}
