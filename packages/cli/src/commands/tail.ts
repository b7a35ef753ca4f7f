import { setTimeout as delay } from "node:timers/promises";
import { tailDeliveries, type TailEvent } from "@trakit/db/calls/tail-deliveries.ts";
import type { Command } from "../command.ts";
import { chosenDomain, noSuchShop, withDatabase } from "../database.ts";
import { momentBefore } from "../duration.ts";
import { TailLines } from "../tail-lines.ts";

const LOOK_EVERY_MS = 500;
/** Each look reaches back a little: transactions become visible later than the moment they are stamped with. */
const OVERLAP_MS = 5_000;
const MOST = 1_000;

/** The latest moment anything in these events happened at. */
function newest(events: readonly TailEvent[], start: Date): Date {
  let latest = start.getTime();
  for (const event of events) {
    for (const time of [event.captured_at, ...event.deliveries.map((one) => one.settled_at)]) {
      if (time) latest = Math.max(latest, Date.parse(time));
    }
  }
  return new Date(latest);
}

export const tail: Command = {
  positionals: { min: 0, max: 1 },
  about: [
    "Shows a shop's events as they arrive, and under each what became of it at every platform. Without a domain: the only",
    "shop, or the demo shop. Ctrl-C ends it. With --json: one JSON object per event, printed again when it changes.",
  ].join("\n"),
  options: {
    once: { help: "Print what there is and end." },
    since: { value: "age", help: "How far back to begin: 30s, 15m, 2h, 1d or a time; default 15m." },
  },
  examples: ["trakit tail", "trakit tail trakit-demo.myshopify.com --since 1h --once"],
  async run({ io, json, positionals, text, has }) {
    const once = has("once");
    const begin = momentBefore(text("since") ?? "15m", "since", Date.now());
    await withDatabase(io, async (db) => {
      const domain = await chosenDomain(db, positionals[0]);
      const printer = new TailLines(io.paint);
      const printed = new Map<number, string>();
      const look = async (since: Date): Promise<TailEvent[]> => {
        const events = await tailDeliveries(db, domain, since, MOST);
        if (!events) throw await noSuchShop(db, domain);
        if (json) {
          for (const event of events) {
            const line = JSON.stringify(event);
            if (printed.get(event.event_row) !== line) io.out(line);
            printed.set(event.event_row, line);
          }
          for (const row of printed.keys()) {
            if (printed.size <= 20_000) break;
            printed.delete(row);
          }
        } else for (const line of printer.lines(events, Date.now(), once)) io.out(line);
        return events;
      };

      const first = await look(begin);
      if (once) {
        if (first.length === 0 && !json) io.out(`No event of ${domain} since ${begin.toLocaleString("sv")}.`);
        return;
      }
      if (!json) io.err(io.paint("dim", `Watching ${domain}; Ctrl-C ends it.`));
      const stopped = io.untilStopped();
      let reached = newest(first, begin);
      while (!stopped.aborted) {
        await delay(LOOK_EVERY_MS, undefined, { signal: stopped }).catch(() => {});
        if (stopped.aborted) break;
        reached = newest(await look(new Date(reached.getTime() - OVERLAP_MS)), reached);
      }
    });
    return 0;
  },
};
