import { connect, type Database } from "@trakit/db/connection.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { findShop, type Shop } from "@trakit/db/calls/find-shop.ts";
import { listShops } from "@trakit/db/calls/list-shops.ts";
import type { Io } from "./command.ts";
import { nearest } from "./nearest.ts";
import { CliProblem } from "./problem.ts";
import { commandEnvironment, DEMO_SHOP, type Environment } from "./stack/defaults.ts";
import { DATA_DIR } from "./stack/paths.ts";

/** The settings a command works with: the environment's, and on this machine the local stack's defaults. */
export function settingsOf(io: Io): Environment {
  return commandEnvironment(io.environment, DATA_DIR);
}

/** Runs `work` with a connection of role trakit_worker, and closes it whatever happens. */
export async function withDatabase<T>(
  io: Io,
  work: (db: Database, environment: Environment) => Promise<T>,
): Promise<T> {
  const environment = settingsOf(io);
  const { TRAKIT_DB_SESSION_URL: url } = readSettings(environment, ["TRAKIT_DB_SESSION_URL"]);
  const db = connect({ url, max: 1, applicationName: "trakit-cli" });
  try {
    return await work(db, environment);
  } finally {
    await db.close();
  }
}

/** No shop has this domain: says which one was probably meant. */
export async function noSuchShop(db: Database, domain: string): Promise<CliProblem> {
  const domains = (await listShops(db)).map((shop) => shop.domain);
  const meant = nearest(domain, domains) ?? domains.find((known) => known === `${domain}.myshopify.com`);
  return new CliProblem(
    `There is no shop ${domain}.`,
    meant ? `Did you mean ${meant}?` : `Add it with trakit shop add ${domain}, or see trakit shop list.`,
  );
}

/** The shop of that domain. Throws CliProblem when there is none. */
export async function requireShop(db: Database, domain: string): Promise<Shop> {
  const shop = await findShop(db, domain.toLowerCase());
  if (!shop) throw await noSuchShop(db, domain);
  return shop;
}

/** The domain that was named, else the only shop, else the demo shop. Throws CliProblem when that leaves a choice. */
export async function chosenDomain(db: Database, named: string | undefined): Promise<string> {
  if (named !== undefined) return named.toLowerCase();
  const shops = await listShops(db);
  if (shops.length === 0) {
    throw new CliProblem("There is no shop yet.", "Add one with trakit shop add <domain>.");
  }
  const chosen = shops.length === 1 ? shops[0] : shops.find(({ domain }) => domain === DEMO_SHOP);
  if (chosen) return chosen.domain;
  throw new CliProblem(
    "There are several shops.",
    `Name one: ${shops.slice(0, 10).map(({ domain }) => domain).join(", ")}.`,
  );
}
