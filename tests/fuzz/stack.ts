import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DEMO_SHOP } from "@trakit/cli/stack/defaults.ts";
import { clusterFolder } from "@trakit/cli/stack/postgres-place.ts";
import { startStack } from "@trakit/cli/stack/stack.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { chanceOf } from "./chance.ts";
import { type Input, type Known, nextInput } from "./inputs.ts";
import { anyBytes } from "./mutate.ts";
import { described } from "./try-input.ts";

/**
 * `npm run fuzz -- stack [<requests> [<text> [<until>]]]`: the same inputs over HTTP, to a local stack of its own with the demo shop:
 * Deno, Postgres, the worker, the vendors' stand-ins. One request in a hundred is bytes of any kind on the bare socket.
 * A 5xx, a broken connection or a functions process that is not the one it was is a find.
 */
const [count = "100000", text = "trakit", until] = process.argv.slice(2);
const end = until ? Date.parse(until) : Infinity;
const wanted = Number(count.replaceAll("_", ""));
const AT_ONCE = 6;

const dataDir = mkdtempSync(join(tmpdir(), "trakit-fuzz-"));
const stack = await startStack({
  environment: {},
  ports: { api: 0, sandbox: 0, shop: 0, database: 0 },
  dataDir,
  seed: true,
});
const settings = readSettings(stack.environment, [
  "TRAKIT_ENCRYPTION_KEYS",
  "TRAKIT_OPERATOR_KEY",
  "SHOPIFY_API_KEY",
  "SHOPIFY_API_SECRET",
]);
const known: Known = {
  shop: DEMO_SHOP,
  keys: settings.TRAKIT_ENCRYPTION_KEYS,
  apiKey: settings.SHOPIFY_API_KEY,
  secret: settings.SHOPIFY_API_SECRET,
  operatorKey: settings.TRAKIT_OPERATOR_KEY,
  now: () => Date.now(),
  lasting: true,
};
const api = new URL(stack.urls.api);
const watched = new WeakSet<object>();
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** The status; null where no client can send it; throws where the connection breaks. */
function send(input: Input): Promise<number | null> {
  return new Promise((resolve, reject) => {
    try {
      const sent = httpRequest({
        agent,
        host: api.hostname,
        port: api.port,
        path: `${api.pathname}${input.target}`,
        method: input.method,
        headers: { ...input.headers, "content-length": String(input.body?.length ?? 0) },
      }, (answer) => {
        answer.resume().on("end", () => resolve(answer.statusCode ?? 0)).on("error", reject);
      });
      sent.on("error", reject);
      // a body may still be on its way when the answer is here and the server hangs up
      sent.on("socket", (socket) => {
        if (watched.has(socket)) return;
        watched.add(socket);
        socket.on("error", () => {});
      });
      sent.end(input.body ? Buffer.from(input.body) : undefined);
    } catch {
      resolve(null);
    }
  });
}

/** Bytes of any kind on the bare socket; whatever comes of them. */
function sendBytes(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: api.hostname, port: Number(api.port) }, () => socket.end(bytes));
    socket.resume().on("error", () => resolve()).on("close", () => resolve());
  });
}

/** 501: this stack has no TRAKIT_JWT_SECRET, and says so. */
const bad = (status: number) => status >= 500 && status !== 501;
const statuses = new Map<number, number>();
const found: string[] = [];
const began = Date.now();
const pid = stack.pid("functions");
let [made, answered] = [0, 0];
const worker = async () => {
  while (answered < wanted && found.length === 0 && Date.now() < end) {
    const number = made++;
    const chance = chanceOf(`${text} ${number}`);
    if (chance.likely(0.01)) {
      const head = `POST ${api.pathname}/proxy/event HTTP/1.1\r\nhost: x\r\n`;
      await sendBytes(
        chance.likely(0.5)
          ? anyBytes(chance, 2_000)
          : Buffer.concat([Buffer.from(head), anyBytes(chance, 500)]),
      );
      answered++;
      continue;
    }
    const input = nextInput(known, chance);
    try {
      let status = await send(input);
      // a connection kept alive may end just as it is used again
      if (status === null) continue;
      answered++;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (bad(status)) status = await send(input);
      if (status !== null && bad(status)) found.push(`the answer was ${status}\n${described(input)}`);
    } catch (error) {
      const again = await send(input).catch(() => "broken" as const);
      if (again === "broken" && stack.pid("functions") !== pid) {
        found.push(`${(error as Error).message}\n${described(input)}`);
      }
    }
    if (answered % 5_000 === 0) process.stdout.write(`${new Date().toISOString()} ${answered} answered\n`);
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
if (stack.pid("functions") !== pid) found.push("the functions' process died and was started again");
const log = readFileSync(join(dataDir, "logs", "functions.log"), "utf8");
for (const line of log.split("\n")) {
  // a busy machine's database may be late: that is a 503, and the sender came again
  if (line.includes("database_unavailable")) continue;
  if (/"level":"error"|Unhandled|threw/.test(line)) found.push(`in the log: ${line.slice(0, 500)}`);
}
agent.destroy();
await stack.close();
rmSync(clusterFolder(dataDir), { recursive: true, force: true });
rmSync(dataDir, { recursive: true, force: true });
const byStatus = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`).join(", ");
process.stdout.write(`${answered} answered in ${Math.round((Date.now() - began) / 1000)} s; ${byStatus}\n`);
if (found.length > 0) {
  process.stdout.write(`Found with "${text}":\n${[...new Set(found)].slice(0, 20).join("\n")}\n`);
  process.exit(1);
}
process.stdout.write("nothing found: no crash, no 5xx, nothing unhandled\n");
process.exit(0);
