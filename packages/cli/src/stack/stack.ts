import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { readSettings, readVendorHosts } from "@trakit/runtime/settings.ts";
import { CliProblem } from "../problem.ts";
import { type Child, type ChildSpec, superviseChild } from "./child.ts";
import { ensureSecrets, type Environment, stackEnvironment, wantedPorts } from "./defaults.ts";
import { migrateDatabase } from "./migrate.ts";
import { DATA_DIR, ROOT } from "./paths.ts";
import { PART_NAMES, type PartName, partSpec } from "./parts.ts";
import { claimPorts, type PortName, type Ports } from "./ports.ts";
import { clearLeftovers, createCluster, postgresSpec } from "./postgres.ts";
import { postgresPlace } from "./postgres-place.ts";
import { type Reporter, SILENT } from "./reporter.ts";
import { checkLogins } from "./roles.ts";
import { announce, beginAnew, settleEarlierRun, withdraw } from "./running.ts";
import { seedDemo } from "./seed.ts";

export type ProcessName = PartName | "postgres";

export interface StackOptions {
  /** Settings; default the process's environment. Only TRAKIT_, SHOPIFY_ and SUPABASE_ variables are looked at. */
  environment?: Environment;
  /** Overrides settings and defaults; 0 = any free port. */
  ports?: Partial<Ports>;
  /** Where database, logs and generated secrets are kept; default `.trakit` in the repository. */
  dataDir?: string;
  /** Folder of the functions; default the repository's. */
  functionsDir?: string;
  /** Delete what an earlier run left in `dataDir`. */
  fresh?: boolean;
  /** Which processes besides Postgres; default all. */
  parts?: readonly PartName[];
  /** Set up the demo shop; default true. */
  seed?: boolean;
  /** Default: tells nothing. */
  reporter?: Reporter;
  /** Aborted to give up while starting. */
  signal?: AbortSignal;
}

export interface Stack {
  /** `api` ends with /functions/v1. `database` is the migration role's. */
  urls: { api: string; sandbox: string; shop: string; database: string };
  /** Every setting the processes were given, the commands' too. */
  environment: Record<string, string>;
  dataDir: string;
  /** Process id; null while the process does not run. */
  pid(name: ProcessName): number | null;
  /** Ends a process in order and starts it again; resolves when it is ready. */
  restart(name: ProcessName): Promise<void>;
  /** Ends a process in order; it stays away until restart(). */
  stop(name: ProcessName): Promise<void>;
  /** Signals a process as an accident would: one that dies is started again by itself, after 250 ms growing to 10 s. */
  kill(name: ProcessName, signal: NodeJS.Signals): Promise<void>;
  /** Resolves when a process is ready: at once, or when it is back after an accident. */
  ready(name: ProcessName): Promise<void>;
  /** Ends everything in order, finishing what is in flight. Repeating it is harmless. */
  close(): Promise<void>;
  /** Kills everything at once, without waiting. */
  abandon(): void;
}

/** Waits until the functions say that they are well: the database answers too then. */
async function untilHealthy(api: string, signal: AbortSignal): Promise<void> {
  let last = "no answer";
  for (const until = Date.now() + 30_000; Date.now() < until; await delay(50, undefined, { signal })) {
    try {
      const answer = await fetch(`${api}/health`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      });
      const body = await answer.text();
      if (answer.status === 200 && (JSON.parse(body) as { status?: unknown }).status === "ok") return;
      last = `${answer.status} ${body.slice(0, 300)}`;
    } catch (error) {
      signal.throwIfAborted();
      last = String((error as { cause?: { code?: string } }).cause?.code ?? error);
    }
  }
  throw new CliProblem(
    `${api}/health did not become healthy: ${last}.`,
    "The log of the functions, in .trakit/logs, says more.",
  );
}

/**
 * Starts the local stack and resolves when it takes events. Throws CliProblem (or SettingsError) with one sentence when
 * it cannot; nothing is left running then.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const reporter = options.reporter ?? SILENT;
  const given = options.environment ?? process.env;
  const dataDir = options.dataDir ?? DATA_DIR;
  const parts = options.parts ?? PART_NAMES;
  const signal = options.signal ?? new AbortController().signal;
  const embedded = !given["SUPABASE_DB_URL"];
  if (options.fresh && !embedded) {
    throw new CliProblem(
      "--fresh would leave the database that SUPABASE_DB_URL names as it is, but forget the keys its tokens are sealed with.",
      "Unset SUPABASE_DB_URL for a new database, or drop the schemas trakit, api and supabase_migrations there yourself.",
    );
  }

  mkdirSync(dataDir, { recursive: true });
  await settleEarlierRun(dataDir, reporter.notice);
  const place = embedded ? postgresPlace(dataDir) : null;
  if (place?.notice) reporter.notice(place.notice);
  if (place) await clearLeftovers(place);
  const uses: PortName[] = [
    ...parts.flatMap((part): PortName[] => part === "functions" ? ["api"] : part === "worker" ? [] : [part]),
    ...(embedded ? ["database" as const] : []),
  ];
  const wanted = { ...wantedPorts(given, null), ...options.ports };
  const claimed = await claimPorts(Object.fromEntries(uses.map((name) => [name, wanted[name]])));
  const ports = { ...wanted, ...claimed };
  if (options.fresh) beginAnew(dataDir);
  const logs = join(dataDir, "logs");
  mkdirSync(logs, { recursive: true });
  const { secrets, created: made } = ensureSecrets(dataDir);
  const environment = stackEnvironment(given, ports, secrets, null);
  // every setting is read once here, so that a broken one stops the start with its sentence before anything runs
  readSettings(environment, ["SUPABASE_DB_URL"]);
  readSettings(environment, [
    "TRAKIT_DB_URL",
    "TRAKIT_DB_SESSION_URL",
    "TRAKIT_APP_URL",
    "TRAKIT_ENCRYPTION_KEYS",
    "TRAKIT_OPERATOR_KEY",
    "SHOPIFY_API_KEY",
    "SHOPIFY_API_SECRET",
    "SHOPIFY_API_SECRET_PREVIOUS",
  ]);
  readVendorHosts(environment);
  const urls = {
    api: `http://127.0.0.1:${ports.api}/functions/v1`,
    sandbox: `http://127.0.0.1:${ports.sandbox}`,
    shop: `http://127.0.0.1:${ports.shop}`,
    database: environment["SUPABASE_DB_URL"]!,
  };

  const children = new Map<ProcessName, Child>();
  /** For commands in other terminals, and for the next start should this one be killed. */
  const tellOthers = (): void =>
    announce(dataDir, {
      children: [...children.values()].map((child) => child.pid).filter((pid) => pid !== null),
      ports,
      SUPABASE_DB_URL: environment["SUPABASE_DB_URL"]!,
      TRAKIT_DB_URL: environment["TRAKIT_DB_URL"]!,
      TRAKIT_DB_SESSION_URL: environment["TRAKIT_DB_SESSION_URL"]!,
    });
  const begin = async (spec: ChildSpec, label: string, detail?: string): Promise<void> => {
    signal.throwIfAborted();
    const name = spec.name as ProcessName;
    const child = superviseChild(spec, {
      line: (line) => reporter.line(name, line),
      died: (how, delayMs) =>
        reporter.notice(`The ${name} process ${how}; starting it again in ${delayMs / 1000} s.`),
      revived: () => {
        reporter.notice(`The ${name} process is back.`);
        tellOthers();
      },
    });
    children.set(name, child);
    const done = reporter.step(label);
    await child.start();
    tellOthers();
    done(detail);
  };
  const beginPart = async (name: PartName, label: string, detail?: string): Promise<void> => {
    if (!parts.includes(name)) return;
    const functions = options.functionsDir ?? join(ROOT, "functions");
    await begin(partSpec(name, environment, dataDir, functions), label, detail);
  };
  const abandon = (): void => {
    for (const child of children.values()) child.abandon();
    withdraw(dataDir);
  };
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> =>
    closing ??= (async () => {
      for (const name of [...PART_NAMES, "postgres"] as const) await children.get(name)?.stop();
      withdraw(dataDir);
      process.off("exit", abandon);
    })();
  // whatever ends this process, the others go with it
  process.on("exit", abandon);

  const database = async (): Promise<void> => {
    if (place) {
      const created = reporter.step("New database");
      if (createCluster(place)) created(place.data);
      await begin(
        postgresSpec(place, ports.database, join(logs, "postgres.log")),
        "Postgres 17",
        `port ${ports.database}`,
      );
    }
    const done = reporter.step("Migrations");
    const { applied } = await migrateDatabase(environment);
    await checkLogins(environment);
    done(applied.length > 0 ? `${applied.length} applied` : "up to date");
    if (options.seed === false) return;
    const seeded = reporter.step("Demo shop's data");
    const domain = environment["TRAKIT_SHOP_DOMAIN"]!;
    const { added } = await seedDemo(environment, domain, made);
    seeded(added.length > 0 ? `${domain}: ${added.join(", ")}` : `${domain} is there`);
  };

  try {
    tellOthers();
    await allOrFirstFailure([database(), beginPart("sandbox", "Vendor sandbox", urls.sandbox)]);
    await allOrFirstFailure([
      beginPart("functions", "Functions", urls.api),
      beginPart("worker", "Worker"),
      beginPart("shop", "Demo shop", urls.shop),
    ]);
    if (parts.includes("functions")) {
      const healthy = reporter.step("Health");
      await untilHealthy(urls.api, signal);
      healthy();
    }
    signal.throwIfAborted();
  } catch (error) {
    await close();
    throw error;
  }

  const child = (name: ProcessName): Child => {
    const found = children.get(name);
    if (!found) throw new RangeError(`the stack runs no ${name}`);
    return found;
  };
  return {
    urls,
    environment,
    dataDir,
    pid: (name) => child(name).pid,
    async restart(name) {
      await child(name).stop();
      await child(name).start();
      tellOthers();
    },
    stop: (name) => child(name).stop(),
    kill: (name, sent) => child(name).kill(sent),
    ready: (name) => child(name).ready(),
    close,
    abandon,
  };
}

/** Waits for all of them, so that none goes on starting behind a failure's back; then throws the first failure. */
async function allOrFirstFailure(starts: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(starts)).find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
