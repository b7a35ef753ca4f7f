import { listShops } from "@trakit/db/calls/list-shops.ts";
import type { Command } from "../command.ts";
import { withDatabase } from "../database.ts";
import { columns } from "../terminal.ts";

export const shopList: Command = {
  positionals: { min: 0, max: 0 },
  about: "Lists the shops, active or uninstalled.",
  options: {},
  examples: ["trakit shop list", "trakit shop list --json"],
  async run({ io, json }) {
    const shops = await withDatabase(io, listShops);
    if (json) io.out(JSON.stringify(shops));
    else if (shops.length === 0) io.out("There is no shop yet. Add one with trakit shop add <domain>.");
    else {
      io.out(columns(shops.map(({ domain, status, created_at }) => [
        domain,
        status === "active" ? io.paint("green", status) : io.paint("yellow", status),
        `since ${created_at.toISOString().slice(0, 10)}`,
      ])));
    }
    return 0;
  },
};
