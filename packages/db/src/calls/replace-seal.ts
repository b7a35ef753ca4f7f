import type { Database } from "../connection.ts";
import type { Seal } from "./list-seals.ts";

/** SQL `trakit.replace_seal`: false where what was listed is another by now. */
export async function replaceSeal(
  db: Database,
  domain: string,
  seal: Seal,
  sealed: string,
): Promise<boolean> {
  const [row] = await db.rows<{ done: boolean }>("select trakit.replace_seal($1, $2, $3, $4, $5) as done", [
    domain,
    seal.place,
    seal.id,
    seal.sealed,
    sealed,
  ]);
  return row!.done;
}
