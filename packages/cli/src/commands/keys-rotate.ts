import { type Resealed, resealShop } from "@trakit/pipeline/upkeep/rotate-keys.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { listShops } from "@trakit/db/calls/list-shops.ts";
import type { Command } from "../command.ts";
import { withDatabase } from "../database.ts";

export const keysRotate: Command = {
  positionals: { min: 0, max: 0 },
  about: [
    "Seals every token and every quarantined webhook with the newest key of TRAKIT_ENCRYPTION_KEYS, while all is in use.",
    "Before: put the new key in front of the ring (new:…,old:…) of functions, workers and this command, everywhere.",
    "After, when nothing was unreadable: take the old key out. Web pixels are given their new public key by the worker's",
    "daily job, or when the merchant opens the app; the old public key is taken as long as the old key is in the ring.",
  ].join("\n"),
  options: {},
  examples: ["trakit keys rotate"],
  async run({ io, json }) {
    const total: Resealed & { shops: number; newest: string } = {
      shops: 0,
      resealed: 0,
      unreadable: 0,
      newest: "",
    };
    await withDatabase(io, async (db, environment) => {
      const { TRAKIT_ENCRYPTION_KEYS: keys } = readSettings(environment, ["TRAKIT_ENCRYPTION_KEYS"]);
      total.newest = keys[0]!.id;
      for (const shop of await listShops(db)) {
        const done = await resealShop(db, keys, shop);
        total.shops++;
        total.resealed += done.resealed;
        total.unreadable += done.unreadable;
      }
    });
    if (json) io.out(JSON.stringify(total));
    else {
      io.out(`${total.resealed} sealed anew with key ${total.newest}, in ${total.shops} shops.`);
      if (total.unreadable > 0) {
        io.out(
          `${
            io.paint("yellow", "!")
          } ${total.unreadable} could not be opened: their key is not in the ring. ` +
            "Keep it, put it in, and run this again; or have those tokens entered again.",
        );
      } else io.out("Keys behind it are not needed any more.");
    }
    return total.unreadable > 0 ? 1 : 0;
  },
};
