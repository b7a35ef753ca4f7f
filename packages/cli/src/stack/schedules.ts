import { createHash } from "node:crypto";
import type { Database } from "@trakit/db/connection.ts";
import { drainKey } from "@trakit/runtime/operator-key.ts";

/** What pg_cron runs. `seconds` is used where the extension knows seconds (1.5 and newer), `minutes` where not. */
const SCHEDULES = [
  {
    name: "trakit-wake-lanes",
    seconds: "10 seconds",
    minutes: "* * * * *",
    command: "select trakit.wake_lanes()",
  },
  { name: "trakit-replays", minutes: "* * * * *", command: "select trakit.run_replays()" },
  { name: "trakit-expire", minutes: "* * * * *", command: "select trakit.expire_deliveries(50000)" },
  { name: "trakit-partitions", minutes: "11 * * * *", command: "select trakit.ensure_partitions()" },
  // a batch each time, and the time between is the pause: up to 1,600 keys a second, 800 where seconds are not known
  {
    name: "trakit-retention",
    seconds: "30 seconds",
    minutes: "* * * * *",
    command: "select trakit.purge(p_limit => 50000)",
  },
  {
    name: "trakit-visitors",
    seconds: "30 seconds",
    minutes: "* * * * *",
    command: "select trakit.purge_visitors(p_limit => 5000)",
  },
  {
    name: "trakit-cron-log",
    minutes: "41 * * * *",
    // pg_cron keeps every run for ever
    command: "delete from cron.job_run_details where end_time < now() - interval '1 day'",
  },
] as const;

export interface Scheduled {
  /** Seconds between two looks of pg_cron at the queue; null = no pg_cron here: workers look themselves. */
  every_seconds: number | null;
  /** Whether pg_cron can call the drain function when no worker lives: pg_net and Vault are there, address and key stored. */
  calls_drain: boolean;
  /** Why not, in a sentence for people. */
  notes: string[];
}

/**
 * Sets up what wakes the queue from inside the database, as far as this database can: pg_cron's schedules, and in Vault the
 * address and key with which pg_net calls the drain function. `owner` is the migration role. Repeating it changes nothing.
 */
export async function makeSchedules(
  owner: Database,
  environment: Record<string, string | undefined>,
): Promise<Scheduled> {
  const notes: string[] = [];
  const version = await extension(owner, "pg_cron");
  let everySeconds: number | null = null;
  if (version === null) {
    notes.push("No pg_cron in this database: the queue is looked after while a worker runs.");
  } else {
    const seconds = knowsSeconds(version);
    for (const one of SCHEDULES) {
      const when = seconds && "seconds" in one ? one.seconds : one.minutes;
      await owner.rows("select cron.schedule($1, $2, $3)", [one.name, when, one.command]);
    }
    everySeconds = seconds ? 10 : 60;
  }
  const callsDrain = version !== null && await storeDrainSecrets(owner, environment, notes);
  await owner.rows("update trakit.queue_clock set cron_seconds = $1, calls_drain = $2", [
    everySeconds,
    callsDrain,
  ]);
  return { every_seconds: everySeconds, calls_drain: callsDrain, notes };
}

/** pg_cron understands "10 seconds" from 1.5 on. */
export function knowsSeconds(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= 5);
}

/** The installed version of an extension, making it where this role may; null = it is not to be had here. */
async function extension(owner: Database, name: string): Promise<string | null> {
  const installed = async () =>
    (await owner.rows<{ version: string }>(
      "select extversion as version from pg_extension where extname = $1",
      [name],
    ))[0]
      ?.version ?? null;
  const there = await installed();
  if (there !== null) return there;
  const [offered] = await owner.rows("select from pg_available_extensions where name = $1", [name]);
  if (!offered) return null;
  try {
    await owner.rows(`create extension if not exists ${name}`);
  } catch {
    // not allowed to, not preloaded, or it lives in another database of this server
    return null;
  }
  return await installed();
}

async function storeDrainSecrets(
  owner: Database,
  environment: Record<string, string | undefined>,
  notes: string[],
): Promise<boolean> {
  const [app, key] = [environment["TRAKIT_APP_URL"], environment["TRAKIT_OPERATOR_KEY"]];
  const [there] = await owner.rows<{ net: boolean; vault: boolean }>(
    `select exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'net' and p.proname = 'http_post') as net,
       to_regclass('vault.decrypted_secrets') is not null as vault`,
  );
  const net = there?.net || await extension(owner, "pg_net") !== null;
  if (!net || !there?.vault) {
    notes.push("No pg_net or no Vault in this database: without a worker nobody drains the queue.");
    return false;
  }
  if (!app || !key) {
    notes.push("TRAKIT_APP_URL and TRAKIT_OPERATOR_KEY are not set: pg_cron cannot call the drain function.");
    return false;
  }
  const secrets = {
    trakit_drain_url: `${app.replace(/(?<!\/)\/+$/, "")}/drain`,
    trakit_drain_key: drainKey(key),
  };
  for (const [name, secret] of Object.entries(secrets)) {
    const [known] = await owner.rows<{ id: string; digest: string }>(
      "select id, encode(sha256(convert_to(decrypted_secret, 'UTF8')), 'hex') as digest from vault.decrypted_secrets where name = $1",
      [name],
    );
    if (!known) {
      await owner.rows("select vault.create_secret($1, $2, $3)", [
        secret,
        name,
        "TrakIt: pg_cron calls drain.",
      ]);
    } else if (known.digest !== createHash("sha256").update(secret).digest("hex")) {
      await owner.rows("select vault.update_secret($1, $2)", [known.id, secret]);
    }
  }
  return true;
}
