/** The merchant's own tags on the page: who gets which event id. */
import { type Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { browserKit, withoutBrowser } from "../support/browser.ts";
import { until } from "../support/stack.ts";

describe.skipIf(withoutBrowser("tests/browser/browser-tags"))("the merchant's own tags", () => {
  const kit = browserKit();
  const { visitor } = kit;

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
      await until(() => someone.asked.some((url) => url.endsWith("/link.js")), "the bridge");
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
          // the session that sent the event signs the reports of it
          const found = someone.told.flatMap(({ body }) => body.fired ?? [])
            .filter(({ token }) => token.split(".")[0] === id)
            .map(({ body }) => JSON.parse(body) as { platforms: string[] });
          return found.length === 5 && found;
        },
        "five reports",
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
  );

  test("where the merchant asks for it, the tags are fired with the event's id", async () => {
    await kit.running.rows(
      `update trakit.shops set browser_tags = '{"meta":"fire","google":"fire","tiktok":"off","pinterest":"off","snapchat":"off"}'`,
    );
    const someone = await visitor();
    await someone.context.addInitScript(TAGS);
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie");
    await someone.accept(page);
    const [viewed] = await someone.waitFor("product_viewed");
    await until(async () => (await calls(page)).length >= 4, "four calls");
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
    await kit.running.rows("update trakit.shops set browser_tags = default");
    await someone.close();
  });

  test("without a tag on the page the bridge is not loaded", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/");
    await someone.accept(page);
    await someone.waitFor("page_viewed");
    await page.waitForLoadState("networkidle");
    expect(someone.asked.filter((url) => url.endsWith("/link.js"))).toEqual([]);
    await someone.close();
  });
});
