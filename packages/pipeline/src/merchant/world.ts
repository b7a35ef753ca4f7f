import type { Database } from "@trakit/db/connection.ts";
import type { Logger } from "@trakit/runtime/log.ts";
import type { SendRequest } from "@trakit/runtime/send.ts";
import type { ClientSettings, KeyRing } from "@trakit/runtime/settings.ts";
import type { InstallWorld } from "../shopify/installation.ts";

/** What connecting an account at a platform, and renewing its token, needs of the world. */
export interface ConnectionWorld {
  db: Database;
  /** To the platforms' authorization servers. */
  fetch: typeof fetch;
  /** ms since the epoch. */
  now: () => number;
  /** Passed to SQL as p_now; absent = the database's clock. */
  databaseNow?: () => Date;
  keys: KeyRing;
  log: Logger;
  /** Vendor hosts that stand in for the real ones, by variable name (tests and local stack only). */
  vendorHosts: Record<string, string>;
  /** The operator's OAuth clients by platform. */
  oauthClients: Record<string, ClientSettings>;
}

/** What the merchant's API needs of the world. */
export interface MerchantWorld extends InstallWorld, ConnectionWorld {
  /** To vendors: probes and test events. */
  send: SendRequest;
  /** What PostgREST verifies tokens with; absent = none are given out. */
  jwtSecret?: string | undefined;
}

/** An expected refusal, as the API's problem documents say it. */
export interface Refusal {
  ok: false;
  code: string;
  status: number;
  title: string;
  detail?: string;
  issues?: string[];
}

export function refusal(
  status: number,
  code: string,
  title: string,
  more: { detail?: string; issues?: string[] } = {},
): Refusal {
  return { ok: false, code, status, title, ...more };
}
