import { connect, REQUEST_LIMITS, WORK_LIMITS } from "@trakit/db/connection.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { byFetch, createSend, type Exchange } from "@trakit/runtime/send.ts";
import { readSettings, readVendorHosts } from "@trakit/runtime/settings.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { type PipelineDependencies, pipelineDependencies } from "./coalescing.ts";
import { SEND_TIMEOUT_MS } from "./ports.ts";

/** What a process gives to the wiring: its environment and its ways to the world. */
export interface Platform {
  environment: Record<string, string | undefined>;
  fetch: typeof fetch;
  /** How requests to vendors are made; absent = by `fetch`. */
  exchange?: Exchange;
  now: () => number;
  random: () => number;
  /** Writes one log line. */
  write: (line: string) => void;
}

/** Vendor requests one isolate may have under way: more would only queue in its event loop and in the vendor's. */
const SENDING_SLOTS = 256;
/** Connections of one isolate. The pooler multiplexes; each call holds one for a few ms. */
const CONNECTIONS = 8;

/**
 * Builds what ingest and dispatch need from a process's environment. Throws SettingsError with one sentence that names the
 * setting. Opens no connection yet.
 */
export function wire(
  platform: Platform,
  options: {
    url?: "TRAKIT_DB_URL" | "TRAKIT_DB_SESSION_URL";
    connections?: number;
    applicationName: string;
    /** Vendor requests at once; 0 = what is stored is left to the queue. */
    slots?: number;
  },
): PipelineDependencies {
  const urlName = options.url ?? "TRAKIT_DB_URL";
  const settings = readSettings(platform.environment, [
    urlName,
    "TRAKIT_ENCRYPTION_KEYS",
    "TRAKIT_ALERT_URL",
  ]);
  return pipelineDependencies({
    db: connect({
      url: settings[urlName],
      max: options.connections ?? CONNECTIONS,
      limits: urlName === "TRAKIT_DB_URL" ? REQUEST_LIMITS : WORK_LIMITS,
      applicationName: options.applicationName,
      boundByRls: true,
    }),
    send: createSend(platform.exchange ?? byFetch(platform.fetch), {
      timeoutMs: SEND_TIMEOUT_MS,
      now: platform.now,
    }),
    now: platform.now,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: platform.random,
    keys: settings.TRAKIT_ENCRYPTION_KEYS,
    vendorHosts: readVendorHosts(platform.environment),
    slots: new Slots(options.slots ?? SENDING_SLOTS),
    log: createLogger(platform.write, platform.now),
    alertUrl: settings.TRAKIT_ALERT_URL,
  });
}
