import { shopifyWorld } from "@trakit/pipeline/shopify/wiring.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { installHandler } from "./handler.ts";

const environment = Deno.env.toObject();
const { TRAKIT_ADMIN_URL } = readSettings(environment, ["TRAKIT_ADMIN_URL"]);

Deno.serve(installHandler({
  ...shopifyWorld(
    { environment, fetch, now: Date.now, random: Math.random, write: console.log },
    { applicationName: "trakit-install" },
  ),
  adminUrl: TRAKIT_ADMIN_URL,
}));
