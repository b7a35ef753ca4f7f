import { possibleGains } from "@trakit/core/match-quality.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { matchQuality } from "@trakit/db/calls/match-quality.ts";
import type { Command } from "../command.ts";
import { chosenDomain, noSuchShop, withDatabase } from "../database.ts";
import { CliProblem } from "../problem.ts";

/** Gains below this are not worth a merchant's time. */
const WORTH_NAMING = 0.05;
const MOST_NAMED = 5;

export const quality: Command = {
  positionals: { min: 0, max: 1 },
  about: [
    "Shows how well each platform can match a shop's events, estimated from the identifiers they carried, and what the",
    "missing ones would bring. Weights and their sources: docs/destinations. Without a domain: the only shop, or the demo shop.",
  ].join("\n"),
  options: { days: { value: "number", help: "How many days back, 1 to 30; default 7." } },
  examples: ["trakit quality", "trakit quality blue-mugs.myshopify.com --days 1 --json"],
  async run({ io, json, positionals, text }) {
    const days = Number(text("days") ?? "7");
    if (!Number.isInteger(days) || days < 1 || days > 30) {
      throw new CliProblem(`--days cannot be "${text("days")}".`, "It is a number from 1 to 30.");
    }
    await withDatabase(io, async (db) => {
      const domain = await chosenDomain(db, positionals[0]);
      const rows = await matchQuality(db, domain, days);
      if (!rows) throw await noSuchShop(db, domain);
      const found = rows.map((row) => {
        const keys = destination(row.platform)?.matchKeys;
        return { ...row, gains: keys ? possibleGains(keys, row.coverage) : [] };
      });
      if (json) {
        io.out(JSON.stringify(found));
        return;
      }
      if (found.length === 0) {
        io.out(`Nothing of ${domain} was sent in the last ${days === 1 ? "day" : `${days} days`}.`);
      }
      for (const { platform, name, events, score, gains } of found) {
        const label = destination(platform)?.label ?? platform;
        io.out(
          `${io.paint("bold", `${label} · ${name}`)}  ${score.toFixed(1)} of 10 over ${events} ${
            events === 1 ? "event" : "events"
          }`,
        );
        const named = gains.filter(({ gain }) => gain >= WORTH_NAMING).slice(0, MOST_NAMED);
        for (const { identifier, coverage, gain } of named) {
          io.out(
            `  ${io.paint("green", `+${gain.toFixed(1)}`)}  ${identifier.padEnd(14)} ${
              io.paint("dim", `in ${Math.round(coverage * 100)} % of them`)
            }`,
          );
        }
      }
    });
    return 0;
  },
};
