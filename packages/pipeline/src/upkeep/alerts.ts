import { describeLane, type LaneDescription } from "@trakit/db/calls/describe-lane.ts";
import { type PendingAlert, pendingAlerts } from "@trakit/db/calls/pending-alerts.ts";
import { settleAlerts } from "@trakit/db/calls/settle-alerts.ts";
import { grantAlerts } from "@trakit/db/calls/grant-alerts.ts";
import { settleGrantAlert } from "@trakit/db/calls/settle-grant-alert.ts";
import type { World } from "../ports.ts";

/**
 * What the operator's address gets, as JSON: `{kind, shop, platform, reason, since, expired, text}`. Chat services that
 * take `{"text": …}` show the sentence.
 */
export interface Alert {
  kind: "lane_open" | "lane_held" | "deliveries_expired" | "reconnect_needed";
  shop: string;
  platform: string;
  reason: string | null;
  /** When the lane came into its state, or the connection into trouble. */
  since: string;
  /** Deliveries that expired since the last alert of this lane. */
  expired: number;
  text: string;
}

/** The words of an alert. */
export function alertOf(lane: PendingAlert, { shop, platform, reason }: LaneDescription): Alert {
  const { since, expired } = lane;
  const kind = !lane.in_trouble ? "deliveries_expired" : lane.state === "held" ? "lane_held" : "lane_open";
  const where = `TrakIt: ${platform} of ${shop}`;
  const lost = expired > 0 ? ` ${expired} deliveries expired unsent; trakit replay can send them again.` : "";
  const text = {
    lane_open: `${where} fails (${reason}). Deliveries wait and go out by themselves when it is back.${lost}`,
    lane_held:
      `${where} refuses the token or account (${reason}). Nothing is sent until it is replaced: trakit destination set.${lost}`,
    deliveries_expired: `${where}:${lost}`,
  }[kind];
  return { kind, shop, platform, reason: lane.in_trouble ? reason : null, since, expired, text };
}

/** The alert of a connection that the platform refused to renew. */
export function reconnectAlert(since: string, { shop, platform }: LaneDescription): Alert {
  const text =
    `TrakIt: ${platform} of ${shop} no longer renews its token. Nothing is lost yet: it is held when the token ` +
    "ends. The merchant connects the account again on the app's page.";
  return { kind: "reconnect_needed", shop, platform, reason: "reconnect", since, expired: 0, text };
}

/**
 * Tells the operator's address (`TRAKIT_ALERT_URL`) of lanes that opened or are held, of deliveries that expired, and of
 * connections that a platform refused to renew. What cannot be told now is told at the next call; a call that ends half-way
 * may tell twice. Without an address it does nothing. Returns how many were told. Throws DatabaseUnavailable.
 */
export async function sendAlerts(world: World): Promise<number> {
  if (!world.alertUrl) return 0;
  const now = world.databaseNow?.();
  const untold: { lane: string; alert: (about: LaneDescription) => Alert; settle: () => Promise<void> }[] = [
    ...(await pendingAlerts(world.db, now)).map((one) => ({
      lane: one.lane,
      alert: (about: LaneDescription) => alertOf(one, about),
      settle: () => settleAlerts(world.db, [one], now),
    })),
    ...(await grantAlerts(world.db)).map((one) => ({
      lane: one.destination,
      alert: (about: LaneDescription) => reconnectAlert(one.since, about),
      settle: () => settleGrantAlert(world.db, one, now),
    })),
  ];
  let told = 0;
  for (const { lane, alert, settle } of untold) {
    const described = await describeLane(world.db, lane);
    // gone with its shop meanwhile
    if (!described) continue;
    const sent = await world.send({
      method: "POST",
      url: world.alertUrl,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(alert(described)),
    });
    if (sent.kind !== "answer" || sent.status < 200 || sent.status >= 300) {
      world.log.warn("alert_failed", {
        pending: untold.length - told,
        ...(sent.kind === "answer" ? { status: sent.status } : { reason: sent.reason }),
      });
      return told;
    }
    await settle();
    told++;
  }
  return told;
}
