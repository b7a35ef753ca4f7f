import { afterEach, expect, test } from "vitest";
import { fixture } from "../shopify/fixture.ts";
import { checkoutFields, stage, Visitor } from "./shop-kit.ts";
import type { Stage } from "./shop-kit.ts";

let current: Stage | undefined;
afterEach(async () => {
  await current?.close();
  current = undefined;
});

const BEANIE = "44512345678901";
type Body = Record<string, unknown> & { line_items: Record<string, unknown>[] };

async function told(topic: string): Promise<{ topic: string; body: Body }[]> {
  await current!.shop.webhooksIdle();
  return current!.webhooks(topic).map((request) => ({
    topic: String(request.headers["x-shopify-topic"]),
    body: JSON.parse(request.body.toString()) as Body,
  }));
}

test("a cart is told of when its lines change: first as created, then as updated, never for attributes alone", async () => {
  current = await stage();
  const visitor = new Visitor(current.shop.url);
  await visitor.text("/");
  await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
  await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 2 }] });
  await visitor.json("/cart/update.js", { attributes: { __trk_vid: "0a" } });
  await visitor.json("/cart/change.js", { line: 1, quantity: 3 });
  await visitor.json("/cart/change.js", { line: 1, quantity: 0 });
  const carts = await told("carts/");
  expect(carts.map(({ topic, body }) => [topic, body.line_items.map((line) => line["quantity"])])).toEqual([
    ["carts/create", [1]],
    ["carts/update", [3]],
    ["carts/update", []],
  ]);
  const { body } = carts[0]!;
  const sample = fixture("cart-update") as Body;
  expect(Object.keys(body).sort()).toEqual(Object.keys(sample).sort());
  expect(Object.keys(body.line_items[0]!).sort()).toEqual(Object.keys(sample.line_items[0]!).sort());
  expect(body["token"]).toBe((await visitor.cart()).token.split("?")[0]);
});

test("a checkout is told of when it opens, when something is filled in and when it is over", async () => {
  current = await stage();
  const visitor = new Visitor(current.shop.url);
  await visitor.text("/products/merino-beanie?fbclid=AbC");
  await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 2 }] });
  await visitor.json("/cart/update.js", { attributes: { __trk_consent: "a1m1p1s1" } });
  const fields = checkoutFields(await visitor.text("/checkout"));
  await visitor.text("/checkout");
  await visitor.form("/checkout", { ...fields, email: "ann@example.com" });
  await visitor.form("/checkout", { ...fields, action: "pay" });
  const checkouts = await told("checkouts/");
  expect(checkouts.map(({ topic, body }) => [topic, body["email"], body["completed_at"] !== null])).toEqual([
    ["checkouts/create", null, false],
    ["checkouts/update", "ann@example.com", false],
    ["checkouts/update", "maya.okafor@example.com", true],
  ]);
  const { body } = checkouts[0]!;
  const sample = fixture("checkout-create") as Body;
  expect(Object.keys(body).sort()).toEqual(Object.keys(sample).sort());
  expect(body).toMatchObject({
    token: fields["checkout_token"],
    landing_site: "/products/merino-beanie?fbclid=AbC",
    note_attributes: [{ name: "__trk_consent", value: "a1m1p1s1" }],
    total_price: "75.58",
  });
});
