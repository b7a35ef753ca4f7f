import { spawnSync } from "node:child_process";
import process from "node:process";
import { connect, type Database } from "@trakit/db/connection.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import { readSettings, readVendorHosts, type SettingName } from "@trakit/runtime/settings.ts";
import { type Environment, isLoopback } from "./stack/defaults.ts";
import { appliedMigrations, editedMigrations, localMigrations } from "./stack/migration-files.ts";
import { denoBinary } from "./stack/paths.ts";
import { LOGINS, roleProblem } from "./stack/roles.ts";

/** What one check found. `remedy` says what to do; null when all is well. */
export interface Finding {
  check: string;
  ok: boolean;
  detail: string;
  remedy: string | null;
}

const fine = (check: string, detail: string): Finding => ({ check, ok: true, detail, remedy: null });
const wrong = (check: string, detail: string, remedy: string): Finding => ({
  check,
  ok: false,
  detail,
  remedy,
});

/** Why a call failed, in few words and without its data. */
function why(error: unknown): string {
  const { name, code, cause, message } = error as {
    name?: string;
    code?: string;
    message?: string;
    cause?: { code?: string; message?: string };
  };
  if (name === "TimeoutError") return "no answer in time";
  return code ?? cause?.code ?? cause?.message ?? message ?? "unknown";
}

export function checkRuntimes(): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const node = major > 23 || (major === 22 && minor >= 18) || (major === 23 && minor >= 6)
    ? fine("node", process.versions.node)
    : wrong("node", process.versions.node, "Use Node 22.18 or newer: npm ci brings one, npm run uses it.");
  let version: string | null = null;
  try {
    version =
      /^deno (\S+)/.exec(spawnSync(denoBinary(), ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1] ??
        null;
  } catch {
    // reported below: not installed
  }
  const deno = version?.startsWith("2.1.")
    ? fine("deno", version)
    : wrong("deno", version ?? "not installed", "Run npm ci: edge functions run on Deno 2.1.");
  return [node, deno];
}

const SETTINGS: SettingName[] = [
  "TRAKIT_DB_URL",
  "TRAKIT_DB_SESSION_URL",
  "TRAKIT_ENCRYPTION_KEYS",
  "TRAKIT_OPERATOR_KEY",
  "SHOPIFY_API_KEY",
  "SHOPIFY_API_SECRET",
  "TRAKIT_APP_URL",
];

export function checkSettings(environment: Environment): Finding {
  const problems: string[] = [];
  for (
    const read of [
      ...SETTINGS.map((name) => () => readSettings(environment, [name])),
      () => readVendorHosts(environment),
    ]
  ) {
    try {
      read();
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems.length === 0 ? fine("settings", `${SETTINGS.length} are well-formed`) : wrong(
    "settings",
    problems.join(" "),
    "Set it in the environment; locally, npm start once gives every setting a default.",
  );
}

async function checkLogin(setting: string, url: string, expected: string): Promise<Finding> {
  const db = connect({ url, max: 1, applicationName: "trakit-doctor" });
  try {
    const problem = await roleProblem(db);
    return problem
      ? wrong(setting, problem, `Let it log in as ${expected}, which trakit migrate sets up.`)
      : fine(setting, `logs in as ${new URL(url).username}, bound by row-level security`);
  } catch (error) {
    return wrong(
      setting,
      `cannot log in (${why(error)})`,
      "Start the local stack with npm start, run trakit migrate, or correct the address.",
    );
  } finally {
    await db.close();
  }
}

async function checkMigrations(environment: Environment, db: Database): Promise<Finding> {
  const url = environment["SUPABASE_DB_URL"];
  const local = localMigrations();
  if (!url) {
    const [row] = await db.rows<{ there: boolean }>("select to_regnamespace('trakit') is not null as there");
    return row?.there
      ? fine("migrations", "schema trakit is there; SUPABASE_DB_URL is needed to say more")
      : wrong("migrations", "schema trakit is missing", "Run trakit migrate with SUPABASE_DB_URL.");
  }
  const owner = connect({ url, max: 1, applicationName: "trakit-doctor" });
  try {
    const applied = await appliedMigrations(owner);
    const edited = editedMigrations(local, applied);
    if (edited.length > 0) {
      return wrong(
        "migrations",
        `${edited.join(", ")} was edited after it ran`,
        "Put the file back, or begin anew.",
      );
    }
    const ran = new Set(applied.map(({ version }) => version));
    const missing = local.filter(({ version }) => !ran.has(version));
    return missing.length === 0
      ? fine("migrations", `all ${local.length} applied`)
      : wrong("migrations", `${missing.length} of ${local.length} are missing`, "Run trakit migrate.");
  } finally {
    await owner.close();
  }
}

async function checkPartitions(db: Database): Promise<Finding> {
  const [row] = await db.rows<{ days: number }>(
    `select count(*)::integer as days from generate_series(0, 7) day
     where (select count(*) from unnest(array['events', 'event_clients', 'deliveries']) parent
       where to_regclass('trakit.' || parent || to_char((now() at time zone 'utc')::date + day, '_YYYYMMDD')) is not null) = 3`,
  );
  const days = row?.days ?? 0;
  return days === 8 ? fine("partitions", "a week ahead") : wrong(
    "partitions",
    `${days} of today and the next 7 days have theirs`,
    "Run trakit migrate; a running worker makes them by itself.",
  );
}

/** Logins, migrations, partitions. */
export async function checkDatabase(environment: Environment): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { setting, role } of LOGINS) {
    const url = environment[setting];
    if (!url || !URL.canParse(url)) {
      findings.push(wrong(setting, "missing or malformed", "Set it to a postgresql:// address."));
    } else findings.push(await checkLogin(setting, url, role));
  }
  const url = environment["TRAKIT_DB_SESSION_URL"];
  if (!url || findings.some(({ check, ok }) => check === "TRAKIT_DB_SESSION_URL" && !ok)) return findings;
  const db = connect({ url, max: 1, applicationName: "trakit-doctor" });
  try {
    for (
      const [check, look] of [["migrations", () => checkMigrations(environment, db)], [
        "partitions",
        () => checkPartitions(db),
      ]] as const
    ) {
      findings.push(
        await look().catch((error: unknown) =>
          wrong(
            check,
            `could not be checked (${why(error)})`,
            "Check SUPABASE_DB_URL, then run trakit migrate.",
          )
        ),
      );
    }
  } finally {
    await db.close();
  }
  return findings;
}

export async function checkFunctions(environment: Environment): Promise<Finding> {
  const base = environment["TRAKIT_APP_URL"]?.replace(/(?<!\/)\/+$/, "");
  if (!base || !URL.canParse(base)) {
    return wrong(
      "functions",
      "TRAKIT_APP_URL is missing or malformed",
      "Set it to the functions' address, …/functions/v1.",
    );
  }
  const remedy = isLoopback(base)
    ? "Start the local stack with npm start."
    : "Look at the function's log in the Supabase dashboard.";
  try {
    const answer = await fetch(`${base}/health`, { signal: AbortSignal.timeout(5_000) });
    const body = await answer.json() as { status?: unknown; version?: unknown };
    return answer.ok && body.status === "ok"
      ? fine("functions", `${base}/health says ok, version ${body.version}`)
      : wrong("functions", `${base}/health answers ${answer.status}, status ${String(body.status)}`, remedy);
  } catch (error) {
    return wrong("functions", `${base}/health: ${why(error)}`, remedy);
  }
}

/** Whether each vendor's host answers at all. Nothing is sent but a request for its front page. */
export async function checkVendors(environment: Environment): Promise<Finding[]> {
  let hosts: Record<string, string> = {};
  try {
    hosts = readVendorHosts(environment);
  } catch {
    // the settings check names what is wrong
  }
  return await Promise.all(
    Object.values(DESTINATIONS).map(async ({ platform, baseUrl, baseUrlSetting }) => {
      const base = hosts[baseUrlSetting] ?? baseUrl;
      try {
        await fetch(base, { method: "HEAD", redirect: "manual", signal: AbortSignal.timeout(5_000) });
        return fine(platform, `${base} answers`);
      } catch (error) {
        return wrong(
          platform,
          `${base}: ${why(error)}`,
          isLoopback(base)
            ? "Start the local stack with npm start."
            : "Check that this machine may reach it; until then its deliveries wait.",
        );
      }
    }),
  );
}
