/** Pages that come and go: offline, straight to checkout, in two tabs, back from the cache, prepared before they are seen. */
import { describe, expect, test } from "vitest";
import { browserKit, withoutBrowser } from "../support/browser.ts";
import { plainChromium } from "../support/plain-chromium.ts";
import { until } from "../support/stack.ts";

describe.skipIf(withoutBrowser("tests/browser/pages"))("pages that come and go", () => {
  const kit = browserKit();
  const { visitor } = kit;

  test("offline in the middle loses nothing, over a navigation too", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/");
    await someone.accept(page);
    await someone.waitFor("page_viewed");
    // TrakIt cannot be reached, the shop can
    await someone.context.route(/\/(event|session)(\?|$)/, (route) => route.abort("internetdisconnected"));
    await page.goto("/products/merino-beanie");
    await someone.addToCart(page);
    await until(() => someone.told.filter(({ path }) => path === "event").length >= 2, "an attempt");
    await page.goto("/products/trail-bottle");
    await someone.addToCart(page, 2);
    const kept = await page.evaluate(() =>
      Object.keys(localStorage).filter((key) => key.startsWith("_tk_q")).length
    );
    expect(kept).toBeGreaterThanOrEqual(4);
    await someone.context.unroute(/\/(event|session)(\?|$)/);
    await page.evaluate("dispatchEvent(new Event('online'))");
    await page.goto("/cart");
    await someone.waitFor("cart_viewed");
    await someone.waitFor("product_added_to_cart", 2);
    await someone.waitFor("product_viewed", 2);
    expect(someone.sent("page_viewed").map(({ event }) => new URL(event.page.url).pathname).sort()).toEqual([
      "/",
      "/cart",
      "/products/merino-beanie",
      "/products/trail-bottle",
    ]);
    expect(new Set(someone.sent().map(({ id }) => id)).size).toBe(someone.sent().length);
    await until(
      () => page.evaluate(() => Object.keys(localStorage).every((key) => !key.startsWith("_tk_q"))),
      "an empty queue",
    );
    await someone.close();
  });

  test("straight to checkout with events unsent: the pixel sends them from there", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/");
    await someone.accept(page);
    await someone.waitFor("page_viewed");
    // the storefront's way to TrakIt is cut, down to what leaves with the page; the pixel's own is not
    await someone.context.addInitScript(`{
      const { fetch } = self;
      self.fetch = (url, init) => /\\/apps\\/trakit\\/(event|session)$/.test(url) && document.cookie.includes("cut=1")
        ? Promise.reject(new TypeError("cut"))
        : fetch(url, init);
    }`);
    await someone.context.addCookies([{ name: "cut", value: "1", url: kit.running.stack.urls.shop }]);
    await page.goto("/products/merino-beanie");
    await someone.addToCart(page);
    await page.goto("/checkout");
    await someone.waitFor("checkout_started");
    for (const name of ["product_viewed", "product_added_to_cart"]) {
      const [event] = await someone.waitFor(name);
      expect(event).toMatchObject({ source: "pixel", status: expect.stringMatching(/accepted|merged/) });
      expect(event!.event.page.url).toMatch(/\/products\/merino-beanie$/);
    }
    // answered for, so no later page of the theme sends it again
    await until(
      () => page.evaluate(() => Object.keys(localStorage).every((key) => !key.startsWith("_tk_q"))),
      "nothing left for the theme's script",
    );
    const ids = someone.eventsSent().length;
    await someone.context.clearCookies({ name: "cut" });
    await page.goto("/collections/all");
    await someone.waitFor("collection_viewed");
    expect(someone.eventsSent()).toHaveLength(ids + 2);
    await someone.close();
  });

  test("two tabs are one visitor, and one tab's add is no news to the other", async () => {
    const someone = await visitor();
    const first = await someone.context.newPage();
    await first.goto("/");
    await someone.accept(first);
    await someone.waitFor("page_viewed");
    const second = await someone.context.newPage();
    await first.goto("/products/merino-beanie");
    await second.goto("/products/trail-bottle");
    await someone.waitFor("product_viewed", 2);
    await someone.addToCart(first, 1);
    await someone.addToCart(second, 2);
    await someone.waitFor("product_added_to_cart", 2);
    await first.goto("/cart");
    await someone.waitFor("cart_viewed");
    const added = someone.sent("product_added_to_cart").map((
      { event },
    ) => (event.data["cartLine"] as { merchandise: { sku: string }; quantity: number })).map((
      { merchandise, quantity },
    ) => `${quantity} ${merchandise.sku}`);
    expect(added.sort()).toEqual(["1 MB-CHAR", "1 TB-750"]);
    const visitors = new Set(
      someone.told.filter(({ path }) => path === "event").map(({ body }) => body.visitor?.["visitor_id"]),
    );
    expect(visitors.size).toBe(1);
    expect(someone.told.filter(({ path }) => path === "session")).toHaveLength(1);
    await someone.close();
  });

  test("a page that comes back from the back-forward cache is seen again, its cart is not", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie");
    await someone.accept(page);
    await someone.waitFor("product_viewed");
    await someone.addToCart(page);
    await someone.waitFor("product_added_to_cart");
    const visitorId = (await someone.cookies())["_tk_v"];
    await page.evaluate(`
      globalThis.mark = "same page";
      addEventListener("pageshow", (event) => globalThis.mark += event.persisted ? ", persisted" : ", new");
    `);
    await page.goto("/collections/all");
    await someone.waitFor("collection_viewed");
    // goBack() waits for a load event, and a page that comes back has none
    await page.evaluate("history.back()");
    // playwright loses the answer to a request of a page that comes back: the database knows
    const viewed = () =>
      kit.running.rows(
        `select from trakit.events where name = 'product_viewed' and identifiers ->> 'visitor_id' = $1`,
        [visitorId],
      );
    await until(async () => (await viewed()).length === 2, "a second view");
    expect(await page.evaluate("mark")).toBe("same page, persisted");
    await page.goto("/cart");
    await someone.waitFor("cart_viewed");
    expect(someone.sent("product_added_to_cart")).toHaveLength(1);
    expect(someone.sent("product_removed_from_cart")).toHaveLength(0);
    expect(new Set(someone.sent().map(({ id }) => id)).size).toBe(someone.sent().length);
    await someone.close();
  });

  test("a page the browser only prepares tells nothing until it is shown, and then once", async () => {
    const product = "/products/merino-beanie";
    const url = await kit.storefront({ prerender: [product] });
    const told = (path: string) =>
      kit.running.rows<{ name: string; at: number }>(
        `select name, extract(epoch from occurred_at) * 1000 as at from trakit.events
         where page ->> 'url' = $1 order by name`,
        [url + path],
      );
    // no playwright here: while DevTools look on, nothing is prerendered
    const plain = await plainChromium(`${kit.running.stack.urls.shop}/shop/icon.svg`);
    try {
      await until(() => plain.evaluate("location.protocol === 'http:'").catch(() => false), "a page");
      await plain.evaluate(
        `document.cookie = "_shop_consent=a1m1p1s1; Path=/"; location.assign(${JSON.stringify(url)})`,
      );
      await until(async () => (await told("/")).length > 0, "the first page's events");
      expect(await told(product)).toEqual([]);
      const shown = Date.now();
      await plain.evaluate(`document.querySelector('main a[href="${product}"]').click()`);
      await until(async () => (await told(product)).length >= 2, "the product page's events");
      expect(
        await plain.evaluate("performance.getEntriesByType('navigation')[0].activationStart > 0"),
      ).toBe(true);
      const events = await told(product);
      expect(events.map(({ name }) => name)).toEqual(["page_viewed", "product_viewed"]);
      for (const { at } of events) expect(Number(at)).toBeGreaterThanOrEqual(shown - 1_000);
    } finally {
      await plain.close();
    }
  });
});
