import process from "node:process";
import { chanceOf } from "./chance.ts";
import { nextInput } from "./inputs.ts";
import { described, tryInput } from "./try-input.ts";
import { frontDoor } from "./world.ts";

/**
 * `npm run fuzz -- door [<inputs> [<text> [<until>]]]`: any bytes to any route as anybody, in this process, until that many
 * were answered (100,000 unless said otherwise) or the time (ISO 8601) is there. The inputs follow from the text. Ends with
 * exit code 1 and the input at the first find, else with what was answered and what it took.
 */
const [count = "100000", text = "trakit", until] = process.argv.slice(2);
const wanted = Number(count.replaceAll("_", ""));
const end = until ? Date.parse(until) : Infinity;
if (!(wanted > 0) || Number.isNaN(end)) {
  process.stderr.write("Say how many inputs: npm run fuzz -- door 100000\n");
  process.exit(2);
}

const unhandled = (what: string) => (error: unknown) => {
  process.stdout.write(`${what}: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
};
process.on("unhandledRejection", unhandled("unhandled rejection"));
process.on("uncaughtException", unhandled("uncaught exception"));

const door = frontDoor();
const statuses = new Map<number, number>();
const senders = new Map<string, number>();
const began = Date.now();
let [answered, made, slowest, cpu] = [0, 0, 0, 0];
const summary = () => {
  const seconds = Math.round((Date.now() - began) / 1000);
  const byStatus = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`).join(", ");
  return `${answered} answered in ${seconds} s (mean ${
    (cpu / Math.max(1, answered)).toFixed(2)
  } ms of CPU, most ${slowest.toFixed(0)} ms); ${byStatus}`;
};
let next = began + 60_000;
while (answered < wanted && Date.now() < end) {
  const input = nextInput(door.known, chanceOf(`${text} ${made++}`));
  const tried = await tryInput(door, input);
  if (tried.kind === "found") {
    process.stdout.write(
      `${summary()}\nFound with input ${made - 1} of "${text}": ${tried.what}\n${described(input)}\n`,
    );
    process.exit(1);
  }
  if (tried.kind !== "answered") continue;
  answered++;
  cpu += tried.cpuMs;
  slowest = Math.max(slowest, tried.cpuMs);
  statuses.set(tried.status, (statuses.get(tried.status) ?? 0) + 1);
  senders.set(input.as, (senders.get(input.as) ?? 0) + 1);
  if (Date.now() > next) {
    process.stdout.write(`${new Date().toISOString()} ${summary()}\n`);
    next += 60_000;
  }
}
const bySender = [...senders].map(([who, n]) => `${who}: ${n}`).join(", ");
process.stdout.write(
  `${summary()}\nby sender: ${bySender}\nnothing found: no crash, no 5xx, nothing unhandled, no answer over 100 ms of CPU\n`,
);
process.exit(0);
