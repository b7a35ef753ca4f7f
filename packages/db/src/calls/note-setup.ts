import type { Database } from "../connection.ts";
import type { Installation } from "./find-installation.ts";

/** SQL `trakit.note_setup`: what set-up found or made. What is null is not known and changes nothing, but for `pixelTrouble`. */
export async function noteSetup(
  db: Database,
  shop: string,
  found: {
    country: string | null;
    /** Host name of the storefront, lower case. */
    host: string | null;
    pixelId: string | null;
    pixelSettings: Record<string, string> | null;
    pixelTrouble: string | null;
  },
  now?: Date,
): Promise<Installation | null> {
  const [row] = await db.rows<{ noted: Installation | null }>(
    "select trakit.note_setup($1, $2, $3, $4, $5::jsonb, $6, coalesce($7::timestamptz, now())) as noted",
    [
      shop,
      found.country,
      found.host,
      found.pixelId,
      found.pixelSettings && JSON.stringify(found.pixelSettings),
      found.pixelTrouble,
      now ?? null,
    ],
  );
  return row!.noted;
}
