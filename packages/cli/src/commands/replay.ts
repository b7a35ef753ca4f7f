import { setTimeout as delay } from "node:timers/promises";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import {
  replay as replayDeliveries,
  type ReplayCounts,
  type ReplayRequest,
} from "@trakit/db/calls/replay.ts";
import { stepReplay } from "@trakit/db/calls/step-replay.ts";
import type { Command, Io } from "../command.ts";
import { requireShop, withDatabase } from "../database.ts";
import { momentBefore } from "../duration.ts";
import { nearest } from "../nearest.ts";
import { usageProblem } from "../problem.ts";

const STATES = ["failed", "delivered"];
/** While the lanes send what the last steps made due. */
const WAIT_MS = 500;

const REASONS: Record<string, string> = {
  too_old: "older than the platform takes",
  would_double: "the platform may have them and is not known to count two copies once; see --force",
  destination_disabled: "the destination is disabled",
};

function refusals({ refused }: ReplayCounts): string[] {
  return Object.entries(refused).map(([reason, count]) =>
    `  ${count} not: ${reason} (${REASONS[reason] ?? "?"})`
  );
}

function readStates(given: string | null): string[] {
  const states = (given ?? "failed").split(",").map((state) => state.trim());
  const wrong = states.find((state) => !STATES.includes(state));
  if (wrong !== undefined) {
    throw usageProblem(
      `--states cannot be "${wrong}": it is failed, delivered or both (what is pending goes out by itself).`,
      "replay",
    );
  }
  return states;
}

function readPlatform(given: string | null): string | null {
  if (given === null || destination(given)) return given;
  const meant = nearest(given, PLATFORMS);
  throw usageProblem(`There is no platform "${given}".${meant ? ` Did you mean ${meant}?` : ""}`, "replay");
}

async function goOn(
  step: () => ReturnType<typeof stepReplay>,
  total: number,
  io: Io,
  quiet: boolean,
): Promise<ReplayCounts & { done: boolean }> {
  const stopped = io.untilStopped();
  let last = -1;
  for (;;) {
    const state = await step();
    if (!quiet && state.replayed !== last) io.err(io.paint("dim", `  ${state.replayed} of ${total}`));
    last = state.replayed;
    const counts = { replayed: state.replayed, refused: state.refused };
    if (state.finished_at !== null) return { ...counts, done: true };
    if (stopped.aborted) return { ...counts, done: false };
    if (state.waiting) await delay(WAIT_MS, undefined, { signal: stopped }).catch(() => {});
  }
}

export const replay: Command = {
  positionals: { min: 1, max: 1 },
  about: [
    "Sends deliveries of a shop that failed, captured within a time window, again: with the same event id, for another 24",
    "hours, as far as each platform takes events of that age. First it says how many; with --dry-run that is all. What a",
    "platform may have already is refused unless --force is given, and what was delivered even then, unless the platform",
    "documents that it counts two copies once. A large replay goes on in the workers when this is ended with Ctrl-C.",
  ].join("\n"),
  options: {
    since: { value: "age", help: "Captured after: 30m, 6h, 2d or a time; default 24h." },
    until: { value: "age", help: "Captured before: the same; default now." },
    platform: { value: "name", help: "Only this platform." },
    states: { value: "list", help: "failed (default), delivered, or both with a comma." },
    force: { help: "Also what the platform may have; it may count twice." },
    "dry-run": { help: "Only say what would be sent." },
  },
  examples: [
    "trakit replay shop.myshopify.com --since 6h --dry-run",
    "trakit replay shop.myshopify.com --since 2d --until 1d --platform meta",
  ],
  async run({ io, json, positionals, text, has }) {
    const now = Date.now();
    const platform = readPlatform(text("platform"));
    const states = readStates(text("states"));
    const since = momentBefore(text("since") ?? "24h", "since", now);
    const until = text("until") === null ? new Date(now) : momentBefore(text("until")!, "until", now);
    if (since >= until) throw usageProblem("--since must be before --until.", "replay");
    return await withDatabase(io, async (db) => {
      const shop = await requireShop(db, positionals[0]!);
      const request: ReplayRequest = {
        domain: shop.domain,
        since,
        until,
        platform,
        states,
        force: has("force"),
      };
      const plan = await replayDeliveries(db, request, { dryRun: true });
      if (!json) {
        io.out(`${plan.replayed} deliveries would be sent again.`);
        for (const line of refusals(plan)) io.out(line);
      }
      if (has("dry-run")) {
        if (json) io.out(JSON.stringify({ dry_run: true, replayed: plan.replayed, refused: plan.refused }));
        return 0;
      }
      const begun = await replayDeliveries(db, request, { dryRun: false });
      const done = begun.done || begun.replay_id === undefined
        ? begun
        : await goOn(() => stepReplay(db, shop.domain, begun.replay_id!), plan.replayed, io, json);
      if (json) {
        io.out(
          JSON.stringify({ dry_run: false, replayed: done.replayed, refused: done.refused, done: done.done }),
        );
      } else {
        io.out(
          done.done
            ? `${
              io.paint("green", "✓")
            } ${done.replayed} deliveries are on their way again; trakit status shows the queue.`
            : `${done.replayed} deliveries are on their way; a worker or pg_cron goes on with the rest.`,
        );
      }
      return 0;
    });
  },
};
