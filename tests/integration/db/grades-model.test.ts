import fc from "fast-check";
import { expect, test } from "vitest";
import { at } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import {
  addressOf,
  aHappening,
  type Allowed,
  checkoutOf,
  customerOf,
  type Happened,
  type Happening,
  model,
  PEOPLE,
  type Person,
  toldOf,
  valuesOf,
} from "../../support/grades-model.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/**
 * Whatever people and a stranger do, in any order: what leaves TrakIt about somebody came from their own browser, from their own
 * record at Shopify, or with that very order (docs/architecture.md, "Identity").
 */
const db = await testDatabase();

/** A refund is of its order, and has what that has. */
const rowOf = ({ copy: { event } }: Happened) =>
  event["name"] === "order_refunded"
    ? `completed-${checkoutOf((event["commerce"] as { order_id: string }).order_id)}`
    : event["event_id"] as string;

function mayHold(all: Allowed[], value: string): boolean {
  return all.some(({ said, added }) => said.has(value) || added.some((whose) => value.startsWith(whose)));
}

/** Fails where an event holds what no copy of it may bring; a registration's copies, which an address joined, never mix. */
function expectOwn(name: string, all: Allowed[], values: string[], visitor: string | null): void {
  const copies = name === "customer_registered" ? all.map((one) => [one]) : [all];
  const fits = copies.some((some) =>
    values.every((value) => mayHold(some, value)) &&
    (visitor === null || some.some(({ visitors }) => visitors.has(visitor as Person)))
  );
  const detail = { name, values, visitor, may: all.map(({ said, added }) => ({ said: [...said], added })) };
  expect(fits, JSON.stringify(detail, null, 1)).toBe(true);
}

async function play(shop: Shop, happenings: Happening[]): Promise<void> {
  const copyOf = model();
  const copies = new Map<string, Allowed[]>();
  let call: Happened[] = [];
  let now = 0;

  const handIn = async () => {
    if (call.length === 0) return;
    for (const one of call) copies.set(rowOf(one), [...copies.get(rowOf(one)) ?? [], one.allowed]);
    const answer = await shop.ingest(call.map(({ copy }) => copy), { now: at(now), slots: 5 });
    answer.results.forEach((result, index) => {
      const one = call[index]!;
      const all = copies.get(rowOf(one))!;
      expectOwn(one.copy.event["name"] as string, all, valuesOf(result.event ?? result), null);
    });
    // a browser is given back what it said, and what is known of the person its own ids lead to
    const said = new Set(call.flatMap(({ copy }) => valuesOf(copy.event)));
    for (const value of Object.values(answer.visitor ?? {})) {
      expect(said.has(value) || call.some(({ allowed }) => allowed.restored === value[0]), value).toBe(true);
    }
    call = [];
  };

  for (const one of happenings) {
    now += 40;
    const owner = one.device[0] as Person;
    const happened = copyOf(one);
    const first = call[0]?.copy.event;
    const follows = happened && first && one.together && happened.copy.event["source"] === first["source"] &&
      // a browser speaks for itself only
      (first["source"] === "webhook" || JSON.stringify(first["identifiers"]).includes(`${one.device}.`));
    if (!follows) await handIn();
    if (happened) call.push(happened);
    if (one.what === "Shopify: customer told") {
      await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
        shop.domain,
        JSON.stringify({ customer_id: customerOf(owner), digests: toldOf(owner), country: "US" }),
        at(now),
      ]);
    }
    if (one.what === "opens a session") {
      const keys = {
        visitor: `${one.device}.visitor`,
        ...(one.loggedIn ? { customer: customerOf(owner) } : {}),
      };
      const [row] = await db.query<{ r: { visitor: Record<string, string> } }>(
        "trakit_edge",
        "select trakit.open_session($1, $2, $3, $4) as r",
        [
          shop.domain,
          JSON.stringify({ keys, host: null, refused: {} }),
          JSON.stringify({ prefix: one.device, origin: null, events: 1, consent: one.consent }),
          at(now),
        ],
      );
      for (const value of Object.values(row!.r.visitor)) expect(value[0]).toBe(owner);
    }
  }
  await handIn();

  // what is kept, and what a destination is given of it
  const rows = await db.query<
    {
      name: string;
      event_id: string;
      order_id: string;
      identifiers: object;
      digests: object;
      whose: string[];
    }
  >(
    "postgres",
    `select e.name, e.event_id, e.commerce ->> 'order_id' as order_id, e.identifiers, e.digests, array(
       select distinct left(x.value, 1) from (
         select i.value from trakit.visitors v cross join lateral jsonb_each_text(v.identifiers) i
         where v.shop_id = e.shop_id and v.id = e.visitor_id
         union all
         select l.key from trakit.visitor_links l
         where l.shop_id = e.shop_id and l.visitor_id = e.visitor_id and l.kind in ('visitor', 'client', 'customer')
       ) x) as whose
     from trakit.events e where e.shop_id = $1`,
    [shop.id],
  );
  for (const row of rows) {
    // one visitor is one person
    expect(row.whose.length, JSON.stringify(row)).toBeLessThanOrEqual(1);
    const id = row.name === "order_refunded" ? `completed-${checkoutOf(row.order_id)}` : row.event_id;
    expectOwn(row.name, copies.get(id)!, valuesOf(row), row.whose[0] ?? null);
  }
  const vault = await db.query<{ id: string; whose: string[] }>(
    "postgres",
    `select x.visitor_id as id, array_agg(distinct left(x.value, 1)) as whose from (
       select v.id as visitor_id, i.value from trakit.visitors v cross join lateral jsonb_each_text(v.identifiers) i
       where v.shop_id = $1
       union all
       select l.visitor_id, l.key from trakit.visitor_links l
       where l.shop_id = $1 and l.kind in ('visitor', 'client', 'customer')
     ) x group by 1`,
    [shop.id],
  );
  for (const { whose } of vault) expect(whose).toHaveLength(1);
  const customers = await db.query<{ customer_id: string; digests: object }>(
    "postgres",
    "select customer_id, digests from trakit.customers where shop_id = $1",
    [shop.id],
  );
  for (const { customer_id, digests } of customers) {
    const person = PEOPLE.find((one) => customerOf(one) === customer_id)!;
    for (const value of valuesOf({ digests })) {
      expect([addressOf(person), ...valuesOf({ digests: toldOf(person) })]).toContain(value);
    }
  }
}

test.each(["send", "skip"])(
  "whatever anybody types, orders or opens, nobody's event holds what is another's (unknown consent: %s)",
  async (policy) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aHappening, { minLength: 2, maxLength: 25, size: "max" }),
        async (happenings) => {
          await play(await newShop(db, { settings: { unknown_consent: policy } }), happenings);
        },
      ),
      { numRuns: policy === "send" ? 60 : 15 },
    );
  },
);
