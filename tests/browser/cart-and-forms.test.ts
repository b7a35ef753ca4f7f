/** What visitors do on a page besides looking: carts changed in every way, forms sent. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { browserKit, withoutBrowser } from "../support/browser.ts";
import { until } from "../support/stack.ts";

/** Of the events a visitor sent, those of forms. */
const isForm = (event: string) => /customer_registered|lead_submitted/.test(event);

describe.skipIf(withoutBrowser("tests/browser/cart-and-forms"))("carts and forms", () => {
  const kit = browserKit();
  const { visitor } = kit;

  test("forms without script count too: a quantity raised, a line removed", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie");
    await someone.accept(page);
    await someone.addToCart(page);
    await someone.waitFor("product_added_to_cart");
    await page.goto("/products/trail-bottle");
    await someone.addToCart(page, 2);
    await someone.waitFor("product_added_to_cart", 2);
    await page.goto("/cart");
    await someone.waitFor("cart_viewed");
    await page.getByLabel(/^Quantity of Merino Beanie/).fill("3");
    await page.getByRole("button", { name: "Update" }).first().click();
    await someone.waitFor("product_added_to_cart", 3);
    await page.getByRole("button", { name: /^Remove Trail Bottle/ }).click();
    await someone.waitFor("product_removed_from_cart");
    const line = (one: { event: { data: Record<string, unknown> } }) =>
      one.event.data["cartLine"] as { merchandise: { sku: string }; quantity: number };
    expect(someone.sent("product_added_to_cart").map(line)[2]).toMatchObject({
      quantity: 2,
      merchandise: { sku: "MB-CHAR" },
    });
    expect(someone.sent("product_removed_from_cart").map(line)).toMatchObject([
      { quantity: 1, merchandise: { sku: "TB-750" } },
    ]);
    await someone.close();
  });

  test("however a theme changes the cart, each change is one event", async () => {
    const someone = await visitor();
    const page = await someone.context.newPage();
    await page.goto("/products/merino-beanie");
    await someone.accept(page);
    await someone.waitFor("product_viewed");
    const id = "44512345678901";
    const line = (name: string) =>
      someone.sent(name).map(({ event }) =>
        event.data["cartLine"] as { merchandise: { sku: string }; quantity: number }
      ).map(({ merchandise, quantity }) => `${quantity} ${merchandise.sku}`);
    /** What Shopify's own storefront tells pixels of the same change. */
    const platform = (quantity: number) =>
      `document.dispatchEvent(new CustomEvent("shop:cart-changed", {
        detail: { name: "product_added_to_cart", variantId: "${id}", quantity: ${quantity} } }))`;
    const xhr = (path: string, body: string, type: string) =>
      `new Promise((done) => {
        const request = new XMLHttpRequest();
        request.open("POST", "${path}");
        request.setRequestHeader("content-type", "${type}");
        request.onload = done;
        request.send(${body});
      })`;
    const json = (path: string, body: string) =>
      `fetch("${path}", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(${body}) })`;

    // add: JSON with sections to render, a Request with a form, XHR
    await page.evaluate(
      `${json("/cart/add.js", `{ items: [{ id: "${id}", quantity: 1 }], sections: "cart-drawer,cart-icon" }`)}
        .then(() => ${platform(1)})`,
    );
    await someone.waitFor("product_added_to_cart", 1);
    await page.evaluate(`{
      const form = new URLSearchParams({ id: "${id}", quantity: "2", sections: "cart-drawer" });
      fetch(new Request(new URL("/cart/add", location.href), { method: "POST", body: form })).then(() => ${
      platform(2)
    });
    }`);
    await someone.waitFor("product_added_to_cart", 2);
    await page.evaluate(xhr("/cart/add.js", `"id=${id}&quantity=3"`, "application/x-www-form-urlencoded"));
    await someone.waitFor("product_added_to_cart", 3);
    // what Shopify refuses is no change
    await page.evaluate(json("/cart/add.js", `{ items: [{ id: "1", quantity: 1 }] }`));
    // change: up by fetch, down by XHR; update: up
    await page.evaluate(json("/cart/change.js", "{ line: 1, quantity: 10 }"));
    await someone.waitFor("product_added_to_cart", 4);
    await page.evaluate(
      xhr("/cart/change.js", "JSON.stringify({ line: 1, quantity: 8 })", "application/json"),
    );
    await someone.waitFor("product_removed_from_cart", 1);
    await page.evaluate(json("/cart/update.js", `{ updates: { "${id}": 9 }, sections: "cart-drawer" }`));
    await someone.waitFor("product_added_to_cart", 5);
    await page.evaluate(xhr("/cart/update.js", `"updates[${id}]=10"`, "application/x-www-form-urlencoded"));
    await someone.waitFor("product_added_to_cart", 6);
    // a note is no change of a line
    await page.evaluate(json("/cart/update.js", `{ note: "for you" }`));
    await page.evaluate(json("/cart/clear.js", "{}"));
    await someone.waitFor("product_removed_from_cart", 2);
    await page.goto("/collections/all");
    await someone.waitFor("collection_viewed");

    const sku = "MB-CHAR";
    expect(line("product_added_to_cart")).toEqual([1, 2, 3, 4, 1, 1].map((quantity) => `${quantity} ${sku}`));
    expect(line("product_removed_from_cart")).toEqual([`2 ${sku}`, `10 ${sku}`]);
    expect(new Set(someone.sent().map(({ source }) => source))).toEqual(new Set(["script"]));
    expect(someone.errors).toEqual([]);
    await someone.close();
  });

  test(
    "registration, newsletter and contact forms are told once each, a login is nothing; nobody's address is kept",
    async () => {
      const someone = await visitor();
      const page = await someone.context.newPage();
      await page.goto("/");
      await someone.accept(page);
      await someone.waitFor("page_viewed");

      // each really leaves its page, and the shop answers when the pixel has sent: what somebody typed is never stored on the
      // device, so on a machine this busy a page that goes at once would take it along
      let forms = 0;
      await page.route(
        (url) => url.pathname !== "/account/login",
        async (route, request) => {
          if (request.method() === "POST" && request.isNavigationRequest()) {
            forms++;
            await until(() => someone.eventsSent().filter(isForm).length >= forms, `form ${forms} told`);
          }
          await route.continue();
        },
      );
      await page.getByPlaceholder("you@example.com").fill("News.Reader@example.com");
      await page.getByRole("button", { name: "Sign up" }).click();
      await page.getByText("You are on the list.").waitFor();
      await page.goto("/pages/contact");
      await page.getByLabel("Name").fill("Ada");
      await page.getByLabel("Email").first().fill("ada.contact@example.com");
      await page.getByLabel("Message").fill("Do you ship to the moon?");
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByText("your message is on its way").waitFor();
      await page.goto("/account/register");
      await page.getByLabel("First name").fill("Ada");
      await page.getByLabel("Last name").fill("Byron");
      await page.getByLabel("Email").first().fill("ada.new@example.com");
      await page.getByLabel("Password").fill("correct horse");
      await page.getByRole("button", { name: "Create account" }).click();
      await page.getByText("Your account is open.").waitFor();
      await page.goto("/account/login");
      await page.getByLabel("Email").first().fill("ada.login@example.com");
      await page.getByLabel("Password").fill("battery staple");
      await page.getByRole("button", { name: "Log in", exact: true }).last().click();
      await page.getByRole("button", { name: "Log out" }).waitFor();

      const told = () =>
        kit.running.rows<{ name: string; email: string | null }>(
          `select name, digests -> 'email.lower' ->> 0 as email from trakit.events
         where name in ('customer_registered', 'lead_submitted') and browser_at is not null order by captured_at`,
        );
      await until(async () => (await told()).length >= 3, "three forms");
      const digest = (email: string) => createHash("sha256").update(email).digest("hex");
      expect(await told()).toEqual([
        { name: "lead_submitted", email: digest("news.reader@example.com") },
        { name: "lead_submitted", email: digest("ada.contact@example.com") },
        { name: "customer_registered", email: digest("ada.new@example.com") },
      ]);
      // Shopify told of the account too: one event, from both
      await until(
        async () =>
          (await kit.running.rows<{ both: boolean }>(
            `select webhook_at is not null and browser_at is not null as both from trakit.events
           where name = 'customer_registered'`,
          )).map(({ both }) => both).join() === "true",
        "one registration of two copies",
      );
      const sent = someone.told.flatMap(({ body }) => body.events ?? []).map(({ body }) => body).join();
      expect(sent).not.toMatch(/ada\.login|horse|battery|moon/);
      const kept = await page.evaluate(
        "JSON.stringify([{ ...localStorage }, { ...sessionStorage, _shop_sent: '' }])",
      );
      expect(kept).not.toContain("example.com");
      expect(someone.errors).toEqual([]);
      await someone.close();
    },
  );
});
