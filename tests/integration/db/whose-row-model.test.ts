import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { quarantineSubject, seal } from "@trakit/runtime/seal.ts";
import { at, type CapturedCopy, fromBrowser, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import {
  aHappening,
  CONSENTS,
  devicesOf,
  forget,
  type Happening,
  hex,
  type Name,
  NAMES,
  oneWith,
  type Row,
  rowsOf,
  tokensOf,
  wordsOf,
  type World,
  worldOf,
} from "../../support/whose-row-model.ts";
import { KEYS, persons } from "../../support/person.ts";
import { testQueue } from "../../support/queue.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/**
 * After any history of visitors, folds, logins, consents, withdrawals and orders of several people, one of whom types the others'
 * addresses: a person's redaction leaves nothing of theirs in any column, and everybody else's rows as they were but for that
 * digest; and their export is exactly what it deletes.
 */
const db = await testDatabase();
const { linesWith, request, work } = persons(db);
const boss = await testQueue(db);
afterAll(() => boss.stop({ graceful: false }));

let runs = 0;

async function play(shop: Shop, world: World, happenings: Happening[]): Promise<void> {
  let now = 0;
  const edge = (sql: string, ...values: unknown[]) => db.query("trakit_edge", sql, values);

  /** Hands a browser's or Shopify's copy in, and notes whose row it is. */
  async function ingest(copy: CapturedCopy, row: Omit<Row, "eventId" | "gone">): Promise<void> {
    await shop.ingest([copy], { now: at(now) });
    world.rows.push({ ...row, eventId: copy.event["event_id"] as string, gone: false });
  }

  for (const [place, one] of happenings.entries()) {
    now += 60;
    const device = world.devices.get(`${one.who} ${one.device}`)!;
    const who = world.people.get(one.who)!;
    const whose = world.people.get(one.whose)!;
    const consent = CONSENTS[one.consent];
    const refused = one.consent === "no";
    const said = (value: string) => `${device.word}.said.${value}`;
    const cart = `${device.word}.cart.`;
    const checkout = `${device.word}.checkout${place}.`;

    /** A browser's event. What is refused never gets here (packages/shopify/src/browser.ts). */
    const browser = async (name: string, tokens: string[], more: object, login = false) => {
      const loggedIn = login || device.loggedIn;
      const copy = fromBrowser(name, {
        commerce: {
          ...(tokens.includes(cart) ? { cart_token: cart } : {}),
          ...(tokens.includes(checkout) ? { checkout_token: checkout } : {}),
        },
        ...(refused ? { client: {} } : {
          identifiers: {
            visitor_id: said("visitor"),
            client_id: said("client"),
            ga_client_id: said("ga"),
            ...(one.consent === "no marketing" ? {} : { fbp: said("fbp") }),
            ...(login ? { customer_id: who.customer } : {}),
          },
          page: { url: said("page") },
          client: { ip: said("ip"), user_agent: said("agent"), country: "US" },
          ...more,
        }),
        consent,
      });
      if (!refused) {
        Object.assign(device, { known: true, loggedIn });
        for (const token of tokens) device.tokens.add(token);
      }
      await ingest(copy, {
        device: refused ? null : device,
        customer: !refused && loggedIn ? one.who : null,
        order: null,
        tokens,
      });
    };

    switch (one.what) {
      case "visit":
        await browser("page_viewed", [], {});
        break;
      case "log in":
        await browser("page_viewed", [], {}, true);
        break;
      case "type":
        await browser("lead_submitted", [], { digests: whose.digests() });
        break;
      case "add to cart":
        await browser("product_added_to_cart", [cart], {});
        break;
      case "begin checkout":
        await browser("checkout_started", [cart, checkout], { digests: whose.digests() });
        break;
      case "order":
      case "report order": {
        // under whose customer it goes, the typed address decides
        const order = { id: `${8_000_000_000_000 + world.run * 1000 + place}`, of: one.whose };
        const tokens = [cart, checkout];
        if (one.what === "report order") {
          // the browser's own copy comes first
          await browser("checkout_completed", tokens, { digests: whose.digests() });
          const reported = world.rows.at(-1)!;
          await shop.ingest([
            fromShopify("checkout_completed", {
              event_id: reported.eventId,
              identifiers: refused ? {} : { customer_id: whose.customer },
              digests: refused ? {} : whose.digests(),
              commerce: { order_id: order.id, cart_token: cart, checkout_token: checkout, total: "5" },
              consent: refused ? consent : {},
            }),
          ], { now: at(now + 1) });
          reported.order = order;
          // whose order it is, Shopify says, whoever was logged in
          if (!refused) reported.customer = one.whose;
          break;
        }
        const joined = !refused && device.known && device.tokens.has(cart) ? device : null;
        await ingest(
          fromShopify("checkout_completed", {
            identifiers: refused ? {} : { customer_id: whose.customer },
            digests: refused ? {} : whose.digests(),
            commerce: { order_id: order.id, cart_token: cart, checkout_token: checkout, total: "5" },
            client: refused ? {} : { ip: `${whose.word}.order`, country: "US" },
            consent,
          }),
          { device: joined, customer: refused ? null : one.whose, order, tokens },
        );
        break;
      }
      case "refund": {
        const of = world.rows.filter((row) => row.order).at(-1);
        if (!of) break;
        await ingest(fromShopify("order_refunded", { commerce: { order_id: of.order!.id, total: "1" } }), {
          device: of.device,
          customer: of.customer,
          order: of.order,
          tokens: [],
        });
        break;
      }
      case "tell customer":
        await edge("select trakit.learn_customer($1, $2, $3)", shop.domain, {
          customer_id: who.customer,
          digests: who.digests(),
          country: "US",
        }, at(now));
        break;
      case "withdraw":
      case "withdraw marketing": {
        const all = one.what === "withdraw";
        await edge(
          "select trakit.open_session($1, $2, $3, $4)",
          shop.domain,
          {
            keys: { visitor: said("visitor") },
            host: null,
            refused: {},
          },
          { prefix: device.word, origin: null, events: 1, consent: CONSENTS[all ? "no" : "no marketing"] },
          at(now),
        );
        if (all && device.known) forget(world, oneWith(world, device));
        break;
      }
      case "quarantine": {
        const id = `${world.run}-${place}-${one.who}`;
        const body = [
          `{"email": "${who.email}`,
          `{"customer_id": ${who.customer},`,
          `tel ${who.phone}!`,
        ][place % 3]!;
        await edge(
          "select trakit.quarantine_webhook($1, 'orders/create', $2, 'malformed_json', '{}', $3, $4)",
          shop.domain,
          id,
          seal(KEYS, body, quarantineSubject(shop.domain, id)),
          at(now),
        );
        break;
      }
      case "job":
        await edge(
          "select trakit.enqueue_jobs('drain', $1)",
          JSON.stringify([{
            data: { about: [{ customer: who.customer }] },
            key: `${world.run}-${place}`,
          }]),
        );
        break;
      case "cart webhook":
        await db.query(
          "postgres",
          `insert into trakit.carts values ($1, $2, '{}', $3, $3) on conflict (shop_id, token) do nothing`,
          [shop.id, cart, at(now)],
        );
    }
  }
}

/** All rows of a shop, as text, by table. */
async function tables(shop: Shop): Promise<Map<string, string[]>> {
  const names = await db.query<{ name: string }>(
    "postgres",
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'shop_id'
     where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'trakit'::regnamespace
       and c.relname not in ('privacy_requests', 'events') order by 1`,
  );
  const all = new Map<string, string[]>();
  for (const { name } of names) {
    const rows = await db.query<{ row: string }>(
      "postgres",
      `select to_jsonb(t)::text as row from trakit.${name} t where t.shop_id = $1 order by 1`,
      [shop.id],
    );
    all.set(name, rows.map(({ row }) => row));
  }
  return all;
}

async function redactOne(shop: Shop, world: World, name: Name): Promise<void> {
  const person = world.people.get(name)!;
  const own = new Set(rowsOf(world, name).map((row) => row.eventId));
  const words = wordsOf(world, name);
  const tokens = tokensOf(world, name);
  const browsers = devicesOf(world, name);
  const subject = {
    customers: [person.customer],
    emails: [hex(person.email)],
    phones: [hex(person.phone)],
    orders: [...new Set(world.rows.filter((row) => row.order?.of === name).map((row) => row.order!.id))],
  };

  const [row] = await db.query<{ r: { events: { event_id: string; visitor_id: unknown }[] } }>(
    "trakit_worker",
    "select api.export_customer($1, $2, $3, $4, $5) as r",
    [shop.domain, person.customer, person.email, person.phone, subject.orders],
  );
  expect(row!.r.events.map((event) => event.event_id).sort()).toEqual([...own].sort());
  // of others it holds only what the person typed themselves, and no key to anything of theirs
  for (const other of world.devices.values()) {
    if (other.person === name) continue;
    if (!browsers.includes(other)) expect(JSON.stringify(row!.r)).not.toContain(`${other.word}.said`);
    for (const token of other.tokens) {
      if (!tokens.has(token)) expect(JSON.stringify(row!.r)).not.toContain(token);
    }
  }

  const [events, before] = [await shop.events(), await tables(shop)];
  await request(shop, "redact_customer", `redact-${name}`, subject, at(HOUR));
  expect(await work(at(2 * HOUR))).toBe(1);
  const [left, after] = [await shop.events(), await tables(shop)];

  const found = await linesWith(words);
  expect(words.filter((word) => found.some((line) => line.includes(word))), `left of ${name}: ${found[0]}`)
    .toEqual([]);
  expect(left.map((event) => event.event_id)).toEqual(
    events.map((event) => event.event_id).filter((id) => !own.has(id)),
  );
  const typed = new Set(Object.values(person.digests()).flat());
  for (const event of left) {
    const was = events.find((one) => one.event_id === event.event_id)!;
    const digests = Object.fromEntries(
      Object.entries(was["digests"] as Record<string, string[]>)
        .map(([form, values]) => [form, values.filter((value) => !typed.has(value))] as const)
        .filter(([, values]) => values.length > 0),
    );
    const commerce = Object.fromEntries(
      Object.entries(was["commerce"]!).filter(([, value]) => !tokens.has(value as string)),
    );
    const placed = world.rows.find((one) => one.eventId === event.event_id)!;
    const inTheirBrowser = was["visitor_id"] !== null && event["visitor_id"] === null;
    if (inTheirBrowser) {
      // only another customer's order may be, and it stays that customer's
      expect(placed.order?.of).not.toBe(name);
      expect(event).toMatchObject({ digests, page: {}, consent: was["consent"] });
      expect(event["commerce"]).toEqual(commerce);
    } else {
      expect(event).toEqual({ ...was, digests, commerce, token: event["token"] });
    }
  }

  // nothing of anybody else went: what is missing was about the person, or of a row of theirs
  const rowIds = new Set(
    events.filter((event) => own.has(event.event_id)).map((event) => String(event["id"])),
  );
  const visitorIds = new Set(
    before.get("visitors")!.filter((text) => !after.get("visitors")!.includes(text))
      .map((text) => String(JSON.parse(text).id)),
  );
  for (const [table, rows] of before) {
    for (const text of rows.filter((one) => !after.get(table)!.includes(one))) {
      const gone = JSON.parse(text) as Record<string, unknown>;
      const about = rowIds.has(String(gone["event_row"])) ||
        ["visitors", "visitor_links", "visitor_aliases"].includes(table) &&
          [gone["id"], gone["visitor_id"], gone["became"]].some((id) => visitorIds.has(String(id))) ||
        [...tokens].some((token) => text.includes(token)) || text.includes(person.customer) ||
        table === "quarantine" && String(gone["webhook_id"]).endsWith(name) ||
        // the browser's part of another customer's order
        table === "event_clients" &&
          left.some((event) =>
            String(event["id"]) === String(gone["event_row"]) && event["visitor_id"] === null
          );
      expect(about, `${table}: ${text}`).toBe(true);
    }
  }
  expect(
    after.get("quarantine")!.filter((text) => String(JSON.parse(text).webhook_id).endsWith(name)),
  ).toEqual([]);

  for (const one of world.rows) one.gone ||= own.has(one.eventId);
  const forgotten = [...world.devices.values()].filter((device) =>
    device.known &&
    !after.get("visitor_links")!.some((text) => text.includes(`"${device.word}.said.visitor"`))
  );
  forget({ ...world, rows: world.rows.filter((one) => !one.gone) }, forgotten);
  for (const device of world.devices.values()) for (const token of tokens) device.tokens.delete(token);
}

test("whatever happened before, a redaction leaves nothing of the person and all of the others, and an export is what it deletes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(aHappening, { minLength: 25, maxLength: 50, size: "max" }),
      fc.shuffledSubarray([...NAMES], { minLength: 1, maxLength: 2 }),
      async (happenings, names) => {
        const world = worldOf(runs++);
        const shop = await newShop(db, { settings: { unknown_consent: "send" } });
        await play(shop, world, happenings);
        await db.query("postgres", "analyze");
        for (const name of names) {
          const words = wordsOf(world, name);
          await redactOne(shop, world, name);
          const noted = await db.query<{ text: string }>(
            "postgres",
            "select s::text as text from pg_stats s",
          );
          expect(noted.filter(({ text }) => words.some((word) => text.includes(word)))).toEqual([]);
        }
      },
    ),
    // a history takes a second: making it smaller would take longer than looking at it
    { numRuns: 15, endOnFailure: true },
  );
});
