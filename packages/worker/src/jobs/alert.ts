import { sendAlerts } from "@trakit/pipeline/upkeep/alerts.ts";
import type { Job } from "../job.ts";

/** Tells the operator of lanes in trouble and of deliveries that expired, where TRAKIT_ALERT_URL is set. */
export const alertJob: Job = {
  queue: "alert",
  about: "tells the operator of lanes in trouble and of deliveries that expired",
  atOnce: 1,
  retries: 0,
  timeoutSeconds: 300,
  every: "* * * * *",
  async run({ deps }) {
    const told = await sendAlerts(deps);
    if (told > 0) deps.log.info("alerted", { alerts: told });
  },
};
