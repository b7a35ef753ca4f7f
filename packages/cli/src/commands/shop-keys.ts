import { forwarderSecret, shopPublicKey } from "@trakit/core/storefront-keys.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import type { Command } from "../command.ts";
import { requireShop, withDatabase } from "../database.ts";
import { columns } from "../terminal.ts";

export const shopKeys: Command = {
  positionals: { min: 1, max: 1 },
  about:
    "Prints the public key that a shop's web pixel and first-party host name it by, and its reverse proxy's secret.",
  options: {},
  examples: ["trakit shop keys blue-mugs.myshopify.com"],
  async run({ io, json, positionals }) {
    const keys = await withDatabase(io, async (db, environment) => {
      const { domain } = await requireShop(db, positionals[0]!);
      const { TRAKIT_ENCRYPTION_KEYS: ring } = readSettings(environment, ["TRAKIT_ENCRYPTION_KEYS"]);
      return {
        domain,
        public_key: shopPublicKey(ring, domain),
        forwarder_secret: forwarderSecret(ring, domain),
      };
    });
    if (json) io.out(JSON.stringify(keys));
    else {
      io.out(columns([["public key", keys.public_key], ["forwarder secret", keys.forwarder_secret]]));
      io.out(
        "The public key may be seen by anybody. The secret belongs into the reverse proxy's settings, nowhere else.",
      );
    }
    return 0;
  },
};
