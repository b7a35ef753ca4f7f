/** Journeys through the demo shop with the script and pixel that merchants get, against the whole local stack. */
import { describe, expect, test } from "vitest";
import { browserKit, withoutBrowser } from "../support/browser.ts";
import { until } from "../support/stack.ts";

describe.skipIf(withoutBrowser("tests/browser/journeys"))("a visitor's journey", () => {
  const kit = browserKit();
  const { visitor } = kit;
  const eventRow = (eventId: string) =>
    until(
      async () =>
        (await kit.running.rows<{ identifiers: Record<string, string>; both: boolean }>(
          `select identifiers, webhook_at is not null and browser_at is not null as both
           from trakit.events where event_id = $1 and webhook_at is not null`,
          [eventId],
        ))[0],
      "the order's event",
    );

  test(
    "every event arrives, once, under the id the browser gave it; script and pixel share the pages",
    async () => {
      const someone = await visitor();
      const page = await someone.context.newPage();
      await page.goto("/?fbclid=Journey1");
      await someone.accept(page);
      await someone.waitFor("page_viewed");
      await page.goto("/collections/all");
      await someone.waitFor("collection_viewed");
      await page.getByRole("searchbox").fill("mug");
      await page.getByRole("searchbox").press("Enter");
      await someone.waitFor("search_submitted");
      await page.goto("/products/lambswool-throw");
      await someone.waitFor("product_viewed");
      await someone.addToCart(page);
      await someone.waitFor("product_added_to_cart");
      const { eventId, orderId } = await someone.buy(page, { fromCart: "script cart_viewed" });
      await someone.waitFor("checkout_completed");

      // the script on the theme's pages, the pixel at checkout, and nothing twice
      expect(someone.eventsSent()).toEqual([
        "pixel checkout_completed",
        "pixel checkout_started",
        "pixel page_viewed",
        "pixel page_viewed",
        "script cart_viewed",
        "script collection_viewed",
        "script page_viewed",
        "script page_viewed",
        "script page_viewed",
        "script page_viewed",
        "script page_viewed",
        "script product_added_to_cart",
        "script product_viewed",
        "script search_submitted",
      ]);
      // an answer to a page that is gone cannot be read here
      const statuses = new Set(someone.sent().map(({ status }) => status));
      for (const status of ["unknown", "merged"]) statuses.delete(status);
      expect(statuses).toEqual(new Set(["accepted"]));
      expect(someone.sent("checkout_completed")[0]!.id).toBe(eventId);
      // the throw's ids are beyond 2^53
      expect(someone.sent("product_added_to_cart")[0]!.event.data).toMatchObject({
        cartLine: {
          quantity: 1,
          merchandise: { id: "4451234567890123457", product: { id: "8209829119461545087" } },
          cost: { totalAmount: { amount: 145.5, currencyCode: "USD" } },
        },
      });

      // what Shopify also knows is one event with Shopify's copy, under the browser's id; an add that was sent before the browser
      // told of it (after ten seconds, on a busy machine) keeps Shopify's
      const shared = someone.sent().filter(({ name }) =>
        ["product_added_to_cart", "checkout_started", "checkout_completed"].includes(name)
      ).map(({ id }) => id);
      await until(
        async () =>
          (await kit.running.rows(
            `select from trakit.events e where e.webhook_at is not null and e.browser_at is not null
               and (e.event_id = any ($1) or (e.name = 'product_added_to_cart' and e.commerce ->> 'cart_token' in (
                 select o.commerce ->> 'cart_token' from trakit.events o
                 where o.name = 'checkout_completed' and o.event_id = any ($1))))`,
            [shared],
          )).length === 3,
        "three events of two copies each",
      );

      // Meta has a name for most of them: each of those is there once, under the same id
      const expected = new Map(
        someone.sent().flatMap(({ name, id }) => {
          const meta = {
            page_viewed: "PageView",
            product_viewed: "ViewContent",
            collection_viewed: "ViewContent",
            search_submitted: "Search",
            checkout_completed: "Purchase",
          }[name];
          return meta === undefined ? [] : [[`${meta} ${id}`, 1] as const];
        }),
      );
      await until(
        async () => {
          const got = new Map(
            (await kit.running.copies()).filter(({ vendor }) => vendor === "meta").map((
              { name, event_id, copies },
            ) => [`${name} ${event_id}`, copies]),
          );
          return [...expected].every(([key, copies]) => got.get(key) === copies);
        },
        "each event once at Meta",
      );
      const google = (await kit.running.copies()).filter((one) =>
        one.vendor === "google" && one.event_id === orderId
      );
      expect(google.map(({ name, copies }) => ({ name, copies }))).toEqual([{ name: "purchase", copies: 1 }]);
      expect(someone.errors).toEqual([]);
      await someone.close();
    },
  );

  test(
    "cookies deleted on the way: the purchase still carries the first visit's click and browser id",
    async () => {
      const someone = await visitor();
      const page = await someone.context.newPage();
      await page.goto("/products/merino-beanie?fbclid=Lost1&ttclid=Tik1&epik=Pin1&ScCid=Snap1&gclid=Goo1");
      await someone.accept(page);
      await someone.waitFor("product_viewed");
      const before = await until(
        async () => (await someone.cookies())["_fbp"] && someone.cookies(),
        "_fbp",
      );
      expect(before["_fbc"]).toMatch(/^fb\.1\.\d{13}\.Lost1$/);
      await someone.addToCart(page);
      await someone.waitFor("product_added_to_cart");

      await page.goto("/collections/all");
      await someone.waitFor("collection_viewed");
      await page.getByRole("button", { name: /Behind the scenes/ }).click();
      await page.getByRole("button", { name: "Forget my cookies" }).click();
      await someone.waitFor("collection_viewed", 2);
      const { eventId } = await someone.buy(page);
      const { identifiers } = await eventRow(eventId);
      expect(identifiers).toMatchObject({
        fbp: before["_fbp"],
        fbc: before["_fbc"],
        visitor_id: before["_tk_v"],
        ttclid: "Tik1",
        epik: "Pin1",
        sc_click_id: "Snap1",
        gclid: "Goo1",
      });
      await someone.close();
    },
  );

  test("a visitor who comes back months later without cookies gets their identifiers back", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/?fbclid=Return1");
    await someone.accept(page);
    await someone.waitFor("page_viewed");
    const before = await until(
      async () => (await someone.cookies())["_fbc"] && someone.cookies(),
      "_fbc",
    );
    // the pixel has told the server the platform's own id of this browser
    await page.goto("/products/merino-beanie");
    await someone.waitFor("product_viewed");
    await someone.addToCart(page);
    await page.goto("/checkout");
    await someone.waitFor("checkout_started");

    // what Safari leaves after a week: nothing a script wrote. Five months pass.
    await someone.context.clearCookies({ name: /^(_tk_|_fb|_shop_consent|cart)/ });
    await page.evaluate(() => {
      localStorage.clear();
      sessionStorage.clear();
    });
    await kit.running.rows(
      "update trakit.visitors set created_at = created_at - interval '5 months', last_seen_at = last_seen_at - interval '5 months'",
    );
    await page.goto("/");
    await someone.accept(page);
    await someone.waitSent("script page_viewed", 3);
    await page.goto("/cart");
    await page.goto("/products/trail-bottle");
    const after = await until(
      async () => (await someone.cookies())["_fbc"] && someone.cookies(),
      "the click's cookie, restored",
    );
    expect(after["_fbc"]).toBe(before["_fbc"]);
    expect(after["_fbp"]).toBe(before["_fbp"]);
    await someone.close();
  });

  test("the landing page opened again without its cookies makes no new click of the old one", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie?fbclid=Again1");
    await someone.accept(page);
    const [first] = await someone.waitFor("product_viewed");
    const before = await until(
      async () => (await someone.cookies())["_fbc"] && someone.cookies(),
      "_fbc",
    );
    // the pixel tells the server the platform's own id of this browser, once it has an event of its own
    await someone.addToCart(page);
    await page.goto("/checkout");
    await someone.waitFor("checkout_started");
    const clickOf = async (id: string) =>
      (await until(
        async () =>
          (await kit.running.rows<{ fbc: string }>(
            "select identifiers ->> 'fbc' as fbc from trakit.events where event_id = $1",
            [id],
          ))[0],
        "the event",
      )).fbc;
    expect(await clickOf(first!.id)).toBe(before["_fbc"]);

    // cookies alone; and all a script wrote, as Safari does
    for (const [round, storage] of [[2, false], [3, true]] as const) {
      await someone.context.clearCookies({ name: /^(_tk_|_fb)/ });
      if (storage) {
        await page.evaluate(() => {
          localStorage.clear();
          sessionStorage.clear();
        });
      }
      await page.goto("/products/merino-beanie?fbclid=Again1");
      const viewed = (await someone.waitFor("product_viewed", round)).at(-1)!;
      await until(
        async () => (await someone.cookies())["_fbc"] === before["_fbc"],
        "the click's cookie as it was",
      );
      expect([round, await clickOf(viewed.id)]).toEqual([round, before["_fbc"]]);
      expect((await someone.cookies())["_fbp"]).toBe(before["_fbp"]);
    }
    // another click is another
    await page.goto("/products/merino-beanie?fbclid=Other1");
    const other = (await someone.waitFor("product_viewed", 4)).at(-1)!;
    expect(await clickOf(other.id)).toMatch(/\.Other1$/);
    await until(
      async () => (await someone.cookies())["_fbc"]?.endsWith(".Other1"),
      "the new click's cookie",
    );
    await someone.close();
  });

  test(
    "without consent nothing is stored and nothing is told; after it, from then on; withdrawn, ids go",
    async () => {
      const someone = await visitor();
      const page = await someone.context.newPage();
      const stored = () =>
        page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
      const ids = async () =>
        Object.keys(await someone.cookies()).filter((name) => /^_(tk|fb|ga|ttp|epik|scid)/.test(name));

      await page.goto("/products/merino-beanie?fbclid=No1");
      await someone.addToCart(page);
      await page.goto("/cart");
      await page.goto("/products/enamel-mug");
      await page.getByRole("region", { name: "May we measure your visit?" }).waitFor();
      await page.waitForLoadState("networkidle");
      expect(someone.told).toEqual([]);
      expect(await stored()).toEqual([]);
      expect(await ids()).toEqual([]);

      await page.getByRole("button", { name: "Decline" }).click();
      await page.goto("/collections/all");
      await page.waitForLoadState("networkidle");
      expect(someone.told).toEqual([]);
      expect(await stored()).toEqual([]);

      // analytics alone: the script goes on, the pixel is not loaded, and no advertising id is made
      await page.getByRole("button", { name: "Cookie preferences" }).click();
      await page.getByRole("button", { name: "Analytics only" }).click();
      await someone.waitFor("page_viewed");
      await page.goto("/products/trail-bottle");
      await someone.waitFor("product_viewed");
      expect(await ids()).toEqual(["_tk_v"]);
      expect(someone.sent().map(({ name, source }) => `${source} ${name}`)).not.toContain(
        "script product_added_to_cart",
      );
      expect(new Set(someone.sent().map(({ source }) => source))).toEqual(new Set(["script"]));
      expect(someone.sent("product_viewed").map(({ event }) => event.page.url)).toEqual([
        expect.stringContaining("/products/trail-bottle"),
      ]);

      // both
      await page.getByRole("button", { name: "Cookie preferences" }).click();
      await someone.accept(page);
      await until(async () => (await ids()).includes("_fbp"), "_fbp");

      // withdrawn
      const before = someone.told.length;
      await page.getByRole("button", { name: "Cookie preferences" }).click();
      await page.getByRole("button", { name: "Decline" }).click();
      await until(async () => (await ids()).length === 0, "no identifiers left");
      expect((await stored()).filter((key) => key.startsWith("_tk_"))).toEqual([]);
      await page.goto("/products/merino-beanie");
      await page.waitForLoadState("networkidle");
      const after = someone.told.slice(before);
      expect(after.map(({ path, body }) => ({ path, consent: body.consent }))).toEqual([{
        path: "session",
        consent: { analytics: false, marketing: false, preferences: false, sale_of_data: false },
      }]);
      expect((await stored()).filter((key) => key.startsWith("_tk_"))).toEqual([]);
      expect(someone.errors).toEqual([]);
      await someone.close();
    },
  );
});
