import { call, json } from "../call.ts";
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
  return await call(db, "trakit.note_setup", {
    p_shop: shop,
    p_country: found.country,
    p_host: found.host,
    p_pixel_id: found.pixelId,
    p_pixel_settings: json(found.pixelSettings),
    p_pixel_trouble: found.pixelTrouble,
    p_now: now,
  }) as Installation | null;
}
