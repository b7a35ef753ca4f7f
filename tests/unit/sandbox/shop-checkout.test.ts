import { afterEach, describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/sandbox/shop/ids.ts";
import { checkoutFields, pageData, stage, Visitor } from "./shop-kit.ts";
import type { Stage } from "./shop-kit.ts";

let current: Stage | undefined;
afterEach(async () => {
  await current?.close();
  current = undefined;
});
async function shopping(options = {}): Promise<{ visitor: Visitor; stage: Stage }> {
  current = await stage(undefined, options);
  return { visitor: new Visitor(current.shop.url), stage: current };
}

const BEANIE = "44512345678901";

describe("checkout", () => {
  test("one click buys: landing page, referrer, browser and cart attributes reach the webhook", async () => {
    const { visitor, stage } = await shopping();
    await visitor.request("/products/merino-beanie?fbclid=AbC&utm_source=fb", {
      headers: { referer: "https://l.facebook.com/" },
    });
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 2 }] });
    await visitor.json("/cart/update.js", { attributes: { __trk_vid: "0a", __trk_consent: "a1m1p1s1" } });
    const headers = { "user-agent": "Mozilla/5.0 (Test)", "accept-language": "nl-NL,nl;q=0.8" };
    const page = await visitor.text("/checkout");
    const fields = checkoutFields(page);
    // Written after the checkout opened: the checkout has its own copy.
    await visitor.json("/cart/update.js", { attributes: { __trk_vid: "late" } });
    const paid = await visitor.request("/checkout", {
      method: "POST",
      headers,
      body: new URLSearchParams({ ...fields, action: "pay" }),
    });
    expect(paid.status).toBe(303);
    await stage.shop.webhooksIdle();
    const body = JSON.parse(stage.webhooks("orders/")[0]!.body.toString());
    expect(body).toMatchObject({
      email: "maya.okafor@example.com",
      landing_site: "/products/merino-beanie?fbclid=AbC&utm_source=fb",
      referring_site: "https://l.facebook.com/",
      browser_ip: "81.2.69.142",
      client_details: {
        user_agent: "Mozilla/5.0 (Test)",
        accept_language: "nl-NL",
        browser_ip: "81.2.69.142",
      },
      note_attributes: [{ name: "__trk_vid", value: "0a" }, { name: "__trk_consent", value: "a1m1p1s1" }],
      total_price: "75.58",
      checkout_token: fields["checkout_token"],
    });
    expect(visitor.cookies.has("cart")).toBe(false);
    expect(paid.headers.get("location")).toBe(`/thank-you/${body.checkout_token}`);
  });

  test("checkout_started and checkout_completed are reported once, with the order's ids and sums", async () => {
    const { visitor, stage } = await shopping();
    await visitor.json("/cart/add.js", { items: [{ id: "4451234567890123457", quantity: 1 }] });
    const page = await visitor.text("/checkout");
    const token = checkoutFields(page)["checkout_token"]!;
    expect(pageData(page).events).toMatchObject([{
      name: "checkout_started",
      key: token,
      data: { checkout: { token, email: "", totalPrice: { amount: 145.5 }, order: { id: null } } },
    }]);
    expect(pageData(await visitor.text("/checkout")).events).toEqual([]);
    const fields = { ...checkoutFields(page), country: "DE", currency: "EUR", discount: "trakit10" };
    const updated = await visitor.form("/checkout", { ...fields, action: "update" });
    const updatedPage = await updated.text();
    expect(pageData(updatedPage)).toMatchObject({ page_view: false, events: [] });
    const filled = checkoutFields(updatedPage);
    expect(filled).toMatchObject({
      email: "zoe.muller@example.com",
      last_name: "Müller-Ångström",
      city: "Köln",
      checkout_token: token,
    });
    const paid = await visitor.form("/checkout", { ...filled, action: "pay" });
    const location = paid.headers.get("location")!;
    const thanks = await visitor.text(location);
    await stage.shop.webhooksIdle();
    const order = JSON.parse(stage.webhooks("orders/")[0]!.body.toString());
    expect(order.total_price_set.presentment_money).toEqual({ amount: "126.50", currency_code: "EUR" });
    expect(pageData(thanks).events).toMatchObject([{
      name: "checkout_completed",
      key: token,
      data: {
        checkout: {
          token,
          totalPrice: { amount: 126.5, currencyCode: "EUR" },
          discountsAmount: { amount: 13.5, currencyCode: "EUR" },
          email: "zoe.muller@example.com",
          order: { id: String(order.id), customer: { id: String(order.customer.id), isFirstOrder: true } },
          lineItems: [{ variant: { id: "4451234567890123457" }, finalLinePrice: { amount: 121.5 } }],
        },
      },
    }]);
    expect(pageData(await visitor.text(location)).events).toEqual([]);
    expect(thanks).toContain("npm run trakit -- tail");
    expect(thanks).toContain('href="http://127.0.0.1:54330"');
    expect(thanks).toContain(conversionEventId("trakit-demo.myshopify.com", "checkout_completed", token));
  });

  test("paying twice places one order", async () => {
    const { visitor, stage } = await shopping();
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    const fields = { ...checkoutFields(await visitor.text("/checkout")), action: "pay" };
    const [first, second] = await Promise.all([
      visitor.form("/checkout", fields),
      visitor.form("/checkout", fields),
    ]);
    expect(second.headers.get("location")).toBe(first.headers.get("location"));
    await stage.shop.webhooksIdle();
    expect(stage.webhooks("orders/")).toHaveLength(2);
  });

  test("wrong fields are named and nothing is bought", async () => {
    const { visitor, stage } = await shopping();
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    const fields = checkoutFields(await visitor.text("/checkout"));
    const answer = await visitor.form("/checkout", {
      ...fields,
      email: "nobody",
      city: "",
      discount: "FREE",
      action: "pay",
    });
    expect(answer.status).toBe(422);
    const page = await answer.text();
    for (const text of ["Enter an e-mail address", "Enter a city", "This code is not valid"]) {
      expect(page).toContain(text);
    }
    await stage.shop.webhooksIdle();
    expect(stage.webhooks("orders/")).toEqual([]);
  });

  test("a test order says so, and the logged-in customer is the one with an account", async () => {
    const { visitor, stage } = await shopping();
    await visitor.form("/account/toggle", { return_to: "/" });
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    const fields = checkoutFields(await visitor.text("/checkout"));
    expect(fields["country"]).toBe("DE");
    await visitor.form("/checkout", { ...fields, test: "1", accepts_marketing: "1", action: "pay" });
    await stage.shop.webhooksIdle();
    expect(JSON.parse(stage.webhooks("orders/")[0]!.body.toString())).toMatchObject({
      test: true,
      payment_gateway_names: ["bogus"],
      buyer_accepts_marketing: true,
      customer: { id: 7012345678901, state: "enabled" },
    });
  });

  test("another visitor's checkout token buys nothing", async () => {
    const { visitor, stage } = await shopping();
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    const fields = checkoutFields(await visitor.text("/checkout"));
    const other = new Visitor(stage.shop.url);
    await other.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    const answer = await other.form("/checkout", { ...fields, action: "pay" });
    expect(answer.headers.get("location")).toBe("/cart");
    await stage.shop.webhooksIdle();
    expect(stage.webhooks("orders/")).toEqual([]);
  });
});
