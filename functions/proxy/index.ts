import { wire } from "@trakit/pipeline/wiring.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { SCRIPTS } from "@trakit/storefront/built/scripts.ts";
import { proxyHandler } from "./handler.ts";

declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void };

const environment = Deno.env.toObject();
const settings = readSettings(environment, [
  "SHOPIFY_API_SECRET",
  "SHOPIFY_API_SECRET_PREVIOUS",
  "TRAKIT_GATEWAY_HEADERS",
]);
const secrets = [settings.SHOPIFY_API_SECRET, settings.SHOPIFY_API_SECRET_PREVIOUS].filter((secret) =>
  secret !== undefined
);

Deno.serve(proxyHandler({
  ...wire(
    { environment, fetch, now: Date.now, random: Math.random, write: console.log },
    { applicationName: "trakit-proxy" },
  ),
  secrets,
  gatewayHeaders: settings.TRAKIT_GATEWAY_HEADERS ?? [],
  waitUntil: (promise) => EdgeRuntime.waitUntil(promise),
  chance: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  scripts: SCRIPTS,
}));
