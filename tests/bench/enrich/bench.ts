import process from "node:process";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import pg from "pg";
import { makeTemplate, startPostgres, TEMPLATE, withDatabase } from "@trakit/tooling/postgres-server.ts";

const SEALED = "v1.k1.AAAAAAAAAAAAAAAA.AAAA";

/** `npm run bench -- enrich`; see README.md beside this file. */
export async function bench(options: string[]): Promise<void> {
  const { values } = parseArgs({
    args: options,
    options: {
      customers: { type: "string", default: "100000" },
      links: { type: "string", default: "1000000" },
      events: { type: "string", default: "3000" },
      rounds: { type: "string", default: "5" },
    },
  });
  const [customers, links, events, rounds] = [values.customers, values.links, values.events, values.rounds]
    .map(Number) as [
      number,
      number,
      number,
      number,
    ];
  const server = await startPostgres();
  try {
    await makeTemplate(server.url);
    const owner = await connected(withDatabase(server.url, TEMPLATE));
    const edge = await connected(withDatabase(server.url, TEMPLATE, "trakit_edge"));
    const worker = await connected(withDatabase(server.url, TEMPLATE, "trakit_worker"));
    await edge.query("select trakit.ensure_partitions(3)");
    const shops: Record<string, string> = {};
    for (const name of ["enriched", "bare"]) {
      const { rows } = await worker.query<{ shop: { id: string } }>(
        "select trakit.add_shop($1, 'US') as shop",
        [
          `${name}.myshopify.com`,
        ],
      );
      shops[name] = rows[0]!.shop.id;
      await worker.query(
        "select trakit.set_destination($1, 'meta', 'marketing', 604800000, '{\"settings\": {\"id\": \"1\"}}', $2, 'AAAA')",
        [`${name}.myshopify.com`, SEALED],
      );
      await fill(owner, shops[name]!, name === "enriched", customers, links);
    }
    await owner.query("vacuum analyze");

    const durations: Record<string, number[]> = { enriched: [], bare: [] };
    for (let round = 0; round <= rounds; round++) {
      for (const name of round % 2 === 0 ? ["enriched", "bare"] : ["bare", "enriched"]) {
        for (let i = 0; i < events / rounds; i++) {
          const call = [
            `${name}.myshopify.com`,
            JSON.stringify([viewed(1 + Math.floor(Math.random() * customers))]),
          ];
          const start = performance.now();
          const { rows } = await edge.query<
            { r: { results: { commerce?: { customer_orders?: number } }[] } }
          >(
            "select trakit.ingest_events($1, $2::jsonb, 6, 'proxy') as r",
            call,
          );
          const ms = performance.now() - start;
          const known = rows[0]!.r.results[0]!.commerce?.customer_orders !== undefined;
          if (known !== (name === "enriched")) {
            throw new Error(`${name}: the customer is ${known ? "" : "not "}known`);
          }
          // the first round warms caches and plans
          if (round > 0) durations[name]!.push(ms);
        }
      }
    }
    const rows = Object.entries(durations).map(([name, all]) => ({
      name,
      p50: at(all, 0.5),
      p99: at(all, 0.99),
    }));
    const ratio = rows[0]!.p50 / rows[1]!.p50;
    process.stdout.write(
      `${customers} customers, ${links} links a shop, ${durations["bare"]!.length} events each\n`,
    );
    for (const { name, p50, p99 } of rows) {
      process.stdout.write(`${name.padEnd(9)} p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms\n`);
    }
    process.stdout.write(`enriched ÷ bare: ${ratio.toFixed(2)} (at most 1.3)\n`);
    if (ratio > 1.3) process.exitCode = 1;
    await Promise.all([owner, edge, worker].map((client) => client.end()));
  } finally {
    await server.stop(false);
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Visitors 1…n, their links, and, where asked, the customer behind each. */
async function fill(
  owner: pg.Client,
  shop: string,
  known: boolean,
  customers: number,
  links: number,
): Promise<void> {
  await owner.query(
    `with made as (
       insert into trakit.visitors (shop_id, identifiers, created_at, last_seen_at)
       select $1, jsonb_build_object('fbp', 'fb.1.1793000000000.' || n)
         || case when $2 then jsonb_build_object('customer_id', n::text) else '{}' end, now(), now()
       from generate_series(1, $3::int) n
       returning id
     ), numbered as (select id, row_number() over (order by id) as n from made)
     insert into trakit.visitor_links (shop_id, kind, key, visitor_id, created_at)
     select $1, k.kind, k.kind || '-' || v.n || '-' || k.i, v.id, now()
     from numbered v cross join lateral (
       select 'visitor' as kind, 0 as i
       union all select (array['checkout', 'cart'])[1 + i % 2], i
         from generate_series(1, greatest($4::int / $3::int - 1, 0)) i
     ) k`,
    [shop, known, customers, links],
  );
  if (!known) return;
  await owner.query(
    `insert into trakit.customers (shop_id, customer_id, digests, orders, spent, currency, known_at, created_at, updated_at)
     select $1, n::text, jsonb_build_object('email.lower', jsonb_build_array(md5(n::text) || md5('e' || n)),
         'email.gmail', jsonb_build_array(md5(n::text) || md5('g' || n)), 'phone.e164', jsonb_build_array(md5('p' || n) || md5('q' || n)),
         'phone.digits', jsonb_build_array(md5('d' || n) || md5('q' || n)), 'first_name.lower', jsonb_build_array(md5('f' || n) || md5('q' || n)),
         'last_name.lower', jsonb_build_array(md5('l' || n) || md5('q' || n)), 'postal.alnum', jsonb_build_array(md5('z' || n) || md5('q' || n))),
       n % 7, n % 1000, 'USD', now() - interval '1 day', now(), now()
     from generate_series(1, $2::int) n`,
    [shop, customers],
  );
}

function viewed(visitor: number) {
  const id = randomBytes(16).toString("hex");
  return {
    event: {
      name: "page_viewed",
      event_id: id,
      occurred_at: new Date().toISOString(),
      source: "browser",
      channel: "web",
      test: false,
      page: { url: "https://shop.example/products/mug", title: "Mug" },
      commerce: {},
      identifiers: { visitor_id: `visitor-${visitor}-0` },
      digests: {},
      consent: { analytics: true, marketing: true },
      client: { ip: "203.0.113.9", user_agent: "Mozilla/5.0", country: "US" },
    },
    keys: [`event:page_viewed:${id}`],
    topic: null,
    signed: true,
  };
}

function at(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
