import fc from "fast-check";
import { expect, test } from "vitest";
import { at, type CopyOptions, fromBrowser, fromShopify } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();

/** Few values each, so that events of one call share some keys and not others. */
const some = (kind: string) =>
  fc.option(fc.integer({ min: 1, max: 3 }).map((n) => `${kind}-${n}`), { nil: undefined });
const anEvent = fc.record({
  browsers: fc.boolean(),
  customer_id: some("customer"),
  visitor_id: some("visitor"),
  checkout_token: some("checkout"),
  cart_token: some("cart"),
  email: some("email"),
  fbp: some("fbp"),
});
type Happening = typeof anEvent extends fc.Arbitrary<infer Value> ? Value : never;

function copyOf(happening: Happening, index: number) {
  const { browsers, customer_id, visitor_id, fbp, checkout_token, cart_token, email } = happening;
  const options = {
    event_id: index.toString(16).padStart(32, "0"),
    // one id a browser's event: what would fold two visitors waits for the next call (tests/integration/db/visitors.test.ts)
    identifiers: browsers ? { visitor_id, fbp } : { customer_id, visitor_id, fbp },
    commerce: { order_id: String(index), checkout_token, cart_token, total: "10.00", currency: "USD" },
    digests: email ? { "email.lower": [email] } : {},
  };
  // what is undefined is not there
  return (browsers ? fromBrowser : fromShopify)("checkout_completed", {
    ...JSON.parse(JSON.stringify(options)) as CopyOptions,
    occurred_at: at(index),
  });
}

/** All that is kept of the shop's people; visitors go by their first event, not by the numbers rows happen to get. */
async function people(shop: Shop) {
  return await db.query(
    "postgres",
    `with who as (
       select e.visitor_id, min(e.event_id) as name from trakit.events e where e.shop_id = $1 group by 1
     )
     select 'event' as what, e.event_id as key, w.name as who, jsonb_build_array(e.identifiers, e.digests, e.enriched) as facts
     from trakit.events e left join who w on w.visitor_id = e.visitor_id where e.shop_id = $1
     union all
     select 'link', l.kind || ' ' || l.key, w.name, to_jsonb(l.joined)
     from trakit.visitor_links l left join who w on w.visitor_id = l.visitor_id where l.shop_id = $1
     union all
     select 'visitor', '', w.name, jsonb_build_array(v.identifiers, v.consent)
     from trakit.visitors v left join who w on w.visitor_id = v.id where v.shop_id = $1
     union all
     select 'customer', c.customer_id, c.orders::text, jsonb_build_array(c.spent, c.digests)
     from trakit.customers c where c.shop_id = $1
     order by 1, 2, 3`,
    [shop.id],
  );
}

test("events that come in one call find and found the same visitors as one after another", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anEvent, { maxLength: 3 }),
      fc.array(anEvent, { minLength: 2, maxLength: 8 }),
      async (before, events) => {
        const [together, apart] = [await newShop(db), await newShop(db)];
        for (const [index, event] of before.entries()) {
          for (const shop of [together, apart]) await shop.ingest([copyOf(event, 100 + index)]);
        }
        await together.ingest(events.map(copyOf));
        for (const [index, event] of events.entries()) await apart.ingest([copyOf(event, index)]);
        expect(await people(together)).toEqual(await people(apart));
      },
    ),
    { numRuns: 40 },
  );
});

test("what is answered of an accepted event is what its caller does not know", async () => {
  const shop = await newShop(db);
  await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
    shop.domain,
    JSON.stringify({ customer_id: "customer-1", digests: { "email.lower": ["email-1"] } }),
    at(0),
  ]);
  const { results } = await shop.ingest([
    copyOf({ customer_id: "customer-1" } as Happening, 2),
    copyOf({ customer_id: "customer-2" } as Happening, 3),
  ]);
  expect(results.map(({ event_id: _, ...rest }) => rest)).toEqual([
    { status: "accepted", digests: { "email.lower": ["email-1"] } },
    { status: "accepted" },
  ]);
});
