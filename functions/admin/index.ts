import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { shopifyWorld } from "@trakit/pipeline/shopify/wiring.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { readOAuthClients, readSettings, readVendorHosts } from "@trakit/runtime/settings.ts";
import { adminHandler } from "./handler.ts";

const environment = Deno.env.toObject();
const settings = readSettings(environment, ["TRAKIT_ADMIN_URL", "TRAKIT_JWT_SECRET"]);

Deno.serve(adminHandler({
  ...shopifyWorld(
    { environment, fetch, now: Date.now, random: Math.random, write: console.log },
    { applicationName: "trakit-admin" },
  ),
  fetch,
  send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: Date.now }),
  vendorHosts: readVendorHosts(environment),
  oauthClients: readOAuthClients(environment, PLATFORMS),
  adminUrl: settings.TRAKIT_ADMIN_URL,
  jwtSecret: settings.TRAKIT_JWT_SECRET,
}));
