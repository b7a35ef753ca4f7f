import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import { PORT_NAMES, PORTS, type Ports, portSetting } from "./ports.ts";
import { readState, writeState } from "./state-file.ts";

/**
 * The settings of the local stack: every one of docs/deploy.md has a working default here, and a variable of the environment
 * always wins. The commands use the same defaults, so that they find the stack that runs in another terminal.
 */

export type Environment = Record<string, string | undefined>;

/** The shop that `npm start` sets up. */
export const DEMO_SHOP = "trakit-demo.myshopify.com";

/** Secrets of this clone's stack, made once. */
export interface LocalSecrets {
  TRAKIT_ENCRYPTION_KEYS: string;
  TRAKIT_OPERATOR_KEY: string;
  /** Password of both login roles, for a database server that is not this machine's. */
  database_password: string;
}

/** What a running stack tells the commands of another terminal. */
export interface RunningStack {
  pid: number;
  /** How its process was started. */
  command: string;
  /** Process ids of what it runs. */
  children: number[];
  ports: Ports;
  /** Where its database is. */
  SUPABASE_DB_URL: string;
  TRAKIT_DB_URL: string;
  TRAKIT_DB_SESSION_URL: string;
}

export function secretsPath(dataDir: string): string {
  return join(dataDir, "settings.json");
}

export function runningPath(dataDir: string): string {
  return join(dataDir, "stack.json");
}

/** The clone's secrets, or null when `npm start` has not made them yet. */
export function readSecrets(dataDir: string): LocalSecrets | null {
  const found = readState(secretsPath(dataDir)) as Partial<LocalSecrets> | null;
  return found?.TRAKIT_ENCRYPTION_KEYS && found.TRAKIT_OPERATOR_KEY && found.database_password
    ? found as LocalSecrets
    : null;
}

/** The clone's secrets, made now if need be. */
export function ensureSecrets(dataDir: string): { secrets: LocalSecrets; created: boolean } {
  const found = readSecrets(dataDir);
  if (found) return { secrets: found, created: false };
  const secrets: LocalSecrets = {
    TRAKIT_ENCRYPTION_KEYS: `local-${randomBytes(4).toString("hex")}:${randomBytes(32).toString("base64")}`,
    TRAKIT_OPERATOR_KEY: randomBytes(24).toString("base64url"),
    database_password: randomBytes(24).toString("base64url"),
  };
  writeState(secretsPath(dataDir), { ...secrets });
  return { secrets, created: true };
}

/** What the running stack of this data folder wrote; null = none wrote anything. Whether it still runs is another question. */
export function readRunning(dataDir: string): RunningStack | null {
  const found = readState(runningPath(dataDir)) as Partial<RunningStack> | null;
  return found?.pid && found.ports && Array.isArray(found.children) && found.SUPABASE_DB_URL
    ? found as RunningStack
    : null;
}

/** Whether a database address names this machine. */
export function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

/** The same database, logged in as another role. */
function asRole(url: string, role: string, password: string): string {
  if (!URL.canParse(url)) return url;
  const changed = new URL(url);
  changed.username = role;
  changed.password = password;
  return changed.href;
}

/** Ports as the environment, a running stack or nobody says. */
export function wantedPorts(given: Environment, running: RunningStack | null): Ports {
  const ports = {} as Ports;
  for (const name of PORT_NAMES) {
    ports[name] = portSetting(given, name) ?? running?.ports[name] ?? PORTS[name].port;
  }
  return ports;
}

/** Every setting of the local stack, given its ports and secrets. `given` wins where it says something. */
export function stackEnvironment(
  given: Environment,
  ports: Ports,
  secrets: LocalSecrets | null,
  running: RunningStack | null,
): Record<string, string> {
  const follow = given["SUPABASE_DB_URL"] || given["TRAKIT_DB_PORT"] ? null : running;
  const own = given["SUPABASE_DB_URL"] || follow?.SUPABASE_DB_URL;
  const database = own ?? `postgresql://postgres:postgres@127.0.0.1:${ports.database}/postgres`;
  // on the loopback address the password keeps nobody out, and a fixed one lets several stacks share a server
  const password = (role: string): string => isLoopback(database) ? role : secrets?.database_password ?? role;
  const sandbox = `http://127.0.0.1:${ports.sandbox}`;
  const defaults: Record<string, string> = {
    TRAKIT_API_PORT: String(ports.api),
    TRAKIT_DB_PORT: String(ports.database),
    TRAKIT_SANDBOX_PORT: String(ports.sandbox),
    TRAKIT_SHOP_PORT: String(ports.shop),
    TRAKIT_SHOP_DOMAIN: DEMO_SHOP,
    SUPABASE_DB_URL: database,
    TRAKIT_DB_URL: asRole(database, "trakit_edge", password("trakit_edge")),
    TRAKIT_DB_SESSION_URL: asRole(database, "trakit_worker", password("trakit_worker")),
    TRAKIT_APP_URL: `http://127.0.0.1:${ports.api}/functions/v1`,
    TRAKIT_ADMIN_URL: `http://127.0.0.1:${ports.api}/admin`,
    SHOPIFY_ADMIN_API_URL: `http://127.0.0.1:${ports.shop}/_shopify`,
    SHOPIFY_API_KEY: "trakit-local-api-key",
    SHOPIFY_API_SECRET: "trakit-local-api-secret",
    ...Object.fromEntries(Object.values(DESTINATIONS).map(({ baseUrlSetting }) => [baseUrlSetting, sandbox])),
    // the sandbox's authorization servers know these
    ...Object.fromEntries(
      Object.values(DESTINATIONS).filter(({ oauth }) => oauth).flatMap(({ platform }) => [
        [`TRAKIT_${platform.toUpperCase()}_CLIENT_ID`, `trakit-local-${platform}`],
        [`TRAKIT_${platform.toUpperCase()}_CLIENT_SECRET`, `trakit-local-${platform}-secret`],
      ]),
    ),
    ...(secrets
      ? {
        TRAKIT_ENCRYPTION_KEYS: secrets.TRAKIT_ENCRYPTION_KEYS,
        TRAKIT_OPERATOR_KEY: secrets.TRAKIT_OPERATOR_KEY,
      }
      : {}),
  };
  const result = { ...defaults };
  if (follow) {
    result["TRAKIT_DB_URL"] = follow.TRAKIT_DB_URL;
    result["TRAKIT_DB_SESSION_URL"] = follow.TRAKIT_DB_SESSION_URL;
  }
  for (const [name, value] of Object.entries(given)) {
    // ports were read from it already; 0 stood for a free one
    if (
      value && /^(TRAKIT|SHOPIFY|SUPABASE)_/.test(name) && !/^TRAKIT_(API|DB|SANDBOX|SHOP)_PORT$/.test(name)
    ) result[name] = value;
  }
  return result;
}

/**
 * The settings of a command. A database elsewhere than on this machine is not the local stack's: then the environment
 * counts alone, lest a token for production be sealed with this clone's key or sent to the sandbox.
 */
export function commandEnvironment(given: Environment, dataDir: string): Environment {
  const named = ["TRAKIT_DB_SESSION_URL", "TRAKIT_DB_URL", "SUPABASE_DB_URL"].map((name) => given[name])
    .filter(Boolean);
  if (named.some((url) => !isLoopback(url!))) return { ...given };
  const running = readRunning(dataDir);
  return { ...given, ...stackEnvironment(given, wantedPorts(given, running), readSecrets(dataDir), running) };
}
