import { expect, test } from "vitest";
import { at, type CapturedCopy, DAY, fromBrowser, fromShopify } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/** What somebody's own events are matched by, as docs/privacy.md states it: what is rightly one's own is not lost. */
const db = await testDatabase();

const CUSTOMER = "7016459804731";
const ADDRESS = { "email.lower": ["mail"] };
const RECORD = { "email.lower": ["mail"], "last_name.lower": ["name"] };
const LAPTOP = { visitor_id: "laptop", client_id: "pixel", fbp: "fbp" };
const CLICKED = { ...LAPTOP, fbc: "click" };
const ATTRIBUTES = { visitor_id: "laptop", client_id: "pixel", fbp: "fbp", fbc: "click" };
const TOKENS = { checkout_token: "checkout", cart_token: "cart" };
const PURCHASE = { event_id: "purchase" };

const view = (identifiers: object) =>
  fromBrowser("page_viewed", { identifiers, commerce: { cart_token: "cart" } });
const thanks = (identifiers: object) =>
  fromBrowser("checkout_completed", { ...PURCHASE, identifiers, digests: ADDRESS, commerce: TOKENS });
const order = (identifiers: object = {}) =>
  fromShopify("checkout_completed", {
    ...PURCHASE,
    identifiers,
    digests: ADDRESS,
    commerce: { ...TOKENS, order_id: "order", total: "10.00", currency: "USD" },
  });
/** The same person's purchase of last week. */
const lastWeek = [
  fromBrowser("checkout_completed", {
    event_id: "earlier",
    identifiers: CLICKED,
    digests: ADDRESS,
    commerce: { checkout_token: "earlier" },
  }),
  fromShopify("checkout_completed", {
    event_id: "earlier",
    digests: ADDRESS,
    commerce: { checkout_token: "earlier", order_id: "earlier", total: "10.00", currency: "USD" },
  }),
];

/** What an event has in the end, by the names match quality uses. */
async function matched(shop: Shop, eventId: string): Promise<string> {
  const row = (await shop.events()).find(({ event_id }) => event_id === eventId)!;
  const { identifiers, digests } = row as unknown as Record<
    "identifiers" | "digests",
    Record<string, unknown>
  >;
  return [
    digests["email.lower"] && "email",
    digests["last_name.lower"] && "name",
    identifiers["fbc"] && "click",
    identifiers["fbp"] && "browser",
    identifiers["visitor_id"] && "visitor",
    identifiers["customer_id"] && "customer",
  ].filter(Boolean).join(" ");
}

const learnt = (shop: Shop) =>
  db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
    shop.domain,
    JSON.stringify({ customer_id: CUSTOMER, digests: RECORD }),
    at(-DAY),
  ]);

test.each<[string, CapturedCopy[], CapturedCopy[], { view: string; purchase: string }]>([
  ["script and pixel on", [], [view(CLICKED), thanks(LAPTOP), order(ATTRIBUTES)], {
    view: "click browser visitor",
    purchase: "email click browser visitor",
  }],
  ["pixel blocked", [], [view(CLICKED), order(ATTRIBUTES)], {
    view: "click browser visitor",
    purchase: "email click browser visitor",
  }],
  ["no attributes", [], [view(CLICKED), thanks(LAPTOP), order()], {
    view: "click browser visitor",
    purchase: "email click browser visitor",
  }],
  ["pixel blocked and no attributes", [], [view(CLICKED), order()], {
    view: "click browser visitor",
    purchase: "email click browser visitor",
  }],
  ["logged in", [], [view({ ...CLICKED, customer_id: CUSTOMER }), order({ customer_id: CUSTOMER })], {
    view: "email name click browser visitor customer",
    purchase: "email name click browser visitor customer",
  }],
  ["returning guest", lastWeek, [view({ visitor_id: "laptop" }), thanks({ visitor_id: "laptop" }), order()], {
    // the address typed last week was that purchase's
    view: "click browser visitor",
    purchase: "email click browser visitor",
  }],
  ["guest on another device", lastWeek, [
    view({ visitor_id: "phone" }),
    thanks({ visitor_id: "phone" }),
    order(),
  ], {
    // the laptop's click and cookies stay the laptop's
    view: "visitor",
    purchase: "email visitor",
  }],
  [
    "logged in on both devices",
    [view({ ...CLICKED, customer_id: CUSTOMER })],
    [view({ visitor_id: "phone", customer_id: CUSTOMER }), order({ customer_id: CUSTOMER })],
    {
      view: "email name click browser visitor customer",
      purchase: "email name click browser visitor customer",
    },
  ],
])("%s", async (_, before, copies, expected) => {
  const shop = await newShop(db);
  await learnt(shop);
  for (const [index, copy] of before.entries()) await shop.ingest([copy], { now: at(index) });
  for (const [index, copy] of copies.entries()) await shop.ingest([copy], { now: at(7 * DAY + index) });
  expect({
    view: await matched(shop, copies[0]!.event["event_id"] as string),
    purchase: await matched(shop, PURCHASE.event_id),
  }).toEqual(expected);
});
