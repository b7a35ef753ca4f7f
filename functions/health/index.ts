import { connect, REQUEST_LIMITS } from "@trakit/db/connection.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { VERSION } from "@trakit/runtime/version.ts";
import { healthHandler } from "./handler.ts";

const settings = readSettings(Deno.env.toObject(), ["TRAKIT_DB_URL", "TRAKIT_OPERATOR_KEY"]);

Deno.serve(healthHandler({
  db: connect({
    url: settings.TRAKIT_DB_URL,
    max: 1,
    limits: REQUEST_LIMITS,
    applicationName: "trakit-health",
    boundByRls: true,
  }),
  version: VERSION,
  operatorKey: settings.TRAKIT_OPERATOR_KEY,
  log: createLogger(console.log, Date.now),
  runtime: `deno ${Deno.version.deno}`,
}));
