import { randomBytes } from "node:crypto";
import { at, type CapturedCopy, DAY, NOON } from "./captured.ts";
import type { Session, TestDatabase } from "./database.ts";
import type { Claimed, ClaimedItem, DeliveryRow, Ingested, LaneRow, Lease } from "./rows.ts";

/** A shop in a test database, and the SQL functions the code calls, with the clock as an argument. */

export interface ShopOptions {
  domain?: string;
  country?: string | null;
  settings?: Record<string, unknown>;
  platforms?: string[];
  /** Platforms set up without a token. */
  tokenless?: string[];
}

/** A sealed token no test opens, in the shape the table demands; `marker` makes it recognisable. */
export function sealedToken(marker = "AAAA"): string {
  return `v1.k1.AAAAAAAAAAAAAAAA.${marker.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`;
}

const DAY_MS = 86_400_000;
export const PLATFORMS = ["google", "meta", "pinterest", "snapchat", "tiktok"];

/** Adds a shop with destinations, and the partitions around NOON. */
export async function newShop(db: TestDatabase, options: ShopOptions = {}) {
  const domain = options.domain ?? `shop-${randomBytes(5).toString("hex")}.myshopify.com`;
  await db.query("trakit_edge", "select trakit.ensure_partitions(20, $1)", [at(-2 * DAY)]);
  const country = options.country === undefined ? "US" : options.country;
  const [added] = await db.query<{ shop: { id: string } }>(
    "trakit_worker",
    "select trakit.add_shop($1, $2, $3, $4) as shop",
    [domain, country, JSON.stringify(options.settings ?? {}), at(-DAY)],
  );
  const id = added!.shop.id;
  const lanes: Record<string, string> = {};

  const set = async (
    platform: string,
    change: {
      token?: string | null;
      now?: Date;
      enabled?: boolean;
      events?: string[] | null;
      purpose?: string;
      maxAgeMs?: number;
      testCode?: string | null;
    } = {},
  ) => {
    const token = change.token === undefined ? sealedToken() : change.token;
    const [row] = await db.query<{ set: { destination_id: string; lane: string } }>(
      "trakit_worker",
      "select trakit.set_destination($1, $2, $3, $4, $5, $6, $7, null, $8) -> 'destination' as set",
      [
        domain,
        platform,
        change.purpose ?? (platform === "google" ? "analytics" : "marketing"),
        change.maxAgeMs ?? (platform === "google" ? 3 * DAY_MS : 7 * DAY_MS),
        JSON.stringify({
          settings: { id: "1" },
          enabled: change.enabled ?? true,
          events: change.events ?? null,
          test_code: change.testCode ?? null,
        }),
        token,
        token === null ? null : "1234",
        change.now ?? at(-DAY),
      ],
    );
    lanes[platform] = row!.set.destination_id;
    return row!.set;
  };
  for (const platform of options.platforms ?? ["meta"]) await set(platform);
  for (const platform of options.tokenless ?? []) await set(platform, { token: null });

  const shop = {
    id,
    domain,
    /** Destination ids by platform. */
    lanes,
    set,
    /** Changes settings of the shop. */
    async change(settings: Record<string, unknown>, now = at(-DAY)) {
      await db.query("trakit_worker", "select trakit.add_shop($1, null, $2, $3)", [
        domain,
        JSON.stringify(settings),
        now,
      ]);
    },
    async ingest(
      copies: CapturedCopy[],
      call: { now?: Date; slots?: number; refused?: Record<string, number>; place?: string; on?: Session } =
        {},
    ): Promise<Ingested> {
      const sql = "select trakit.ingest_events($1, $2, $3, $4, $5, $6) as ingested";
      const values = [
        domain,
        JSON.stringify(copies),
        call.slots ?? 0,
        call.place ?? "proxy",
        JSON.stringify(call.refused ?? {}),
        call.now ?? NOON,
      ];
      const rows = call.on
        ? await call.on.query<{ ingested: Ingested }>(sql, values)
        : await db.query<{ ingested: Ingested }>("trakit_edge", sql, values);
      return rows[0]!.ingested;
    },
    async claim(
      platform: string,
      call: { now?: Date; limit?: number; seconds?: number; on?: Session } = {},
    ): Promise<Claimed> {
      const sql = "select trakit.claim_deliveries($1, $2, $3, $4) as claimed";
      const values = [lanes[platform], call.limit ?? 100, call.seconds ?? 30, call.now ?? NOON];
      const on = call.on ??
        { query: (text: string, given: unknown[]) => db.query("trakit_edge", text, given) };
      const [row] = await on.query(sql, values) as { claimed: Claimed }[];
      const { claimed } = row!;
      const [read] = await on.query("select trakit.read_events($1, $2, $3) as events", [
        id,
        claimed.items.map((item) => item.captured_at),
        claimed.items.map((item) => item.event_row),
      ]) as { events: { event_row: number; event: ClaimedItem["event"] }[] }[];
      const events = new Map(read!.events.map(({ event_row, event }) => [event_row, event]));
      return {
        ...claimed,
        items: claimed.items.map((item) => ({ ...item, event: events.get(item.event_row)! })),
      };
    },
    async settle(
      leases: Lease[],
      outcome: {
        kind: string;
        reason?: string;
        lane?: boolean;
        delay_ms?: number | null;
        detail?: string | null;
        status?: number;
        /** What the request was matched by, for an estimate of 5. */
        match_keys?: string[];
      },
      now = NOON,
    ): Promise<{ settled: number; late: number }> {
      const outcomes = leases.map((lease) => ({
        captured_at: lease.captured_at,
        event_row: lease.event_row,
        destination_id: lease.destination_id,
        lease: lease.lease,
        kind: outcome.kind,
        reason: outcome.reason ?? outcome.kind,
        detail: outcome.detail ?? null,
        status: outcome.status ?? null,
        delay_ms: outcome.delay_ms ?? null,
        lane: outcome.lane ?? false,
        request_ms: 5,
        match_score: outcome.match_keys ? 5 : null,
        match_keys: outcome.match_keys ?? null,
      }));
      const [row] = await db.query<{ result: { settled: number; late: number } }>(
        "trakit_edge",
        "select trakit.settle_deliveries($1, $2, $3) as result",
        [id, JSON.stringify(outcomes), now],
      );
      return row!.result;
    },
    deliveries(): Promise<DeliveryRow[]> {
      return db.query<DeliveryRow>(
        "postgres",
        "select * from trakit.deliveries where shop_id = $1 order by captured_at, event_row, platform",
        [id],
      );
    },
    async delivery(platform = "meta"): Promise<DeliveryRow> {
      const rows = (await shop.deliveries()).filter((row) => row.platform === platform);
      if (rows.length !== 1) throw new Error(`expected one delivery to ${platform}, found ${rows.length}`);
      return rows[0]!;
    },
    events() {
      return db.query<Record<string, Record<string, unknown>> & { event_id: string }>(
        "postgres",
        "select e.*, to_jsonb(c) as client from trakit.events e left join trakit.event_clients c " +
          "on c.captured_at = e.captured_at and c.event_row = e.id where e.shop_id = $1 order by e.captured_at, e.id",
        [id],
      );
    },
    async lane(platform = "meta"): Promise<LaneRow> {
      const rows = await db.query<LaneRow>(
        "postgres",
        "select * from trakit.lanes where destination_id = $1",
        [lanes[platform]],
      );
      return rows[0]!;
    },
    visitors() {
      return db.query<
        { id: string; identifiers: Record<string, string>; consent: Record<string, boolean> | null }
      >(
        "postgres",
        "select * from trakit.visitors where shop_id = $1 order by id",
        [id],
      );
    },
    /** Visitor a key leads to, and how many it has led to. */
    async link(kind: string, key: string) {
      const rows = await db.query<{ visitor_id: string; joined: number }>(
        "postgres",
        "select visitor_id, joined from trakit.visitor_links where shop_id = $1 and kind = $2 and key = $3",
        [id, kind, key],
      );
      return rows[0];
    },
    async expire(now: Date): Promise<number> {
      const [row] = await db.query<{ n: number }>(
        "trakit_edge",
        "select trakit.expire_deliveries(5000, $1) as n",
        [now],
      );
      return row!.n;
    },
    /** Whether a lane of this shop is among the due ones. */
    async due(platform: string, now: Date): Promise<boolean> {
      const rows = await db.query<{ destination_id: string }>(
        "trakit_edge",
        "select * from trakit.due_lanes(1000, $1)",
        [now],
      );
      return rows.some((row) => row.destination_id === lanes[platform]);
    },
  };
  return shop;
}

export type Shop = Awaited<ReturnType<typeof newShop>>;
