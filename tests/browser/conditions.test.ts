/** The same script and pixel where something is in their way: filters, policies, blocked storage, other tags, a slow device. */
import { fileURLToPath } from "node:url";
import { FiltersEngine, Request as FilterRequest } from "@ghostery/adblocker";
import { type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DemoShop, startDemoShop } from "@trakit/sandbox/shop/demo-shop.ts";
import { type Extensions, type PixelSettings, readExtensions } from "@trakit/sandbox/shop/extensions.ts";
import { launch, type Shopper, shopper, withoutBrowser } from "../support/browser.ts";
import { FILTER_RULES } from "../support/filter-rules.ts";
import { dataFolder, type TestStack, testStack, until } from "../support/stack.ts";

const EXTENSIONS = fileURLToPath(new URL("../../packages/storefront/extensions", import.meta.url));

describe.skipIf(withoutBrowser("tests/browser/conditions"))("with something in the way", () => {
  let data: Awaited<ReturnType<typeof dataFolder>> | undefined;
  let running: TestStack;
  let browser: Browser | undefined;
  let pixel: PixelSettings;
  const shops: DemoShop[] = [];

  beforeAll(async () => {
    data = await dataFolder();
    running = await testStack(data.path);
    browser = await launch();
    const html = await (await fetch(running.stack.urls.shop)).text();
    pixel = JSON.parse(/"pixel":(\{[^}]*\})/.exec(html)![1]!) as PixelSettings;
  });

  afterAll(async () => {
    await browser?.close();
    for (const shop of shops) await shop.close();
    await running?.close();
    await data?.remove();
  });

  const visitor = (): Promise<Shopper> => shopper(browser!, running.stack.urls.shop);

  /** Another storefront of the same shop, in front of the same stack. */
  async function storefront(options: { proxyPrefix?: string; extensions: Extensions }): Promise<string> {
    const shop = await startDemoShop({
      port: 0,
      apiSecret: "trakit-local-api-secret",
      apiUrl: running.stack.urls.api,
      sandboxUrl: running.stack.urls.sandbox,
      ...options,
    });
    shops.push(shop);
    return shop.url;
  }

  test("ad-block rules block nothing of it", async () => {
    const engine = FiltersEngine.parse(FILTER_RULES);
    const someone = await visitor();
    const blocked: string[] = [];
    await someone.context.route("**/*", (route) => {
      const request = route.request();
      const type =
        { script: "script", fetch: "xmlhttprequest", xhr: "xmlhttprequest" }[request.resourceType()] ??
          "other";
      const asked = FilterRequest.fromRawDetails({
        url: request.url(),
        sourceUrl: someone.context.pages()[0]?.url() ?? running.stack.urls.shop,
        type: type as "script",
      });
      if (!engine.match(asked).match) return route.continue();
      blocked.push(request.url());
      return route.abort("blockedbyclient");
    });
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie?fbclid=Blocked1");
    await someone.accept(page);
    await someone.waitFor("product_viewed");
    await someone.addToCart(page);
    await someone.buy(page);
    await someone.waitFor("checkout_completed");
    expect(blocked).toEqual([]);
    // and nobody else was asked anything: the shop and TrakIt
    const hosts = new Set(
      someone.asked.filter((url) => url.startsWith("http")).map((url) => new URL(url).origin),
    );
    expect(hosts).toEqual(new Set([running.stack.urls.shop, new URL(running.stack.urls.api).origin]));
    await someone.close();
  }, 60_000);

  test("a renamed proxy path is followed; the old one is not asked", async () => {
    const url = await storefront({
      proxyPrefix: "/tools/t-rk",
      extensions: readExtensions(EXTENSIONS, pixel),
    });
    const someone = await shopper(browser!, url);
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie");
    await someone.accept(page);
    await someone.waitFor("product_viewed");
    expect(someone.asked.filter((one) => /\/apps\//.test(one))).toEqual([]);
    expect(someone.told.map(({ source, url }) => `${source} ${new URL(url).pathname}`)).toEqual([
      "script /tools/t-rk/session",
      "script /tools/t-rk/event",
    ]);
    await someone.close();
  }, 30_000);

  test("a strict content policy is kept: no inline script, nothing from elsewhere, no refusal", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    const answer = await page.goto("/products/merino-beanie");
    const policy = answer!.headers()["content-security-policy"]!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|nonce|https?:/);
    await page.evaluate(
      `addEventListener("securitypolicyviolation", (event) => (globalThis.refused ??= []).push(event.blockedURI))`,
    );
    await someone.accept(page);
    await someone.waitFor("product_viewed");
    await someone.addToCart(page);
    await someone.waitFor("product_added_to_cart");
    expect(await page.evaluate("globalThis.refused ?? []")).toEqual([]);
    expect(someone.errors).toEqual([]);
    await someone.close();
  }, 30_000);

  test("storage that throws, in whole or in part, costs no event and no error", async () => {
    const someone = await visitor();
    await someone.context.addInitScript(`
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(globalThis, name, { get() { throw new DOMException("denied", "SecurityError"); } });
      }
    `);
    // the panel keeps its log there, and is no part of the product
    await someone.context.route(
      "**/shop/panel.js",
      (route) => route.fulfill({ contentType: "text/javascript", body: "" }),
    );
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie?fbclid=Storage1");
    await someone.accept(page);
    await someone.waitFor("product_viewed");
    await someone.addToCart(page);
    await someone.waitFor("product_added_to_cart");
    expect((await someone.cookies())["_fbc"]).toMatch(/Storage1$/);
    expect(someone.errors).toEqual([]);
    await someone.close();
  }, 30_000);

  test(
    "a server that fails is asked again, later, with the same token; one that refuses is left alone",
    async () => {
      const someone = await visitor();
      let answer: { status: number; headers?: Record<string, string> } | null = {
        status: 503,
        headers: { "retry-after": "1" },
      };
      await someone.context.route(
        /\/event(\?|$)/,
        (route) =>
          answer === null
            ? route.continue()
            : route.fulfill({ ...answer, contentType: "application/json", body: "{}" }),
      );
      const page = await someone.context.newPage();
      await page.goto("/products/merino-beanie");
      await someone.accept(page);
      const tries = () => someone.told.filter(({ path }) => path === "event");
      await until(() => tries().length === 2, "a second attempt", 10_000);
      answer = null;
      await someone.waitFor("product_viewed");
      const tokens = tries().map(({ body }) => body.events!.map(({ token }) => token).join());
      expect(new Set(tokens).size).toBe(1);

      answer = { status: 404 };
      await page.goto("/products/trail-bottle");
      const before = tries().length;
      await until(() => tries().length > before && tries().at(-1)!.status === 404, "a refusal", 10_000);
      const refused = tries().length;
      await someone.addToCart(page);
      await until(
        () =>
          page.evaluate(`Object.values(localStorage).some((text) => text.includes("product_added_to_cart"))`),
        "the add in storage",
        5_000,
      );
      expect(tries().length).toBe(refused);
      await someone.close();
    },
    60_000,
  );

  test(
    "where the embed is off, the pixel takes the storefront; where it is on, nothing comes twice",
    async () => {
      // no request through the app proxy teaches the shop's own host here; the installation wrote it
      await running.rows("update trakit.shops set hosts = array['127.0.0.1'] where hosts = '{}'");
      const both = readExtensions(EXTENSIONS, pixel);
      const url = await storefront({ extensions: { ...both, embed: () => "" } });
      const someone = await shopper(browser!, url);
      const page = await someone.context.newPage();
      await page.goto("/products/merino-beanie");
      await someone.accept(page);
      await someone.waitFor("product_viewed");
      await someone.addToCart(page);
      await someone.waitFor("product_added_to_cart");
      await someone.buy(page);
      await someone.waitFor("checkout_completed");
      await someone.waitFor("cart_viewed");
      expect(someone.made()).toEqual([
        "pixel cart_viewed",
        "pixel checkout_completed",
        "pixel checkout_started",
        "pixel page_viewed",
        "pixel page_viewed",
        "pixel page_viewed",
        "pixel page_viewed",
        "pixel product_added_to_cart",
        "pixel product_viewed",
      ]);
      // the pixel writes the identifiers the server gave
      expect((await someone.cookies())["_fbp"]).toMatch(/^fb\.1\./);
      expect(someone.errors).toEqual([]);
      await someone.close();
    },
    60_000,
  );

  test("a newsletter form is a lead, sent and not stored", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/");
    await someone.accept(page);
    await someone.waitFor("page_viewed");
    await page.evaluate(`
      document.querySelector("main").innerHTML += '<form id="news" action="/contact" method="post"><input type="hidden" name="form_type" value="customer"><input name="contact[email]" value="maya@example.com"></form>';
      document.getElementById("news").addEventListener("submit", (event) => event.preventDefault());
      document.getElementById("news").requestSubmit();
    `);
    const [lead] = await someone.waitFor("lead_submitted");
    expect(lead!.event.data).toEqual({ customer: { email: "maya@example.com" } });
    expect(lead!.source).toBe("pixel");
    const kept = await page.evaluate(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage, _shop_sent: '' }])",
    );
    expect(kept).not.toContain("maya@");
    await someone.close();
  }, 30_000);

  test("nothing leaves before the page has loaded, and nothing moves on it", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/");
    await someone.accept(page);
    await someone.waitFor("page_viewed");
    // an image that keeps the page from having loaded
    let release = () => {};
    const held = new Promise<void>((done) => release = done);
    await someone.context.route("**/slow.svg", async (route) => {
      await held;
      await route.fulfill({
        contentType: "image/svg+xml",
        body: "<svg xmlns='http://www.w3.org/2000/svg'/>",
      });
    });
    await someone.context.addInitScript(`
      document.addEventListener("DOMContentLoaded", () => document.body.append(Object.assign(new Image(), { src: "/slow.svg" })));
      globalThis.shifts = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) shifts += entry.value; }).observe({ type: "layout-shift", buffered: true });
    `);
    const before = someone.told.length;
    await page.goto("/products/merino-beanie", { waitUntil: "domcontentloaded" });
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.locator("[data-cart-count]", { hasText: /^1$/ }).waitFor();
    expect(someone.told.slice(before)).toEqual([]);
    release();
    await someone.waitFor("product_added_to_cart");
    await someone.waitFor("product_viewed");
    // the cart the page was made with is older than what was added since
    expect(someone.made()).not.toContain("script product_removed_from_cart");
    expect(await page.evaluate("shifts")).toBe(0);
    await someone.close();
  }, 30_000);

  describe("the merchant's own tags", () => {
    /** Stand-ins that note what they were called with, under the names the vendors' snippets define. */
    const TAGS = `
      globalThis.calls = [];
      const note = (tag) => (...given) => { calls.push([tag, ...given]); };
      globalThis.fbq = Object.assign(note("fbq"), { queue: [], version: "2.0" });
      globalThis.pintrk = note("pintrk");
      globalThis.snaptr = note("snaptr");
      globalThis.gtag = note("gtag");
      globalThis.ttq = { track: note("ttq") };
    `;
    const calls = (page: Page) => page.evaluate("calls") as Promise<[string, ...unknown[]][]>;

    test(
      "a tag called before or after our event gets that event's id, and the server hears of it",
      async () => {
        const someone = await visitor();
        await someone.context.addInitScript(TAGS);
        const page = await someone.context.newPage();
        await page.goto("/products/merino-beanie");
        await someone.accept(page);
        const [viewed] = await someone.waitFor("product_viewed");
        await until(() => someone.asked.some((url) => url.endsWith("/link.js")), "the bridge", 5_000);
        await page.waitForLoadState("networkidle");
        await page.evaluate(`
        fbq("track", "ViewContent", { value: 32, currency: "USD" });
        ttq.track("ViewContent", {});
        pintrk("track", "viewcontent");
        snaptr("track", "VIEW_CONTENT", { price: 32 });
        gtag("event", "view_item", { value: 32 });
        fbq("track", "SomethingElse", {});
        fbq("track", "PageView", {}, { eventID: "my-own" });
        fbq("init", "123");
      `);
        const id = viewed!.id;
        expect(await calls(page)).toEqual([
          ["fbq", "track", "ViewContent", { value: 32, currency: "USD" }, { eventID: id }],
          ["ttq", "ViewContent", {}, { event_id: id }],
          ["pintrk", "track", "viewcontent", { event_id: id }],
          ["snaptr", "track", "VIEW_CONTENT", { price: 32, client_dedup_id: id }],
          ["gtag", "event", "view_item", { value: 32 }],
          ["fbq", "track", "SomethingElse", {}],
          ["fbq", "track", "PageView", {}, { eventID: "my-own" }],
          ["fbq", "init", "123"],
        ]);
        const fired = await until(
          () => {
            const found = someone.told.flatMap(({ body }) => body.fired ?? []).filter((one) =>
              one.event_id === id
            );
            return found.length === 5 && found;
          },
          "five reports",
          5_000,
        );
        expect(fired.flatMap(({ platforms }) => platforms).sort()).toEqual([
          "google",
          "meta",
          "pinterest",
          "snapchat",
          "tiktok",
        ]);

        // the theme calls the tag on the click, before the cart has answered
        await page.evaluate(
          `calls.length = 0; document.querySelector("[data-add-form]").addEventListener("submit", () => {
        fbq("track", "AddToCart", { value: 32 }); ttq.track("AddToCart", {});
      })`,
        );
        await someone.addToCart(page);
        const [added] = await someone.waitFor("product_added_to_cart");
        expect(await calls(page)).toEqual([
          ["fbq", "track", "AddToCart", { value: 32 }, { eventID: added!.id }],
          ["ttq", "AddToCart", {}, { event_id: added!.id }],
        ]);
        expect(Object.keys(added!.event["tags"] as object).sort()).toEqual(["meta", "tiktok"]);
        // what the vendor's own code put on its function is still there
        expect(await page.evaluate("[fbq.version, Array.isArray(fbq.queue)]")).toEqual(["2.0", true]);
        expect(someone.errors).toEqual([]);
        await someone.close();
      },
      60_000,
    );

    test("where the merchant asks for it, the tags are fired with the event's id", async () => {
      await running.rows(
        `update trakit.shops set browser_tags = '{"meta":"fire","google":"fire","tiktok":"off","pinterest":"off","snapchat":"off"}'`,
      );
      const someone = await visitor();
      await someone.context.addInitScript(TAGS);
      const page = await someone.context.newPage();
      await page.goto("/products/merino-beanie");
      await someone.accept(page);
      const [viewed] = await someone.waitFor("product_viewed");
      await until(async () => (await calls(page)).length >= 4, "four calls", 5_000);
      expect(await calls(page)).toContainEqual([
        "fbq",
        "trackSingle",
        "100000000000001",
        "ViewContent",
        {
          value: 32,
          currency: "USD",
          content_ids: ["44512345678901"],
          content_type: "product",
          contents: [{ id: "44512345678901", quantity: 1 }],
        },
        { eventID: viewed!.id },
      ]);
      await page.evaluate("calls.length = 0");
      await someone.addToCart(page);
      const [added] = await someone.waitFor("product_added_to_cart");
      expect(
        (await calls(page)).map(([tag, ...rest]) => [tag, ...rest.filter((one) => typeof one === "string")]),
      )
        .toEqual([["fbq", "trackSingle", "100000000000001", "AddToCart"], ["gtag", "event", "add_to_cart"]]);
      expect(Object.keys(added!.event["tags"] as object).sort()).toEqual(["google", "meta"]);
      await running.rows("update trakit.shops set browser_tags = default");
      await someone.close();
    }, 60_000);

    test("without a tag on the page the bridge is not loaded", async () => {
      const someone = await visitor();
      const page = await someone.context.newPage();
      await page.goto("/");
      await someone.accept(page);
      await someone.waitFor("page_viewed");
      await page.waitForLoadState("networkidle");
      expect(someone.asked.filter((url) => url.endsWith("/link.js"))).toEqual([]);
      await someone.close();
    }, 30_000);
  });
});
