import { performance } from "node:perf_hooks";
import process from "node:process";
import type { Command, Io } from "../command.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { jsonReporter, terminalReporter } from "../stack/reporter.ts";
import { columns } from "../terminal.ts";

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm or run.mjs. */
const SAME_SIGNAL_MS = 400;

function welcome({ urls, environment }: Stack, ms: number, { paint, out }: Io): void {
  const domain = environment["TRAKIT_SHOP_DOMAIN"];
  out("");
  out(paint("bold", `TrakIt is ready after ${(ms / 1000).toFixed(1)} s.`));
  out("");
  out(columns([
    ["  Demo shop", paint("cyan", urls.shop), "visit it, put something in the cart, buy it"],
    [
      "  Vendor sandbox",
      paint("cyan", urls.sandbox),
      "what Meta, TikTok, Pinterest, Snapchat and Google received",
    ],
    [
      "  Functions",
      paint("cyan", urls.api),
      "as Supabase serves them: /health, /webhooks, /proxy, /install, /admin, /drain",
    ],
    ["  Database", paint("cyan", urls.database.replace(/:[^:@/]*@/, ":…@")), ""],
  ]));
  out("");
  out("What to try next, in another terminal:");
  out(columns([
    ["  npm run trakit -- tail", "watch events arrive and be delivered"],
    [`  npm run trakit -- status ${domain}`, "queue, lanes and the last 24 hours"],
    ["  npm run trakit -- payload meta", "the exact request a purchase becomes"],
    ["  npm run trakit -- doctor", "check everything"],
  ]));
  out("");
  out(paint("dim", "Ctrl-C ends everything, finishing what is in flight."));
  out("");
}

export const start: Command = {
  positionals: { min: 0, max: 0 },
  about: [
    "Runs TrakIt on this machine: an embedded Postgres 17 (or the one SUPABASE_DB_URL names), the edge functions behind the",
    "address Supabase gives them, a worker, stand-ins for the six vendors, and a demo shop. Data is kept in .trakit/.",
    "Ports: TRAKIT_API_PORT 54321, TRAKIT_DB_PORT 54322, TRAKIT_SANDBOX_PORT 54330, TRAKIT_SHOP_PORT 54340.",
  ].join("\n"),
  options: { fresh: { help: "Delete the local data and begin anew." } },
  examples: ["npm start", "npm start -- --fresh", "TRAKIT_API_PORT=8321 npm start"],
  async run({ io, json, has }) {
    const began = performance.now();
    const stopping = new AbortController();
    let stack: Stack | null = null;
    let firstSignalAt = 0;
    const onSignal = (): void => {
      if (!stopping.signal.aborted) {
        firstSignalAt = performance.now();
        stopping.abort();
        return;
      }
      if (performance.now() - firstSignalAt < SAME_SIGNAL_MS) return;
      // the exit handler of the stack kills what still runs
      process.exit(130);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);

    const reporter = json ? jsonReporter(io.out) : terminalReporter(io.out, io.paint);
    if (!json) io.out(io.paint("bold", "Starting TrakIt"));
    try {
      stack = await startStack({
        environment: io.environment,
        fresh: has("fresh"),
        reporter,
        signal: stopping.signal,
      });
    } catch (error) {
      if (stopping.signal.aborted) return 130;
      throw error;
    }
    if (json) io.out(JSON.stringify({ ready: true, urls: stack.urls }));
    else welcome(stack, performance.now() - began, io);

    // a pending promise does not keep the process, but the children's pipes do
    if (!stopping.signal.aborted) {
      await new Promise((resolve) => stopping.signal.addEventListener("abort", resolve, { once: true }));
    }
    if (!json) io.out("\nStopping; what is in flight finishes first. Ctrl-C again kills it.");
    await stack.close();
    if (!json) io.out("Everything has ended.");
    return 0;
  },
};
