import { connect } from "@trakit/db/connection.ts";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { listDestinations } from "@trakit/db/calls/list-destinations.ts";
import { setDestination } from "@trakit/db/calls/set-destination.ts";
import { addShop } from "@trakit/db/calls/add-shop.ts";
import { findShop } from "@trakit/db/calls/find-shop.ts";
import { DEMO_DESTINATIONS } from "./demo.ts";

/**
 * Sets up the demo shop with one destination per platform. What is there already stays as it is, except that
 * `resealTokens` replaces tokens nobody can open any more because the key they were sealed with is gone.
 */
export async function seedDemo(
  environment: Record<string, string | undefined>,
  domain: string,
  resealTokens: boolean,
): Promise<{ added: string[] }> {
  const settings = readSettings(environment, ["TRAKIT_DB_SESSION_URL", "TRAKIT_ENCRYPTION_KEYS"]);
  const db = connect({ url: settings.TRAKIT_DB_SESSION_URL, max: 1, applicationName: "trakit-seed" });
  try {
    const shop = await findShop(db, domain) ?? await addShop(db, domain, "US", {});
    const there = new Map((await listDestinations(db, domain) ?? []).map((row) => [row.platform, row]));
    const added: string[] = [];
    for (const platform of PLATFORMS) {
      const present = there.get(platform);
      const rules = destination(platform);
      const demo = DEMO_DESTINATIONS[platform];
      if (!rules || !demo || (present && !resealTokens) || shop.status !== "active") continue;
      await setDestination(
        db,
        domain,
        { platform, purpose: rules.purpose, maxAgeMs: rules.limits.maxAgeMs },
        present ? {} : { settings: rules.settings.parse({ id: demo.id }) as Record<string, unknown> },
        {
          token: {
            sealed: seal(settings.TRAKIT_ENCRYPTION_KEYS, demo.token, tokenSubject(shop.id, platform)),
            lastFour: demo.token.slice(-4),
          },
          version: null,
        },
      );
      added.push(platform);
    }
    return { added };
  } finally {
    await db.close();
  }
}
