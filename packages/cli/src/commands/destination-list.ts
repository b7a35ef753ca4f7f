import { listDestinations } from "@trakit/db/calls/list-destinations.ts";
import type { DestinationRow } from "@trakit/db/calls/list-destinations.ts";
import type { Command } from "../command.ts";
import { noSuchShop, withDatabase } from "../database.ts";
import { columns, type Paint } from "../terminal.ts";

/** A lane's state in words. */
export function describeLane(row: DestinationRow, paint: Paint): string {
  if (!row.enabled) return paint("dim", "disabled");
  if (row.lane === "closed") return paint("green", "flowing");
  const since = `since ${row.lane_since.slice(0, 19).replace("T", " ")}`;
  if (row.lane === "held") return paint("red", `held: ${row.lane_reason} ${since}`);
  return paint("yellow", `probing: ${row.lane_reason} ${since}`);
}

export const destinationList: Command = {
  positionals: { min: 1, max: 1 },
  about: "Lists a shop's destinations: ids, ends of tokens, and how their lanes do.",
  options: {},
  examples: ["trakit destination list trakit-demo.myshopify.com"],
  async run({ io, json, positionals }) {
    const domain = positionals[0]!.toLowerCase();
    const rows = await withDatabase(io, async (db) => {
      const found = await listDestinations(db, domain);
      if (!found) throw await noSuchShop(db, domain);
      return found;
    });
    if (json) io.out(JSON.stringify(rows));
    else if (rows.length === 0) {
      io.out(
        `${domain} has no destination yet. Set one up with trakit destination set ${domain} <platform>.`,
      );
    } else {
      io.out(columns(rows.map((row) => [
        row.platform,
        String(row.settings["id"] ?? ""),
        row.last_four ? `token …${row.last_four}` : io.paint("yellow", "no token"),
        row.secrets.join(","),
        row.test_code ? io.paint("yellow", "test mode") : "live",
        row.events ? row.events.join(",") : "all events",
        describeLane(row, io.paint),
      ])));
    }
    return 0;
  },
};
