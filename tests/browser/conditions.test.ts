/** The script and pixel where something is in their way: filters, policies, blocked storage, a server that fails, a slow page. */
import { FiltersEngine, Request as FilterRequest } from "@ghostery/adblocker";
import { describe, expect, test } from "vitest";
import { browserKit, withoutBrowser } from "../support/browser.ts";
import { FILTER_RULES } from "../support/filter-rules.ts";
import { until } from "../support/stack.ts";

describe.skipIf(withoutBrowser("tests/browser/conditions"))("with something in the way", () => {
  const kit = browserKit();
  const { visitor } = kit;

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
        sourceUrl: someone.context.pages()[0]?.url() ?? kit.running.stack.urls.shop,
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
    expect(hosts).toEqual(new Set([kit.running.stack.urls.shop, new URL(kit.running.stack.urls.api).origin]));
    await someone.close();
  });

  test("a renamed proxy path is followed; the old one is not asked", async () => {
    const url = await kit.storefront({
      proxyPrefix: "/tools/t-rk",
    });
    const someone = await kit.at(url);
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
  });

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
  });

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
  });

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
      await until(() => tries().length === 2, "a second attempt");
      answer = null;
      await someone.waitFor("product_viewed");
      const tokens = tries().map(({ body }) => body.events!.map(({ token }) => token).join());
      expect(new Set(tokens).size).toBe(1);

      answer = { status: 404 };
      await page.goto("/products/trail-bottle");
      const before = tries().length;
      await until(() => tries().length > before && tries().at(-1)!.status === 404, "a refusal");
      const refused = tries().length;
      await someone.addToCart(page);
      await until(
        () =>
          page.evaluate(`Object.values(localStorage).some((text) => text.includes("product_added_to_cart"))`),
        "the add in storage",
      );
      expect(tries().length).toBe(refused);
      await someone.close();
    },
  );

  test(
    "where every way to TrakIt is blocked, the shop works as if we were not there, and Shopify still tells of the order",
    async () => {
      const someone = await visitor();
      await someone.context.addInitScript(`{
      const { fetch } = self;
      self.fetch = (url, init) => /\\/(event|session)(\\?|$)/.test(url) ? Promise.reject(new TypeError("blocked")) : fetch(url, init);
    }`);
      await someone.context.route(/\/(event|session)(\?|$)/, (route) => route.abort("blockedbyclient"));
      const page = await someone.context.newPage();
      await page.goto("/products/merino-beanie?fbclid=Never1");
      await someone.accept(page);
      await someone.addToCart(page);
      await page.getByRole("link", { name: /^Cart/ }).click();
      await page.getByRole("button", { name: "Check out" }).click();
      await page.waitForURL("**/checkout");
      await page.getByRole("button", { name: /^Pay / }).click();
      await page.getByRole("heading", { name: /^Thank you/ }).waitFor();
      const token = await page.locator(".facts div", { hasText: "Event id" }).locator("code").innerText();
      // consent rode in the cart, and the landing page's click in the order
      const [event] = await until(
        async () => {
          const found = await kit.running.rows<
            { browser: boolean; fbc: string; consent: { marketing: boolean } }
          >(
            `select browser_at is not null as browser, identifiers ->> 'fbc' as fbc, consent from trakit.events
           where event_id = $1`,
            [token],
          );
          return found.length === 1 && found;
        },
        "the order's event",
      );
      expect(event).toMatchObject({
        browser: false,
        fbc: expect.stringMatching(/Never1$/),
        consent: { marketing: true },
      });
      expect(someone.errors).toEqual([]);
      await someone.close();
    },
  );

  test(
    "where the embed is off, the pixel takes the storefront; where it is on, nothing comes twice",
    async () => {
      // no request through the app proxy teaches the shop's own host here; the installation wrote it
      await kit.running.rows("update trakit.shops set hosts = array['127.0.0.1'] where hosts = '{}'");
      const url = await kit.storefront({ extensions: { ...kit.extensions, embed: () => "" } });
      const someone = await kit.at(url);
      const page = await someone.context.newPage();
      await page.goto("/products/merino-beanie");
      await someone.accept(page);
      await someone.waitFor("product_viewed");
      await someone.addToCart(page);
      await someone.waitFor("product_added_to_cart");
      await someone.buy(page, { fromCart: "pixel cart_viewed" });
      await someone.waitFor("checkout_completed");
      expect(someone.eventsSent()).toEqual([
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
  );

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
    expect(someone.eventsSent()).not.toContain("script product_removed_from_cart");
    expect(await page.evaluate("shifts")).toBe(0);
    await someone.close();
  });
});
