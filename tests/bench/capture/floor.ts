// The floor: the least a server can do for a purchase that must be stored before it is answered and sent to five vendors.
// A bare Deno server: HMAC over the raw body, four digests, one event and five deliveries in one statement, five posts,
// one update. No validation, no duplicate check, no visitor, no tenant isolation, no retry.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import pg from "pg";

const secret = Deno.env.get("SHOPIFY_API_SECRET")!;
const vendors = Deno.env.get("BENCH_VENDORS_URL")!;
const pool = new pg.Pool({ connectionString: Deno.env.get("BENCH_FLOOR_DB_URL")!, max: 8 });
const paths = [
  "/v25.0/1/events",
  "/open_api/v1.3/event/track/",
  "/v5/ad_accounts/1/events",
  "/v3/1/events",
  "/mp/collect",
];
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const pending = new Set<Promise<unknown>>();

const INSERT = `
  with event as (insert into floor.events (event_id, payload) values ($1, $2::jsonb) returning id)
  insert into floor.deliveries (event_id, platform) select event.id, p from event, generate_series(1, 5) p returning event_id`;

async function deliver(id: string, event: Record<string, unknown>): Promise<void> {
  const body = JSON.stringify({ data: [event] });
  await Promise.all(paths.map(async (path) => {
    const answer = await fetch(vendors + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    await answer.text();
  }));
  await pool.query(
    "update floor.deliveries set state = 'delivered', settled_at = now() where event_id = $1",
    [id],
  );
}

Deno.serve({
  port: Number(Deno.env.get("BENCH_FLOOR_PORT")),
  hostname: "127.0.0.1",
  onListen: () => console.log(JSON.stringify({ ready: true })),
}, async (request) => {
  const raw = new Uint8Array(await request.arrayBuffer());
  const given = Buffer.from(request.headers.get("x-shopify-hmac-sha256") ?? "", "base64");
  const expected = createHmac("sha256", secret).update(raw).digest();
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return new Response(null, { status: 401 });
  }
  const order = JSON.parse(new TextDecoder().decode(raw));
  const event = {
    event_name: "Purchase",
    event_id: order.checkout_token,
    value: order.total_price,
    currency: order.currency,
    em: sha256(order.email),
    ph: sha256(order.billing_address.phone),
    fn: sha256(order.billing_address.first_name),
    ln: sha256(order.billing_address.last_name),
  };
  const { rows } = await pool.query(INSERT, [event.event_id, JSON.stringify(event)]);
  const work = deliver(rows[0].event_id, event).finally(() => pending.delete(work));
  pending.add(work);
  return new Response("{}", { status: 200, headers: { "content-type": "application/json" } });
});
