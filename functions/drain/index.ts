import { wire } from "@trakit/pipeline/wiring.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { drainHandler } from "./handler.ts";

const environment = Deno.env.toObject();

Deno.serve(drainHandler({
  ...wire(
    { environment, fetch, now: Date.now, random: Math.random, write: console.log },
    { applicationName: "trakit-drain" },
  ),
  operatorKey: readSettings(environment, ["TRAKIT_OPERATOR_KEY"]).TRAKIT_OPERATOR_KEY,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}));
