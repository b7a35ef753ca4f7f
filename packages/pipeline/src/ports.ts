import type { Database } from "@trakit/db/connection.ts";
import type { Logger } from "@trakit/runtime/log.ts";
import type { SendRequest } from "@trakit/runtime/send.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";
import type { Slots } from "@trakit/runtime/slots.ts";

/** What ingest and dispatch need of the world; every one of them can be a test's. */
export interface World {
  db: Database;
  /** To vendors and to the operator's address. */
  send: SendRequest;
  /** ms since the epoch. */
  now: () => number;
  /** ms of a clock nobody sets; absent = the process's. Leases are measured with it. */
  monotonic?: () => number;
  /** Lets ms pass. */
  pause: (ms: number) => Promise<void>;
  /** In [0, 1). */
  random: () => number;
  keys: KeyRing;
  /** Vendor hosts that stand in for the real ones, by variable name (tests and local stack only). */
  vendorHosts: Record<string, string>;
  slots: Slots;
  log: Logger;
  /** Where the operator is told of trouble; absent = nowhere. */
  alertUrl?: string | undefined;
  /** Passed to SQL as p_now; absent = the database's clock. Tests move it. */
  databaseNow?: () => Date;
}

/** One vendor request may take this long, in ms: past it a slow vendor would hold a slot others need. */
export const SEND_TIMEOUT_MS = 5_000;
/** A lease outlives the slowest send by far, so that it runs out only when its holder died. */
export const LEASE_SECONDS = 30;

/** Time on the clock that leases are measured with, in ms: one that no operator and no time server sets. */
export function leaseClock(world: World): number {
  return (world.monotonic ?? (() => performance.now()))();
}
