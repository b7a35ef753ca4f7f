import { shopifyWorld } from "@trakit/pipeline/shopify/wiring.ts";
import { wire } from "@trakit/pipeline/wiring.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { drainHandler } from "./handler.ts";

const environment = Deno.env.toObject();
const platform = { environment, fetch, now: Date.now, random: Math.random, write: console.log };

Deno.serve(drainHandler({
  ...wire(platform, { applicationName: "trakit-drain" }),
  shopify: environment["SHOPIFY_API_KEY"]
    ? shopifyWorld(platform, { applicationName: "trakit-drain-shopify" })
    : null,
  operatorKey: readSettings(environment, ["TRAKIT_OPERATOR_KEY"]).TRAKIT_OPERATOR_KEY,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}));
