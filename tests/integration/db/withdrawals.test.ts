import { expect, test } from "vitest";
import { at, fromBrowser, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { persons } from "../../support/person.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/** A consent that is taken back strips what was stored before, when it comes. */
const db = await testDatabase();
const { linesWith, work } = persons(db);

const browser = (word: string, customer?: string) => ({
  visitor_id: `${word}-visitor`,
  fbp: `${word}-fbp`,
  ga_client_id: `${word}-ga`,
  ...(customer === undefined ? {} : { customer_id: customer }),
});
const visit = (word: string, more: object = {}) =>
  fromBrowser("page_viewed", {
    identifiers: browser(word),
    page: { url: `https://shop.example/${word}` },
    digests: { "email.lower": [`${word}-address`] },
    client: { ip: `${word}-ip`, user_agent: `${word}-agent`, country: "US" },
    ...more,
  });
const withdraw = (shop: Shop, word: string, consent: object, now = at(100)) =>
  db.query("trakit_edge", "select trakit.open_session($1, $2, $3, $4)", [
    shop.domain,
    JSON.stringify({ keys: { visitor: `${word}-visitor` }, host: null, refused: {} }),
    JSON.stringify({ prefix: word, origin: null, consent }),
    now,
  ]);
const NONE = { analytics: false, marketing: false };
const waiting = (shop: Shop) =>
  db.query("postgres", "select from trakit.privacy_requests where shop_id = $1 and kind = 'withdrawal'", [
    shop.id,
  ]);

test("of both purposes leaves nothing in the visitor's earlier events, of those folded into it and of its orders, and sends none", async () => {
  const shop = await newShop(db, { platforms: ["meta", "google"] });
  await shop.ingest([visit("bothone")], { now: at(0) });
  await shop.ingest([visit("bothtwo", { commerce: { cart_token: "bothtwo-cart" } })], { now: at(1) });
  for (const word of ["bothone", "bothtwo"]) {
    await shop.ingest([visit(word, { identifiers: browser(word, "bothcustomer") })], { now: at(2) });
  }
  await shop.ingest([
    fromShopify("checkout_completed", {
      page: { url: "https://shop.example/bothorder" },
      digests: { "email.lower": ["bothorder-address"] },
      client: { ip: "bothorder-ip", country: "US" },
      identifiers: { customer_id: "bothcustomer" },
      commerce: { cart_token: "bothtwo-cart", order_id: "ordered", total: "5" },
    }),
  ], { now: at(3) });
  await shop.ingest([visit("bothother")], { now: at(4) });
  expect(await shop.visitors()).toHaveLength(2);

  await withdraw(shop, "bothone", NONE);
  // the token of an order leads to it, so that it can be redacted; its money is the shop's
  const left = await linesWith(["bothone", "bothtwo", "bothorder", "bothcustomer"]);
  expect(left.map((line) => line.split(" ")[0]!.replace(/_\d+$/, "")).sort())
    .toEqual(["trakit.customers", "trakit.events"]);
  const events = await shop.events();
  for (const event of events.slice(0, 5)) {
    expect(event).toMatchObject({ page: {}, identifiers: {}, digests: {}, visitor_id: null, consent: NONE });
    expect(event["client"]).toMatchObject({ ip: null, user_agent: null, country: "US" });
  }
  expect(events[4]!["commerce"]).toEqual({ cart_token: "bothtwo-cart", order_id: "ordered", total: "5" });
  expect(events[5]).toMatchObject({ identifiers: browser("bothother") });
  const deliveries = await shop.deliveries();
  expect(deliveries.filter((row) => row.state === "skipped" && row.reason === "consent_denied")).toHaveLength(
    10,
  );
  expect(deliveries.filter((row) => row.state === "pending")).toHaveLength(2);
  expect(await waiting(shop)).toEqual([]);
});

test("of one purpose takes that purpose's identifiers and deliveries, and leaves the other's", async () => {
  const shop = await newShop(db, { platforms: ["meta", "google"] });
  await shop.ingest([visit("oneonly")], { now: at(0) });
  await withdraw(shop, "oneonly", { analytics: true, marketing: false });
  expect(await shop.events()).toMatchObject([{
    identifiers: { visitor_id: "oneonly-visitor", ga_client_id: "oneonly-ga" },
    consent: { analytics: true, marketing: false },
  }]);
  expect(await linesWith(["oneonly-fbp"])).toEqual([]);
  expect(new Map((await shop.deliveries()).map((row) => [row.platform, [row.state, row.reason]]))).toEqual(
    new Map([["meta", ["skipped", "consent_denied"]], ["google", ["pending", null]]]),
  );
});

test("of a visitor with more events than a browser may wait for goes on in the background, and leaves no receipt", async () => {
  const shop = await newShop(db);
  await shop.ingest(Array.from({ length: 230 }, () => visit("manyevents")), { now: at(0) });
  await withdraw(shop, "manyevents", NONE);
  const left = async () => (await shop.events()).filter((event) => event["visitor_id"] !== null).length;
  expect(await left()).toBe(30);
  expect(await waiting(shop)).toHaveLength(1);
  expect(await db.as("authenticated", { shop_id: shop.id }).query("select from api.redaction_log")).toEqual(
    [],
  );
  await work(at(200));
  expect(await left()).toBe(0);
  expect(await linesWith(["manyevents"])).toEqual([]);
  expect(await waiting(shop)).toEqual([]);
});

test("while an event is being sent strips it, and lets it not be sent again", async () => {
  const shop = await newShop(db);
  const sent = await shop.ingest([visit("undersend")], { now: at(0), slots: 1 });
  expect(sent.sends).toHaveLength(1);
  await withdraw(shop, "undersend", NONE, at(1));
  expect((await linesWith(["undersend"])).filter((line) => !line.includes("privacy_requests"))).toEqual([]);
  // it goes on as long as the lease may
  await work(at(2));
  expect(await shop.delivery()).toMatchObject({ state: "pending" });
  await shop.settle(sent.sends, { kind: "retry", delay_ms: 1000 }, at(3));
  await work(at(4));
  expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_denied" });
  expect((await shop.events())[0]).toMatchObject({ visitor_id: null });
  expect(await waiting(shop)).toEqual([]);
});

test("of an event somebody else holds at that moment waits for nobody, and is done later", async () => {
  const shop = await newShop(db);
  await shop.ingest([visit("heldevent")], { now: at(0) });
  const holder = await db.connect("postgres");
  await holder.query("begin");
  await holder.query("select from trakit.events where shop_id = $1 for update", [shop.id]);
  await withdraw(shop, "heldevent", NONE);
  await holder.query("commit");
  await holder.end();
  expect((await linesWith(["heldevent"])).length).toBeGreaterThan(0);
  await work(at(HOUR));
  expect(await linesWith(["heldevent"])).toEqual([]);
});
