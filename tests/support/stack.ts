import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { CliProblem } from "@trakit/cli/problem.ts";
import { clusterFolder } from "@trakit/cli/stack/postgres-place.ts";
import { type Stack, startStack } from "@trakit/cli/stack/stack.ts";
import type { Copies, Recorded } from "@trakit/sandbox/vendors/record.ts";
import type { Fault } from "@trakit/sandbox/vendors/faults.ts";
import type { VendorName } from "@trakit/sandbox/vendors/names.ts";

/** The platforms the demo shop sends to: every one TrakIt knows but those its owner has not set up. */
export const DEMO_VENDORS = [
  "meta",
  "tiktok",
  "pinterest",
  "snapchat",
  "google",
] as const satisfies VendorName[];
export type DemoVendor = (typeof DEMO_VENDORS)[number];

export interface PlacedOrder {
  order_id: string;
  order_name: string;
  checkout_token: string;
  event_id: string;
}

export interface TestStack {
  stack: Stack;
  /** Rows of a query of the migration role, which sees every shop. */
  rows<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** What the sandbox was sent, oldest first. */
  requests(): Promise<Recorded[]>;
  /** The events the vendors took, and how often. */
  copies(): Promise<Copies[]>;
  /** null = back to normal. */
  fault(vendor: VendorName, fault: Fault | null): Promise<void>;
  /** Places an order in the demo shop, which sends its webhooks. */
  order(details?: Record<string, unknown>): Promise<PlacedOrder>;
  /** Ends the processes; the data stays. Repeating it is harmless. */
  close(): Promise<void>;
}

/** A folder for a stack's data, and how to remove it with all that Postgres put elsewhere. */
export async function dataFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "trakit-test-stack-"));
  return {
    path,
    async remove() {
      const cluster = clusterFolder(path);
      await rm(cluster, { recursive: true, force: true });
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Starts it; again when another process took a port between its choice and its use. */
async function started(dataDir: string, tries = 3): Promise<Stack> {
  try {
    return await startStack({
      environment: {},
      ports: { api: 0, sandbox: 0, shop: 0, database: 0 },
      dataDir,
      seed: true,
    });
  } catch (error) {
    const taken = error instanceof CliProblem && /EADDRINUSE|in use|could not bind/i.test(error.remedy);
    if (!taken || tries === 1) throw error;
    return await started(dataDir, tries - 1);
  }
}

/**
 * The whole local stack with the demo shop seeded, on free ports, with its data in `dataDir`. Settings of the environment
 * do not reach it: a developer's own database or tokens are no business of a test.
 */
export async function testStack(dataDir: string): Promise<TestStack> {
  const stack = await started(dataDir);
  const pool = new pg.Pool({ connectionString: stack.urls.database, max: 1 });
  // the server is stopped by tests, and says so to idle connections
  pool.on("error", () => {});

  const sandbox = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(`${stack.urls.sandbox}${path}`, init);
    if (!answer.ok) {
      throw new Error(`${init.method ?? "GET"} ${path}: ${answer.status} ${await answer.text()}`);
    }
    return answer;
  };
  return {
    stack,
    rows: async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
      (await pool.query<Row>(sql, [...values])).rows,
    requests: async () => await (await sandbox("/_requests")).json() as Recorded[],
    copies: async () => await (await sandbox("/_events")).json() as Copies[],
    async fault(vendor, fault) {
      await sandbox(
        `/_faults/${vendor}`,
        fault === null ? { method: "DELETE" } : { method: "PUT", body: JSON.stringify(fault) },
      );
    },
    async order(details = {}) {
      const answer = await fetch(`${stack.urls.shop}/_admin/orders`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(details),
      });
      if (answer.status !== 201) {
        throw new Error(`POST /_admin/orders: ${answer.status} ${await answer.text()}`);
      }
      return await answer.json() as PlacedOrder;
    },
    async close() {
      if (!pool.ended) await pool.end();
      await stack.close();
    },
  };
}

/** How long a wait may take, in ms: what only a real fault reaches, however busy the machine is. */
const DEADLINE_MS = 240_000;

/**
 * Looks every 50 ms until `condition` gives something truthy and returns that. After `ms`, which nobody needs to say but
 * who waits for more work than a test usually has, it throws, naming `what` was waited for and, when the condition threw,
 * why it last did.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  ms = DEADLINE_MS,
): Promise<Exclude<T, false | null | undefined | 0 | "">> {
  let last: unknown;
  for (const end = Date.now() + ms;; await delay(50)) {
    try {
      const found = await condition();
      if (found) return found as Exclude<T, false | null | undefined | 0 | "">;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) throw new Error(`Not within ${ms / 1000} s: ${what}`, { cause: last });
  }
}
