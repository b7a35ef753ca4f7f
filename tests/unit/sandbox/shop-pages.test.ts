import fc from "fast-check";
import { Buffer } from "node:buffer";
import { afterEach, describe, expect, test } from "vitest";
import { escapeHtml, html, jsonBlock } from "@trakit/sandbox/shop/html.ts";
import { localPath } from "@trakit/sandbox/shop/http.ts";
import { checkoutFields, pageData, stage, Visitor } from "./shop-kit.ts";
import type { AjaxCart, Stage } from "./shop-kit.ts";

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
const XSS = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;

describe("escaping", () => {
  test("no text can leave an element, a quoted attribute or a data block", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      expect(escapeHtml(text)).not.toMatch(/[<>"']/);
      const block = jsonBlock({ text }).text;
      expect(block).not.toMatch(/[<>&\u2028\u2029]/);
      expect(JSON.parse(block)).toEqual({ text });
    }));
    expect(html`<p title="${XSS}">${[XSS, html`<b>ok</b>`, null, 5]}</p>`.text).toBe(
      `<p title="${escapeHtml(XSS)}">${escapeHtml(XSS)}<b>ok</b>5</p>`,
    );
  });

  test.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/a\r\nset-cookie: x=1",
    "javascript:alert(1)",
    "",
  ])(
    "a form cannot send the visitor to %j",
    (target) => expect(localPath(target, "/safe")).toBe("/safe"),
  );

  test("a hostile search, path, address and attribute come out as text", async () => {
    const { visitor } = await shopping();
    const encoded = encodeURIComponent(XSS);
    for (const path of [`/search?q=${encoded}`, `/products/${encoded}`, `/cart?x=${encoded}`]) {
      const page = await visitor.text(path);
      expect(page).not.toContain("<script>alert");
      expect(page).not.toContain("<img src=x");
    }
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1, properties: { [XSS]: XSS } }] });
    expect(await visitor.text("/cart")).not.toContain("<script>alert");
    const fields = checkoutFields(await visitor.text("/checkout"));
    const hostile = { ...fields, first_name: XSS, address1: XSS, city: `</script>${XSS}`, action: "pay" };
    const paid = await visitor.form("/checkout", hostile);
    expect(paid.status).toBe(303);
    const thanks = await visitor.text(paid.headers.get("location")!);
    expect(thanks).not.toContain("<script>alert");
    expect(thanks).not.toContain('</script>"');
    const data = pageData(thanks);
    expect(data.events[0]).toMatchObject({ data: { checkout: { shippingAddress: { firstName: XSS } } } });
  });

  test("every page forbids inline script and style, and has none", async () => {
    const { visitor } = await shopping();
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    for (
      const path of [
        "/",
        "/collections/all",
        "/products/merino-beanie",
        "/search?q=mug",
        "/cart",
        "/checkout",
        "/nope",
      ]
    ) {
      const answer = await visitor.request(path);
      const policy = answer.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain("unsafe");
      const page = await answer.text();
      expect(page).not.toMatch(/\s(on\w+|style)="/);
      expect(
        [...page.matchAll(/<script\b([^>]*)>/g)].map((tag) => tag[1]!.trim()).filter((attributes) =>
          !attributes.startsWith('src="/shop/') && !attributes.startsWith('type="application/json"')
        ),
      ).toEqual([]);
      expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    }
  });
});

describe("storefront", () => {
  test("pages report Shopify's customer events in pixel shapes", async () => {
    const { visitor } = await shopping();
    const names = async (path: string) =>
      pageData(await visitor.text(path)).events.map((event) => event.name);
    expect(await names("/collections/all")).toEqual(["collection_viewed"]);
    expect(await names("/search?q=bottle")).toEqual(["search_submitted"]);
    const [viewed] = pageData(await visitor.text("/products/lambswool-throw")).events;
    expect(viewed).toEqual({
      name: "product_viewed",
      data: {
        productVariant: {
          id: "4451234567890123457",
          image: { src: "/shop/art/lambswool-throw/4451234567890123457.svg" },
          price: { amount: 145.5, currencyCode: "USD" },
          product: {
            id: "8209829119461545087",
            title: "Lambswool Throw",
            type: "home",
            untranslatedTitle: "Lambswool Throw",
            url: "/products/lambswool-throw",
            vendor: "Northfold",
          },
          sku: "LT-HERR",
          title: "Herringbone",
          untranslatedTitle: "Herringbone",
        },
      },
    });
  });

  test("answers 404 for what it does not have and 413 for what is too large", async () => {
    const { visitor } = await shopping();
    for (
      const path of [
        "/products/nothing",
        "/thank-you/00000000000000000000000000000000",
        "/shop/../package.json",
      ]
    ) {
      expect((await visitor.request(path)).status, path).toBe(404);
    }
    const answer = await visitor.request("/cart/add", {
      method: "POST",
      body: new Uint8Array(3 * 1024 * 1024),
    });
    expect(answer.status).toBe(413);
  });

  test("prices follow the chosen currency", async () => {
    const { visitor } = await shopping();
    expect(await visitor.text("/products/merino-beanie")).toContain("$32.00");
    await visitor.form("/localization", { currency: "EUR", return_to: "/" });
    expect(await visitor.text("/products/merino-beanie")).toContain("€30.00");
  });

  test("serves its drawings and files, and nothing else of the disk", async () => {
    const { visitor } = await shopping();
    const types = await Promise.all(
      [
        "/shop/theme.css",
        "/shop/theme.js",
        "/shop/customer-events.js",
        `/shop/art/merino-beanie/${BEANIE}.svg`,
      ].map(
        async (path) => (await visitor.request(path)).headers.get("content-type"),
      ),
    );
    expect(types).toEqual([
      "text/css; charset=utf-8",
      "text/javascript; charset=utf-8",
      "text/javascript; charset=utf-8",
      "image/svg+xml",
    ]);
    expect((await visitor.request("/shop/art.ts")).status).toBe(404);
    expect((await visitor.request("/shop/..%2fassets.ts")).status).toBe(404);
  });
});

describe("Ajax cart", () => {
  test("keeps the cart in a two-week cookie that scripts can read", async () => {
    const { visitor } = await shopping();
    const answer = await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 2 }] });
    const cookie = answer.headers.getSetCookie().find((line) => line.startsWith("cart="))!;
    expect(cookie).toMatch(
      /^cart=[A-Za-z0-9]+%3Fkey%3D[0-9a-f]{32}; Path=\/; Max-Age=1209600; SameSite=Lax$/,
    );
    const cart = await visitor.cart();
    expect(cart).toMatchObject({
      item_count: 2,
      total_price: 6400,
      currency: "USD",
      items: [{ quantity: 2, sku: "MB-CHAR" }],
    });
    const token = String(cart.token).split("?")[0]!;
    expect(Buffer.from(token, "base64").toString()).toMatch(/^gcp-us-east1:[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  test("gives ids beyond 2^53 in full, and takes them as number or text", async () => {
    const { visitor } = await shopping();
    await visitor.request("/cart/add.js", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"items":[{"id":4451234567890123457,"quantity":1},{"id":"4451234567890123459","quantity":1}]}',
    });
    const text = await visitor.text("/cart.js");
    expect(text).toContain('"variant_id":4451234567890123457');
    expect(text).toContain('"variant_id":4451234567890123459');
    expect(text).toContain('"product_id":8209829119461545087');
  });

  test("adds, changes and removes; equal lines merge, lines with other properties do not", async () => {
    const { visitor } = await shopping();
    await visitor.json("/cart/add.js", { id: BEANIE, quantity: 1 });
    await visitor.json("/cart/add.js", { id: BEANIE, quantity: 2, properties: { _engraving: "Zoë" } });
    await visitor.json("/cart/add.js", { id: BEANIE });
    const count = async () => {
      const cart = await visitor.cart();
      return cart.items.map((item) => item.quantity);
    };
    expect(await count()).toEqual([2, 2]);
    await visitor.json("/cart/change.js", { line: 2, quantity: 5 });
    expect(await count()).toEqual([2, 5]);
    await visitor.json("/cart/update.js", { updates: { [BEANIE]: 0 } });
    expect(await count()).toEqual([5]);
    await visitor.json("/cart/clear.js", {});
    expect(await count()).toEqual([]);
  });

  test.each([
    ["/cart/add.js", { items: [{ id: "1", quantity: 1 }] }],
    ["/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }, { id: "1", quantity: 1 }] }],
    ["/cart/add.js", { items: [{ id: BEANIE, quantity: -1 }] }],
    ["/cart/add.js", { items: [{ id: BEANIE, quantity: 1.5 }] }],
    ["/cart/add.js", {}],
    ["/cart/change.js", { line: 7, quantity: 1 }],
    ["/cart/change.js", { quantity: 1 }],
    ["/cart/update.js", { updates: { "1": 2 } }],
  ])("%s refuses %j with Shopify's error document and changes nothing", async (path, body) => {
    const { visitor } = await shopping();
    const answer = await visitor.json(path, body);
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ status: 422, message: "Cart Error" });
    expect((await visitor.cart()).item_count).toBe(0);
  });

  test("private attributes are kept but shown to nobody on the storefront", async () => {
    const { visitor } = await shopping();
    const answer = await visitor.json("/cart/update.js", {
      attributes: { __trk_vid: "0a", gift: "yes", empty: "" },
    });
    expect((await answer.json() as AjaxCart).attributes).toEqual({ gift: "yes" });
  });

  test("works without JavaScript", async () => {
    const { visitor } = await shopping();
    const added = await visitor.form("/cart/add", { id: BEANIE, quantity: "3", return_to: "/checkout" });
    expect([added.status, added.headers.get("location")]).toEqual([303, "/checkout"]);
    await visitor.form("/cart/update", { "attributes[__trk_vid]": "0a", note: "hello" });
    const cart = await visitor.cart();
    expect([cart.item_count, cart.note]).toEqual([3, "hello"]);
  });
});

describe("the theme's forms", () => {
  test("say what they are, as Shopify's do, and answer with a page that says thank you", async () => {
    const { visitor, stage } = await shopping();
    for (
      const [path, type] of [
        ["/account/register", "create_customer"],
        ["/account/login", "customer_login"],
        ["/pages/contact", "contact"],
        ["/", "customer"],
      ] as const
    ) {
      expect(await visitor.text(path)).toContain(`name="form_type" value="${type}"`);
    }
    // none at checkout, where there is no theme
    await visitor.json("/cart/add.js", { items: [{ id: BEANIE, quantity: 1 }] });
    expect(await visitor.text("/checkout")).not.toContain("form_type");

    const registered = await visitor.form("/account", { "customer[email]": "Ada@example.com" });
    expect(registered.headers.get("location")).toBe("/account/register?posted=account");
    expect(await visitor.text("/account/register?posted=account")).toContain("Your account is open");
    // an account is opened once
    await visitor.form("/account", { "customer[email]": "ada@example.com" });
    await stage.shop.webhooksIdle();
    const told = stage.webhooks("customers/create").map(({ body }) => JSON.parse(body.toString()));
    expect(told).toMatchObject([{ email: "Ada@example.com", state: "enabled" }]);
    expect((await visitor.form("/contact", { form_type: "customer" })).headers.get("location"))
      .toBe("/?posted=newsletter");
    expect((await visitor.form("/account/login", {})).status).toBe(303);
    expect(await visitor.text("/")).toContain("Log out");
  });
});
