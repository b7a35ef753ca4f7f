/**
 * Whatever people did in a shop, one who asks to be forgotten is gone, and nobody else is touched: visitors on several
 * browsers that turn out to be one, logins, orders of guests and customers, consents, withdrawals, webhooks nobody could read,
 * and a stranger who types somebody else's address. Every value of a person holds a word that is theirs alone; it is looked for
 * in every column of every table and in what Postgres keeps of them for its plans.
 */
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { quarantineSubject, seal } from "@trakit/runtime/seal.ts";
import { at, fromBrowser, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { dumpLines } from "../../support/dump.ts";
import { persons } from "../../support/person.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();
const { request, work } = persons(db);

/** As in tests/support/pipeline.ts, with which `work` opens seals. */
const RING = [{ id: "k1", key: new Uint8Array(32).fill(7) }];

const hex = (text: string) => createHash("sha256").update(text).digest("hex");

/** Who asks (0), two others, and one who types the first one's address (3). */
const PEOPLE = 4;
const BROWSERS = 2;
type Did =
  | { did: "visit" | "login" | "checkout"; who: number; browser: number }
  | { did: "fold" | "cart" | "told" | "quarantine" | "broken"; who: number }
  | { did: "order"; who: number; browser: number | null; customer: boolean; consent: boolean }
  | { did: "withdraw"; who: number; browser: number; both: boolean }
  | { did: "types"; as: "order" | "form"; own: boolean }
  | { did: "analyze" };

const who = fc.constantFrom(0, 0, 0, 1, 2, 3);
const browser = fc.nat(BROWSERS - 1);
const step: fc.Arbitrary<Did> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      did: fc.constantFrom("visit" as const, "login" as const, "checkout" as const),
      who,
      browser,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      did: fc.constantFrom(
        "fold" as const,
        "cart" as const,
        "told" as const,
        "quarantine" as const,
        "broken" as const,
      ),
      who,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      did: fc.constant("order" as const),
      who,
      browser: fc.option(browser),
      customer: fc.boolean(),
      consent: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ did: fc.constant("withdraw" as const), who, browser, both: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      did: fc.constant("types" as const),
      as: fc.constantFrom("order" as const, "form" as const),
      own: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ did: fc.constant("analyze" as const) }) },
);

/** People of one history. `word` is in every value of theirs. */
function people(run: string) {
  return Array.from({ length: PEOPLE }, (_, index) => {
    const word = `w${run}p${index}`;
    const email = `${word}@example.com`;
    const phone = `+1718${String(parseInt(run.slice(0, 5), 16) % 100_000).padStart(5, "0")}${index}`;
    const customer = `7${String(parseInt(run, 16)).padStart(10, "0").slice(-10)}${index}`;
    return {
      word,
      customer,
      email,
      digests: {
        "email.lower": [hex(email)],
        "phone.e164": [hex(phone)],
        "first_name.lower": [hex(`${word}name`)],
      },
      /** Shopify's: what it lists in a request. */
      orders: [] as string[],
      /** Ids of the events that are theirs. */
      own: new Set<string>(),
      clears: [word, customer, hex(email), hex(phone)],
    };
  });
}
type Who = ReturnType<typeof people>[number];

class History {
  time = -20 * HOUR;
  made = 0;
  readonly shop: Shop;
  readonly all: Who[];
  constructor(shop: Shop, all: Who[]) {
    this.shop = shop;
    this.all = all;
  }

  private next(word: string, what: string): string {
    return `${word}${what}${++this.made}`;
  }

  private from(one: Who, browser: number, login = false) {
    return {
      identifiers: {
        visitor_id: `${one.word}visitor${browser}`,
        client_id: `${one.word}client${browser}`,
        fbp: `fb.1.${one.word}${browser}`,
        ...(login ? { customer_id: one.customer } : {}),
      },
      page: { url: `https://shop.example/${one.word}` },
      client: { ip: `${one.word}ip`, user_agent: `${one.word}agent`, country: "US" },
    };
  }

  private tokens(one: Who) {
    return { checkout_token: this.next(one.word, "checkout"), cart_token: this.next(one.word, "cart") };
  }

  private async ingest(one: Who, copy: ReturnType<typeof fromBrowser>) {
    one.own.add(copy.event["event_id"] as string);
    await this.shop.ingest([copy], { now: at(this.time) });
  }

  async order(
    one: Who,
    browser: number | null,
    customer: boolean,
    consent: boolean,
    digests: object = one.digests,
    listed = one,
  ) {
    const tokens = this.tokens(one);
    if (browser !== null) {
      await this.ingest(
        one,
        fromBrowser("checkout_started", { ...this.from(one, browser), commerce: tokens }),
      );
      this.time += 5;
    }
    const order = `${one.customer}${++this.made}`;
    listed.orders.push(order);
    const said = consent
      ? {
        digests,
        identifiers: customer ? { customer_id: one.customer } : {},
        client: { ip: `${one.word}ip` },
      }
      // nothing of the person comes with a refusal, but for the order's figures and ids
      : { consent: { analytics: false, marketing: false } };
    await this.ingest(
      one,
      fromShopify("checkout_completed", {
        ...said,
        commerce: { ...tokens, order_id: order, order_name: `#${order}`, total: "5", currency: "USD" },
      }),
    );
  }

  async take(step: Did): Promise<void> {
    this.time += 60;
    const one = "who" in step ? this.all[step.who]! : this.all[3]!;
    switch (step.did) {
      case "visit":
      case "login":
        return await this.ingest(
          one,
          fromBrowser("page_viewed", this.from(one, step.browser, step.did === "login")),
        );
      case "checkout":
        return await this.ingest(
          one,
          fromBrowser("checkout_started", { ...this.from(one, step.browser), commerce: this.tokens(one) }),
        );
      case "fold": {
        // a browser whose pixel knows the other's id: both turn out to be one
        const { identifiers, ...rest } = this.from(one, 0);
        return await this.ingest(
          one,
          fromBrowser("page_viewed", {
            ...rest,
            identifiers: { ...identifiers, client_id: `${one.word}client1` },
          }),
        );
      }
      case "order":
        return await this.order(one, step.browser, step.customer, step.consent);
      case "types": {
        // the stranger names the first one; sometimes beside an address of their own
        const { "email.lower": [victims] } = this.all[0]!.digests;
        const emails = {
          ...one.digests,
          "email.lower": step.own ? [...one.digests["email.lower"], victims] : [victims],
        };
        if (step.as === "order") return await this.order(one, 0, false, true, emails);
        return await this.ingest(
          one,
          fromBrowser("form_submitted", { ...this.from(one, 1), digests: emails }),
        );
      }
      case "told":
        await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
          this.shop.domain,
          JSON.stringify({ customer_id: one.customer, digests: one.digests, country: "US" }),
          at(this.time),
        ]);
        return;
      case "cart": {
        const { cart_token: cart, checkout_token: checkout } = this.tokens(one);
        await this.ingest(
          one,
          fromBrowser("checkout_started", {
            ...this.from(one, 0),
            commerce: { cart_token: cart, checkout_token: checkout },
          }),
        );
        await db.query(
          "postgres",
          `insert into trakit.carts (shop_id, token, lines, changed_at, expires_at) values ($1, $2, $3, $4, $5)`,
          [
            this.shop.id,
            cart,
            JSON.stringify({ [`${one.word}line`]: 1 }),
            at(this.time),
            at(this.time + 720 * HOUR),
          ],
        );
        return;
      }
      case "quarantine":
      case "broken": {
        const id = this.next("webhook", "");
        const body = JSON.stringify({
          id: 1,
          note: one.word,
          customer: { id: Number(one.customer), email: one.email.toUpperCase() },
        });
        await db.query(
          "trakit_edge",
          "select trakit.quarantine_webhook($1, 'orders/create', $2, 'malformed_json', '{}', $3, $4)",
          [
            this.shop.domain,
            id,
            seal(
              RING,
              step.did === "broken" ? body.slice(0, -2).replace("@", "\\u0040") : body,
              quarantineSubject(this.shop.domain, id),
            ),
            at(this.time),
          ],
        );
        return;
      }
      case "withdraw": {
        const { visitor_id: visitor, client_id: client } = this.from(one, step.browser).identifiers;
        await db.query("trakit_edge", "select trakit.open_session($1, $2, $3, $4)", [
          this.shop.domain,
          JSON.stringify({ keys: { visitor, client }, host: null, refused: {} }),
          JSON.stringify({ prefix: "x", origin: null, consent: { marketing: false, analytics: !step.both } }),
          at(this.time),
        ]);
        return;
      }
      case "analyze":
        await db.query("postgres", "analyze");
    }
  }
}

const lineOf = (row: Record<string, unknown>) => JSON.stringify(row);

/** What Postgres keeps of columns for its plans, which only a superuser sees whole. */
const superuser = new URL(db.url("postgres"));
superuser.username = "supabase_admin";
const catalogue = connect({ url: superuser.href, max: 1 });
afterAll(() => catalogue.close());
const samples = async () =>
  (await catalogue.rows<{ line: string }>("select s::text as line from pg_statistic s", [])).map(({ line }) =>
    line
  );

/** Everything of a shop's that may be a person's, as text, by table. */
async function rowsOf(shop: Shop): Promise<string[]> {
  const tables = await db.query<{ name: string }>(
    "postgres",
    `select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'shop_id'
     where c.relnamespace = 'trakit'::regnamespace and c.relkind = 'r' and not c.relispartition
       and c.relname not in ('shops', 'privacy_requests', 'sender_rates', 'refusals') order by 1`,
  );
  const lines: string[] = [];
  for (
    const name of [
      ...tables.map((table) => table.name),
      "trakit.events",
      "trakit.event_clients",
      "trakit.deliveries",
    ]
  ) {
    const rows = await db.query<{ row: Record<string, unknown> }>(
      "postgres",
      `select to_jsonb(t) as row from ${name} t where t.shop_id = $1`,
      [shop.id],
    );
    for (const { row } of rows) lines.push(`${name} ${lineOf(row)}`);
  }
  return lines;
}

test(
  "a person who asks is found nowhere afterwards, everybody else is as before, and an export holds exactly their own",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25, size: "max" }), async (steps) => {
        const run = randomBytes(5).toString("hex");
        const shop = await newShop(db, { platforms: ["meta"] });
        const history = new History(shop, people(run));
        const [asks, ...others] = history.all as [Who, ...Who[]];
        for (const one of steps) await history.take(one);
        // who asks is somebody Shopify knows, and was logged in with each browser they still have
        for (let at = 0; at < BROWSERS; at++) await history.take({ did: "login", who: 0, browser: at });
        await history.take({ did: "told", who: 0 });

        const subject = {
          customers: [asks.customer],
          emails: asks.digests["email.lower"],
          phones: asks.digests["phone.e164"],
          orders: asks.orders,
        };
        const [{ found }] = await db.query<{ found: { events: { event_id: string }[] } }>(
          "trakit_worker",
          "select api.export_customer($1, p_customer_id => $2, p_orders => $3) as found",
          [shop.domain, asks.customer, asks.orders],
        ) as [{ found: { events: { event_id: string }[] } }];
        const exported = new Set(found.events.map((event) => event.event_id));
        expect([...exported].filter((id) => !asks.own.has(id)), "exported, and not theirs").toEqual([]);
        for (const other of others) expect(JSON.stringify(found)).not.toContain(other.word);
        // what a withdrawal left of an event names nobody any more; every other one of theirs is there
        const named = await db.query<{ event_id: string }>(
          "postgres",
          `select e.event_id from trakit.events e
         where e.shop_id = $1 and position($2 in (to_jsonb(e) || jsonb_build_object('client', (
           select to_jsonb(c) from trakit.event_clients c where c.captured_at = e.captured_at and c.event_row = e.id)))::text) > 0`,
          [shop.id, asks.word],
        );
        expect(
          named.map((event) => event.event_id).filter((id) => !exported.has(id)),
          "theirs, and not exported",
        ).toEqual([]);

        const before = await rowsOf(shop);
        await request(shop, "redact_customer", `history-${run}`, subject, at(HOUR));
        await work(at(2 * HOUR));

        const after = await rowsOf(shop);
        const names = (line: string) => asks.clears.some((clear) => line.includes(clear));
        expect((await dumpLines(db)).filter(names), "left of them").toEqual([]);
        expect((await samples()).filter(names), "left of them in samples").toEqual([]);
        const left = new Set(after);
        for (const line of before.filter((row) => others.some((other) => row.includes(other.word)))) {
          // another's row that named them lost that digest, and nothing else
          const [table, json] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
          const row = JSON.parse(json) as { digests?: Record<string, string[]> };
          if (table === "trakit.events" && names(line)) {
            row.digests = Object.fromEntries(
              Object.entries(row.digests!).map(([form, list]) =>
                [form, list.filter((digest) => !names(digest))] as const
              )
                .filter(([, list]) => list.length > 0),
            );
          }
          expect(left.has(`${table} ${lineOf(row)}`), line).toBe(true);
        }
      }),
      { numRuns: 12 },
    );
  },
  240_000,
);
