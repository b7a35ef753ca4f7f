import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { shopifyWorld } from "@trakit/pipeline/shopify/wiring.ts";
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
  vendorHosts: readVendorHosts(environment),
  oauthClients: readOAuthClients(environment, PLATFORMS),
  adminUrl: settings.TRAKIT_ADMIN_URL,
  jwtSecret: settings.TRAKIT_JWT_SECRET,
}));
