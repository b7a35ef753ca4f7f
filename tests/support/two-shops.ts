import { expect } from "vitest";
import type { TestDatabase } from "./database.ts";
import { at, fromBrowser, fromShopify } from "./captured.ts";
import { newShop, PLATFORMS, sealedToken, type Shop } from "./shop.ts";

/**
 * Two shops with a row in every table, the second with a marker in every column that can hold one: whoever acts for the
 * first and sees a marker has seen what is nobody's business.
 */

/** In every text of shop B. */
export const MARKER = "zzmarkerbzz";
/** Start of every number Postgres gives shop B's rows. */
export const MARKED_NUMBERS = "777000777000";

export interface TwoShops {
  mine: Shop;
  theirs: Shop;
  /** Strings of shop B that no answer to shop A may contain: the marker, its ids and leases. */
  secrets: string[];
  /** Shop B's request for an export. */
  request: string;
  /** All rows of shop B, in a form that changes when any of them does. */
  fingerprint(): Promise<string>;
}

interface Column {
  table_name: string;
  column_name: string;
  kind: "text" | "list" | "json";
}

/** A Shopify customer id of shop A and of shop B. */
export const CUSTOMERS = { mine: "111000111000", theirs: `${MARKED_NUMBERS}009` };

/** A cart with one thing in it. */
export function cartOf(word: string) {
  return {
    token: `${word}-cart`,
    created_at: at(0),
    changed_at: at(3),
    topic: "carts/create",
    lines: [{
      key: word,
      variant_id: word,
      quantity: 1,
      unit_discount: "0",
      event: {
        ...fromShopify("product_added_to_cart").event,
        commerce: { cart_token: `${word}-cart`, items: [{ variant_id: word, quantity: 1, unit_price: "1" }] },
      },
    }],
  };
}

/** Gives a shop something in every table, by the functions that write it, and ends with one delivery being sent. */
async function live(db: TestDatabase, shop: Shop, word: string): Promise<void> {
  const person = {
    identifiers: { visitor_id: `${word}-visitor`, client_id: `${word}-client`, fbp: `fb.1.${word}` },
    digests: { "email.lower": [`${word}-email`], "phone.e164": [`${word}-phone`] },
    commerce: { checkout_token: `${word}-checkout`, cart_token: `${word}-cart`, order_id: `${word}-order` },
    page: { url: `https://${word}.example/`, title: word },
    client: {
      ip: word,
      user_agent: word,
      language: word,
      city: word,
      region: word,
      region_code: word,
      postal_code: word,
      country: "US",
    },
  };
  await shop.ingest([fromBrowser("page_viewed", person), fromBrowser("checkout_completed", person)], {
    refused: { [word]: 2 },
  });
  await shop.ingest([
    fromShopify("order_refunded", { ...person, identifiers: { customer_id: `${word}-customer` } }),
  ], { slots: 2 });
  await shop.settle((await shop.claim("meta", { now: at(1) })).items, {
    kind: "retry",
    reason: word,
    detail: word,
    lane: true,
    delay_ms: 60_000,
    match_keys: [word],
  }, at(2));
  await shop.claim("tiktok", { now: at(3), limit: 1, seconds: 86_400 });
  await db.query("trakit_edge", "select trakit.ingest_cart($1, $2, 0, $3)", [
    shop.domain,
    JSON.stringify(cartOf(word)),
    at(3),
  ]);
  // under the id of an event that is known, signed by a session whose event it is not
  const known = fromBrowser("search_submitted", { event_id: `${word}-search` });
  await shop.ingest([known]);
  await db.query("trakit_edge", "select trakit.ingest_browser_events($1, $2, 0, '{}', $3, '[]', $4)", [
    shop.domain,
    JSON.stringify([{ ...known, session: "0".repeat(32), digest: word }]),
    JSON.stringify({ prefix: word, origin: null, events: 1, consent: null }),
    at(3),
  ]);
  await db.query("trakit_edge", "select trakit.quarantine_webhook($1, $2, $3, $4, $5, $6, $7)", [
    shop.domain,
    word,
    `${word}-webhook`,
    word,
    [word],
    sealedToken(word),
    at(0),
  ]);
  await db.query(
    "postgres",
    `insert into trakit.visitor_aliases select v.shop_id, v.id + 100, v.id, v.created_at from trakit.visitors v
     where v.shop_id = $1 order by v.id limit 1`,
    [shop.id],
  );
  await db.query(
    "postgres",
    `insert into trakit.replays (shop_id, since, until, states, force, created_at, at_captured, finished_at)
     values ($1, $2, $3, '{failed}', false, $2, $2, $3)`,
    [shop.id, at(0), at(60)],
  );
  const customer = word === MARKER ? CUSTOMERS.theirs : CUSTOMERS.mine;
  await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
    shop.domain,
    JSON.stringify({
      customer_id: customer,
      digests: person.digests,
      email_opt_in: word,
      email_opt_in_at: at(0),
    }),
    at(0),
  ]);
  await db.query("trakit_edge", "select trakit.request_privacy($1, 'export', $2, $3, $4, $4)", [
    shop.domain,
    `${word}-request`,
    JSON.stringify({ customers: [customer], emails: [`${word}-email`], phones: [], orders: [] }),
    at(0),
  ]);
  await db.query("trakit_edge", "select trakit.note_lookup($1, $2, $3, $3)", [shop.domain, word, at(0)]);
  await db.query(
    "postgres",
    `insert into trakit.order_readings (shop_id, order_id, asked_at, counted, due_at, trouble)
     values ($1, '1', $2, false, $2, $3)`,
    [shop.id, at(0), word],
  );
  await db.query("trakit_edge", "select trakit.begin_reconciliation($1, $2)", [shop.domain, at(0)]);
  await db.query("trakit_edge", "select trakit.compare_orders($1, $2, null, $3, p_now => $4)", [
    shop.domain,
    JSON.stringify([{ id: `${word}-order`, at: at(0) }]),
    word,
    at(0),
  ]);
  await db.query(
    "postgres",
    `insert into trakit.destination_grants (destination_id, shop_id, access_expires_at, sealed_renewal, renew_at, trouble,
       troubled_at, granted_at, updated_at)
     values ($1, $2, $3::timestamptz + interval '1 hour', $4, $3, null, null, $3, $3),
       ($5, $2, $3::timestamptz + interval '1 hour', $4, $3, 'reconnect', $3, $3, $3)`,
    [shop.lanes["meta"], shop.id, at(0), sealedToken(word), shop.lanes["tiktok"]],
  );
  await db.query(
    "postgres",
    "insert into trakit.sealed_settings (destination_id, shop_id, name, sealed) values ($1, $2, $3, $4)",
    [shop.lanes["meta"], shop.id, word, sealedToken(word)],
  );
  await db.query(
    "postgres",
    `insert into trakit.connections (shop_id, platform, state_digest, expires_at, created_at)
     values ($1, 'meta', encode(sha256($2::bytea), 'hex'), $3::timestamptz + interval '10 minutes', $3)`,
    [shop.id, word, at(0)],
  );
  await db.query(
    "postgres",
    `insert into trakit.installations (shop_id, sealed_access, access_expires_at, created_at, updated_at)
     values ($1, $2, $3, $3, $3)`,
    [shop.id, sealedToken(word), at(0)],
  );
}

export async function twoShops(db: TestDatabase): Promise<TwoShops> {
  const mine = await newShop(db, { domain: "mine.myshopify.com", platforms: PLATFORMS });
  await live(db, mine, "mine");

  await db.query("postgres", "select setval('trakit.event_row_seq', $1)", [Number(`${MARKED_NUMBERS}001`)]);
  for (const table of ["visitors", "quarantine"]) {
    await db.query(
      "postgres",
      `alter table trakit.${table} alter column id restart with ${MARKED_NUMBERS}001`,
    );
  }
  const theirs = await newShop(db, { domain: `${MARKER}.myshopify.com`, platforms: PLATFORMS });
  for (const platform of PLATFORMS) {
    await theirs.set(platform, { token: sealedToken(MARKER), testCode: MARKER });
  }
  await live(db, theirs, MARKER);
  // what comes later is shop A's again
  await db.query("postgres", "select setval('trakit.event_row_seq', 1000000)");
  for (const table of ["visitors", "quarantine"]) {
    await db.query("postgres", `alter table trakit.${table} alter column id restart with 1000000`);
  }

  const tables = await db.query<{ name: string }>(
    "postgres",
    `select c.relname as name from pg_class c where c.relkind in ('r', 'p') and not c.relispartition
     and c.relnamespace = 'trakit'::regnamespace and (c.relname = 'shops' or exists (
       select from pg_attribute a where a.attrelid = c.oid and a.attname = 'shop_id')) order by 1`,
  );
  const mark = async (column: Column) => {
    const value = {
      text: `'${MARKER}'`,
      list: `array['${MARKER}']`,
      json:
        `case when jsonb_typeof(${column.column_name}) = 'array' then ${column.column_name} || '["${MARKER}"]'
        else coalesce(${column.column_name}, '{}') || '{"${MARKER}": "${MARKER}"}' end`,
    }[column.kind];
    const where = column.table_name === "shops" ? "id" : "shop_id";
    try {
      await db.query(
        "postgres",
        `update trakit.${column.table_name} set ${column.column_name} = ${value}
         where ${where} = $1 and ${column.column_name} is not null and ${column.column_name}::text not like '%${MARKER}%'`,
        [theirs.id],
      );
    } catch (error) {
      // a closed set of values, a key others point at, or one row's own: it holds no marker, its row has others
      if (!/^(23|22)/.test((error as { code?: string }).code ?? "")) throw error;
    }
  };
  const columns = await db.query<Column>(
    "postgres",
    `select table_name, column_name,
       case data_type when 'text' then 'text' when 'ARRAY' then 'list' when 'jsonb' then 'json' end as kind
     from information_schema.columns
     where table_schema = 'trakit' and table_name = any ($1) and data_type in ('text', 'ARRAY', 'jsonb') and is_generated = 'NEVER'`,
    [tables.map((table) => table.name)],
  );
  for (const column of columns) await mark(column);

  const rows = async (table: string, shop: Shop) =>
    (await db.query<{ row: string }>(
      "postgres",
      `select to_jsonb(t)::text as row from trakit.${table} t where ${
        table === "shops" ? "id" : "shop_id"
      } = $1 order by 1`,
      [shop.id],
    )).map((row) => row.row);
  for (const { name } of tables) {
    if ((await rows(name, mine)).length === 0 || (await rows(name, theirs)).length === 0) {
      throw new Error(
        `trakit.${name} has no row of one of the two shops: let tests/support/two-shops.ts write one.`,
      );
    }
  }
  const leases = await db.query<{ lease: string }>(
    "postgres",
    "select distinct lease::text from trakit.deliveries where shop_id = $1 and lease is not null",
    [theirs.id],
  );
  const [request] = await db.query<{ id: string }>(
    "postgres",
    "select id from trakit.privacy_requests where shop_id = $1",
    [theirs.id],
  );
  return {
    mine,
    theirs,
    request: request!.id,
    secrets: [
      MARKER,
      MARKED_NUMBERS,
      theirs.id,
      ...Object.values(theirs.lanes),
      ...leases.map((row) => row.lease),
    ],
    async fingerprint() {
      const all: string[] = [];
      for (const { name } of tables) all.push(...(await rows(name, theirs)).map((row) => `${name} ${row}`));
      return all.join("\n");
    },
  };
}

/** Fails where an answer holds one of the strings nobody but shop B may see. */
export function expectNothingOf(secrets: string[], answer: unknown, door: string) {
  const text = typeof answer === "string" ? answer : JSON.stringify(answer) ?? "";
  for (const secret of secrets) {
    if (text.includes(secret)) {
      expect.fail(
        `${door} shows ${secret}: …${text.slice(Math.max(0, text.indexOf(secret) - 80)).slice(0, 200)}…`,
      );
    }
  }
}
