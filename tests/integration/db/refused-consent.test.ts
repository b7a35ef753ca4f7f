import { expect, test } from "vitest";
import { connect, DatabaseUnavailable } from "@trakit/db/connection.ts";
import { fromBrowser, fromShopify } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";
import { testDatabase } from "../../support/database.ts";

const db = await testDatabase();

const order = {
  event_id: "b".repeat(32),
  commerce: { order_id: "2002", total: "10.00", currency: "EUR", checkout_token: "co-2" },
};
const person = {
  digests: { "email.lower": ["e".repeat(64)] },
  identifiers: { customer_id: "77" },
  client: { ip: "81.2.69.142", user_agent: "Mozilla", city: "Utrecht", country: "NL" },
};
const refused = { consent: { analytics: false, marketing: false }, digests: {}, identifiers: {}, client: {} };

test("a browser's refusal takes away what the order had said of the person before", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  await shop.ingest([fromShopify("checkout_completed", { ...order, ...person, consent: {} })]);
  await shop.ingest([fromBrowser("checkout_completed", { ...order, ...refused })]);

  const [event] = await db.query(
    "postgres",
    "select identifiers, digests, page, visitor_id, commerce ->> 'total' as total from trakit.events where shop_id = $1",
    [shop.id],
  );
  expect(event).toEqual({ identifiers: {}, digests: {}, page: {}, visitor_id: null, total: "10.00" });
  const [client] = await db.query(
    "postgres",
    "select ip, user_agent, city, postal_code, country from trakit.event_clients where shop_id = $1",
    [shop.id],
  );
  expect(client).toEqual({ ip: null, user_agent: null, city: null, postal_code: null, country: "NL" });
});

test("what was left out for want of a known consent goes out when the browser's copy brings it and the order was read again", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  const copy = { ...order, client: { country: "NL" } };
  const undecided = fromShopify("checkout_completed", { ...copy, consent: {} });
  await shop.ingest([undecided]);
  expect(await shop.deliveries()).toMatchObject([{ state: "skipped", reason: "consent_unknown" }]);

  await shop.ingest(
    [fromBrowser("checkout_completed", { ...copy, consent: { analytics: true, marketing: true } })],
    { slots: 5 },
  );
  const answer = await shop.ingest([{ ...undecided, again: true } as typeof undecided], { slots: 5 });
  expect(answer.sends).toHaveLength(1);
  expect(await shop.deliveries()).toMatchObject([{ state: "pending", attempts: 1 }]);
});

test("a role that row level security does not bind is refused before its first statement", async () => {
  const owner = connect({ url: db.url("postgres"), max: 1, boundByRls: true });
  const edge = connect({ url: db.url("trakit_edge"), max: 1, boundByRls: true });
  try {
    await expect(owner.rows("select 1")).rejects.toThrow(DatabaseUnavailable);
    expect(await edge.rows("select 1 as one")).toEqual([{ one: 1 }]);
  } finally {
    await owner.close();
    await edge.close();
  }
});
