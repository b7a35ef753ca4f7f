import { connect, REQUEST_LIMITS, WORK_LIMITS } from "@trakit/db/connection.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { createShopifyApp } from "@trakit/runtime/shopify-app.ts";
import type { InstallWorld } from "./installation.ts";
import type { Platform } from "../wiring.ts";

/** Connections of one isolate: merchants are few. */
const CONNECTIONS = 3;

/** Builds what installation and admin need of the world from a process's environment. Throws SettingsError. */
export function shopifyWorld(
  platform: Platform,
  options: { url?: "TRAKIT_DB_URL" | "TRAKIT_DB_SESSION_URL"; applicationName: string },
): InstallWorld {
  const urlName = options.url ?? "TRAKIT_DB_URL";
  const settings = readSettings(platform.environment, [
    urlName,
    "TRAKIT_ENCRYPTION_KEYS",
    "TRAKIT_APP_URL",
    "SHOPIFY_API_KEY",
    "SHOPIFY_API_SECRET",
    "SHOPIFY_API_SECRET_PREVIOUS",
    "SHOPIFY_ADMIN_API_URL",
  ]);
  return {
    db: connect({
      url: settings[urlName],
      max: CONNECTIONS,
      limits: urlName === "TRAKIT_DB_URL" ? REQUEST_LIMITS : WORK_LIMITS,
      applicationName: options.applicationName,
      boundByRls: true,
    }),
    shopify: createShopifyApp({
      apiKey: settings.SHOPIFY_API_KEY,
      secrets: [settings.SHOPIFY_API_SECRET, settings.SHOPIFY_API_SECRET_PREVIOUS].filter((one) =>
        one !== undefined
      ),
      appUrl: settings.TRAKIT_APP_URL,
      fetch: platform.fetch,
      now: platform.now,
      adminApiUrl: settings.SHOPIFY_ADMIN_API_URL,
    }),
    keys: settings.TRAKIT_ENCRYPTION_KEYS,
    log: createLogger(platform.write, platform.now),
    appUrl: settings.TRAKIT_APP_URL,
    now: platform.now,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}
