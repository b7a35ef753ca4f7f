import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Seal } from "./list-seals.ts";

/** SQL `trakit.replace_seal`: false where what was listed is another by now. */
export async function replaceSeal(
  db: Database,
  domain: string,
  seal: Seal,
  sealed: string,
): Promise<boolean> {
  return await call(db, "trakit.replace_seal", {
    p_domain: domain,
    p_place: seal.place,
    p_id: seal.id,
    p_old: seal.sealed,
    p_sealed: sealed,
  });
}
