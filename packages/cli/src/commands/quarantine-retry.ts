import { retryQuarantined } from "@trakit/pipeline/ingest/retry-quarantined.ts";
import { wire } from "@trakit/pipeline/wiring.ts";
import { listQuarantine } from "@trakit/db/calls/list-quarantine.ts";
import type { Command } from "../command.ts";
import { noSuchShop, settingsOf } from "../database.ts";
import { CliProblem } from "../problem.ts";
import { printable } from "../terminal.ts";

export const quarantineRetry: Command = {
  positionals: { min: 1, max: 2 },
  about: [
    "Reads a shop's quarantined webhooks again, after a fix: all of them, or the one whose number is given.",
    "What can be read now is stored and sent from the recovery queue; the rest stays, with what is wrong with it.",
  ].join("\n"),
  options: {},
  examples: [
    "trakit quarantine retry trakit-demo.myshopify.com",
    "trakit quarantine retry trakit-demo.myshopify.com 17",
  ],
  async run({ io, json, positionals }) {
    const [named, number] = positionals;
    if (number !== undefined && !/^\d{1,18}$/.test(number)) {
      throw new CliProblem(
        `"${printable(number)}" is no number of a quarantined webhook.`,
        "Take it from trakit quarantine list.",
      );
    }
    const domain = named!.toLowerCase();
    const deps = wire({
      environment: settingsOf(io),
      fetch,
      now: Date.now,
      random: Math.random,
      write: () => {},
    }, { url: "TRAKIT_DB_SESSION_URL", connections: 1, applicationName: "trakit-cli", slots: 0 });
    try {
      const rows = await listQuarantine(deps.db, domain, 100_000);
      if (!rows) throw await noSuchShop(deps.db, domain);
      const chosen = number === undefined ? rows : rows.filter((row) => String(row.id) === number);
      if (number !== undefined && chosen.length === 0) {
        throw new CliProblem(
          `${domain} has no webhook #${number} in quarantine.`,
          "See trakit quarantine list.",
        );
      }
      let unread = 0;
      for (const row of chosen) {
        const retried = await retryQuarantined(deps, domain, row);
        if (!retried.read) unread++;
        if (json) io.out(JSON.stringify({ id: row.id, ...retried }));
        else {
          const words = retried.read ? io.paint("green", retried.status) : io.paint("red", retried.reason) +
            (retried.issues.length > 0 ? `: ${retried.issues.map(printable).join(", ")}` : "");
          io.out(`${io.paint("bold", `#${row.id}`)}  ${printable(row.topic)}  ${words}`);
        }
      }
      if (!json && chosen.length === 0) io.out(`Nothing of ${domain} is in quarantine.`);
      return unread > 0 ? 1 : 0;
    } finally {
      await deps.db.close();
    }
  },
};
