import { listQuarantine } from "@trakit/db/calls/list-quarantine.ts";
import type { Command } from "../command.ts";
import { noSuchShop, withDatabase } from "../database.ts";
import { CliProblem } from "../problem.ts";
import { printable } from "../terminal.ts";

export const quarantineList: Command = {
  positionals: { min: 1, max: 1 },
  about: [
    "Lists a shop's webhooks that were genuine and could not be read, oldest first, with what the schema found wrong.",
    "Their bodies are kept sealed for 7 days and are not shown.",
  ].join("\n"),
  options: { limit: { value: "n", help: "At most this many, 1 to 1000; default 50." } },
  examples: ["trakit quarantine list trakit-demo.myshopify.com"],
  async run({ io, json, positionals, text }) {
    const limit = Number(text("limit") ?? 50);
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw new CliProblem(`--limit cannot be "${text("limit")}".`, "It is a number from 1 to 1000.");
    }
    const domain = positionals[0]!.toLowerCase();
    const rows = await withDatabase(io, async (db) => {
      const found = await listQuarantine(db, domain, limit);
      if (!found) throw await noSuchShop(db, domain);
      return found;
    });
    if (json) {
      io.out(JSON.stringify(rows.map(({ sealed_body: _, ...row }) => row)));
      return 0;
    }
    if (rows.length === 0) io.out(`Nothing of ${domain} is in quarantine.`);
    for (const row of rows) {
      io.out(
        `${io.paint("bold", `#${row.id}`)}  ${row.received_at.slice(0, 19).replace("T", " ")}  ${
          printable(row.topic)
        }  ` +
          `${io.paint("red", row.reason)}  webhook ${printable(row.webhook_id)}, kept until ${
            row.expires_at.slice(0, 10)
          }`,
      );
      for (const issue of row.issues) io.out(`    ${printable(issue)}`);
    }
    return 0;
  },
};
