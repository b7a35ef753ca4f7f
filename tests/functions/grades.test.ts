import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { pipelineKit } from "../support/pipeline.ts";
import { proxyKit, signed, YES } from "../support/storefront.ts";
import { webhooks } from "../support/webhooks.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** What reaches the platforms of somebody's purchase when a stranger, with a session like anybody's, names them. */
const kit = await pipelineKit();
const proxy = proxyKit(kit);
const { post } = webhooks(kit);

const STRANGERS = {
  visitor_id: randomBytes(16).toString("hex"),
  client_id: "5742a6f3-0f6c-4c39-9c52-0d3a6e9b1f11",
  fbp: "fb.1.1773480000123.1098115397",
  fbc: "fb.1.1773480001456.IwAR2strangersOwnClickNotReal",
  ttclid: "E.C.P.strangersOwnClick",
};

/** Everything the platforms were sent, as one text. */
const sent = () => JSON.stringify(Object.values(kit.requests()).flat().map(({ body }) => body));

async function asStranger(domain: string, events: Record<string, unknown>[]) {
  const { body } = await proxy.session(domain, { consent: YES });
  return await proxy.send(domain, {
    events: events.map((event) =>
      signed(body.session, {
        name: "lead_submitted",
        id: randomBytes(16).toString("hex"),
        timestamp: kit.now(),
        page: { url: "https://blue-mugs.example/" },
        ...event,
      })
    ),
    visitor: STRANGERS,
    consent: YES,
  });
}

test.each([
  ["of a guest", "order-web-guest", {}],
  ["of a customer", "order-web-customer-eur-discount", {}],
  ["without a checkout", "order-web-guest", { checkout_token: null, cart_token: null }],
])(
  "a stranger types a buyer's address and number, and guesses their order, %s: no platform gets anything of the stranger with it",
  async (_, name, change) => {
    const shop = await kit.shop({ unknown_consent: "send" });
    const order = Object.assign(fixture(name), change);
    const { email, phone } = { email: "maya.okafor@example.com", phone: "+17185550123", ...order };
    const checkout = { token: String(order.id), email, phone, lineItems: [] };
    const answer = await asStranger(shop.domain, [
      { data: { customer: { email, phone } } },
      {
        name: "customer_registered",
        id: conversionEventId(shop.domain, "customer_registered", naturalKey.email(email)),
        data: { customer: { email } },
      },
      { name: "checkout_contact_info_submitted", data: { checkout } },
      { name: "checkout_completed", data: { checkout: { ...checkout, token: `order:${order.id}` } } },
      { name: "checkout_completed", data: { checkout } },
      { name: "payment_info_submitted", data: { checkout, cart: { id: String(order.id) } } },
    ]);
    expect(answer.body.results.map(({ status }: { status: string }) => status)).toEqual(
      ["accepted", "accepted", "accepted", "refused", "refused", "accepted"],
    );
    await kit.settled();
    expect(sent()).toContain(STRANGERS.fbc);
    kit.vendors.reset();

    kit.pass(60);
    await post(shop.domain, JSON.stringify(order));
    await post(shop.domain, JSON.stringify(order), { topic: "orders/updated" });
    await kit.settled();
    expect(Object.keys(kit.requests())).toContain("meta");
    for (const theirs of Object.values(STRANGERS)) expect(sent()).not.toContain(theirs);
    const customers = await kit.database.query<{ digests: object }>(
      "postgres",
      "select digests from trakit.customers where shop_id = $1",
      [shop.id],
    );
    for (const { digests } of customers) expect(digests).toEqual({});
  },
);

test("the buyer's own browser is joined by its cart's token, whatever a stranger typed", async () => {
  const shop = await kit.shop({ unknown_consent: "send" });
  const order = fixture("order-web-guest");
  order.note_attributes = [];
  const own = {
    visitor_id: randomBytes(16).toString("hex"),
    ttclid: "E.C.P.buyersOwnClick",
  };
  await proxy.send(shop.domain, {
    events: [{
      name: "cart_viewed",
      id: randomBytes(16).toString("hex"),
      timestamp: kit.now(),
      page: { url: "https://blue-mugs.example/cart" },
      data: { cart: { id: order.cart_token, lines: [] } },
    }],
    visitor: own,
    consent: YES,
  });
  await asStranger(shop.domain, [{ data: { customer: { email: order.email } } }]);
  await kit.settled();
  kit.vendors.reset();
  await post(shop.domain, JSON.stringify(order));
  await kit.settled();
  expect(sent()).toContain(own.ttclid);
  for (const theirs of Object.values(STRANGERS)) expect(sent()).not.toContain(theirs);
});
