import { queueTotals } from "@trakit/db/calls/queue-totals.ts";
import { type QueueWatch, queueWatch, resolutionSeconds } from "@trakit/db/calls/queue-watch.ts";
import { listDestinations } from "@trakit/db/calls/list-destinations.ts";
import { listShops } from "@trakit/db/calls/list-shops.ts";
import { type ShopStatus, shopStatus } from "@trakit/db/calls/shop-status.ts";
import type { Command, Io } from "../command.ts";
import { noSuchShop, withDatabase } from "../database.ts";
import { duration } from "../duration.ts";
import { columns, printable } from "../terminal.ts";
import { describeLane } from "./destination-list.ts";
import { describeShop } from "./shop-add.ts";

/** Shops whose lanes the overview looks at; more would make it slow, and nobody reads them. */
const MOST_SHOPS = 50;

function describeDay(status: ShopStatus, { paint }: Io): string {
  if (status.last_24_hours.length === 0) return "  nothing";
  const colour = { delivered: "green", failed: "red", skipped: "dim", pending: "yellow" } as const;
  return columns(status.last_24_hours.map(({ platform, state, reason, count }) => [
    `  ${platform}`,
    String(count).padStart(7),
    paint(colour[state as keyof typeof colour] ?? "dim", state),
    reason && reason !== "accepted" ? reason : "",
  ]));
}

/** Who sends what waits, in words. */
function describeWatch(watch: QueueWatch, { paint }: Io): string {
  const every = watch.cron_seconds === null ? null : `pg_cron looks every ${watch.cron_seconds} s`;
  if (watch.workers > 0) {
    const workers = watch.workers === 1 ? "1 worker" : `${watch.workers} workers`;
    return [paint("green", workers), every].filter(Boolean).join(", ");
  }
  if (resolutionSeconds(watch) !== null) return `no worker; ${every} and calls the drain function`;
  return paint("red", "nobody: start a worker with npm run worker");
}

function printShop(status: ShopStatus, io: Io): void {
  const { shop } = status;
  io.out(
    `${io.paint("bold", shop.domain)}  ${
      shop.status === "active" ? io.paint("green", "active") : io.paint("yellow", shop.status)
    }`,
  );
  io.out(describeShop(shop));
  io.out(io.paint("bold", "Lanes"));
  io.out(
    status.destinations.length === 0
      ? "  no destination yet"
      : columns(status.destinations.map((row) => [`  ${row.platform}`, describeLane(row, io.paint)])),
  );
  io.out(io.paint("bold", "Last 24 hours"));
  io.out(describeDay(status, io));
  if (status.refusals.length > 0) {
    io.out(io.paint("bold", "Refused in the last 7 days"));
    io.out(
      columns(
        status.refusals.map(({ day, place, reason, count }) => [`  ${day}`, place, reason, String(count)]),
      ),
    );
  }
  if (status.unreadable_orders.length > 0) {
    io.out(io.paint("bold", "Orders at Shopify that cannot be read, tried again every day"));
    io.out(
      columns(
        status.unreadable_orders.map(({ day, order_id, reason }) => [
          `  ${day}`,
          printable(order_id),
          printable(reason),
        ]),
      ),
    );
  }
  if (status.quarantined > 0) {
    io.out(`${status.quarantined} webhooks are in quarantine: trakit quarantine list ${shop.domain}`);
  }
}

export const status: Command = {
  positionals: { min: 0, max: 1 },
  about:
    "Shows what waits in the recovery queue and which lanes have trouble; with a domain, that shop in detail.",
  options: {},
  examples: ["trakit status", "trakit status trakit-demo.myshopify.com"],
  async run({ io, json, positionals }) {
    return await withDatabase(io, async (db) => {
      const queue = await queueTotals(db);
      const watch = await queueWatch(db);
      const domain = positionals[0]?.toLowerCase();
      if (domain !== undefined) {
        const found = await shopStatus(db, domain);
        if (!found) throw await noSuchShop(db, domain);
        if (json) io.out(JSON.stringify({ queue, ...found }));
        else printShop(found, io);
        return 0;
      }
      const shops = await listShops(db);
      const lanes: { domain: string; platform: string; lane: string; reason: string | null; text: string }[] =
        [];
      for (const shop of shops.filter((one) => one.status === "active").slice(0, MOST_SHOPS)) {
        for (const row of await listDestinations(db, shop.domain) ?? []) {
          lanes.push({
            domain: shop.domain,
            platform: row.platform,
            lane: row.lane,
            reason: row.lane_reason,
            text: describeLane(row, io.paint),
          });
        }
      }
      if (json) {
        io.out(
          JSON.stringify({
            queue,
            drained_by: watch,
            shops,
            lanes: lanes.map(({ text: _, ...lane }) => lane),
          }),
        );
        return 0;
      }
      const late = queue.due > 0
        ? `, ${queue.due} due now, the oldest for ${duration(queue.oldest_due_seconds * 1000)}`
        : "";
      io.out(`${io.paint("bold", "Recovery queue")}  ${queue.pending} waiting${late}`);
      io.out(`${io.paint("bold", "Drained by")}      ${describeWatch(watch, io)}`);
      io.out(io.paint("bold", "Lanes"));
      io.out(
        lanes.length === 0
          ? "  no destination yet"
          : columns(lanes.map((lane) => [`  ${lane.domain}`, lane.platform, lane.text])),
      );
      if (shops.length > MOST_SHOPS) {
        io.out(`  … and those of ${shops.length - MOST_SHOPS} more shops; name one to see it.`);
      }
      return 0;
    });
  },
};
