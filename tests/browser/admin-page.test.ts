import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { adminHandler } from "../../functions/admin/handler.ts";
import { installHandler } from "../../functions/install/handler.ts";
import { launch, withoutBrowser } from "../support/browser.ts";
import { merchantKit } from "../support/merchant.ts";

/** The app's page in Chromium, with Shopify's CDN out of reach. */
const kit = await merchantKit();
const skipped = withoutBrowser("tests/browser/admin-page");
let browser: Browser;
let server: Server;
let origin = "";

beforeAll(async () => {
  if (skipped) return;
  browser = await launch();
  const page = () =>
    readFileSync(new URL("../../packages/admin/public/index.html", import.meta.url), "utf8")
      .replace("__SHOPIFY_API_KEY__", "key").replace("__TRAKIT_APP_URL__", `${origin}/functions/v1`);
  server = createServer(async (request, response) => {
    const path = request.url ?? "/";
    if (!path.startsWith("/functions/v1/")) {
      response.writeHead(200, { "content-type": "text/html" }).end(page());
      return;
    }
    const deps = {
      ...kit.world,
      fetch,
      send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: kit.world.now }),
      vendorHosts: kit.vendorHosts,
      oauthClients: kit.oauthClients,
      appUrl: `${origin}/functions/v1`,
      adminUrl: `${origin}/app`,
    };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const handle = path.startsWith("/functions/v1/install") ? installHandler(deps) : adminHandler(deps);
    const answer = await handle(
      new Request(`${origin}${path.slice("/functions/v1".length)}`, {
        method: request.method ?? "GET",
        headers: request.headers as Record<string, string>,
        ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
      }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(async () => {
  if (skipped) return;
  await browser.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test.skipIf(skipped)(
  "shows set-up, saves a destination, sends a test event, and takes the token out of its address",
  async () => {
    const shop = kit.newDomain();
    const page = await browser.newPage();
    await page.route(/cdn\.shopify\.com/, (route) => route.abort());
    const query = new URLSearchParams({ shop, id_token: kit.shopify().sessionToken(shop) });
    await page.goto(`${origin}/functions/v1/install?${query}`);
    const status = page.locator("#status");
    await status.filter({ hasText: shop }).waitFor();
    expect(page.url()).not.toContain("id_token");
    expect(await page.locator("#checks li.ok").count()).toBeGreaterThanOrEqual(3);

    const { id, token } = DEMO_DESTINATIONS["meta"]!;
    await page.fill("input[name=id]", "<b>not an id</b>");
    await page.click("button[type=submit]");
    await status.filter({ hasText: "would not take these settings" }).waitFor();
    await page.fill("input[name=id]", id);
    await page.fill("input[name=token]", token);
    await page.fill("input[name=test_code]", "TEST12345");
    await page.click("button[type=submit]");
    await status.filter({ hasText: "Token: accepted" }).waitFor();
    expect(await page.locator("#destinations li").innerText()).toContain(`…${token.slice(-4)}`);
    expect(await page.content()).not.toContain(token);
    await page.click("#test");
    await status.filter({ hasText: "delivered, accepted" }).waitFor();
  },
);

test.skipIf(skipped)(
  "shows the settings only one platform has, saves them, and takes them away when they are emptied",
  async () => {
    const shop = kit.newDomain();
    const page = await browser.newPage();
    await page.route(/cdn\.shopify\.com/, (route) => route.abort());
    const query = new URLSearchParams({ shop, id_token: kit.shopify().sessionToken(shop) });
    await page.goto(`${origin}/functions/v1/install?${query}`);
    const status = page.locator("#status");
    await status.filter({ hasText: shop }).waitFor();
    const proof = page.locator("input[name=appsecret_proof]");
    const set = page.locator("input[name=offline_event_set]");
    const save = async () => {
      await page.click("button[type=submit]");
      await status.filter({ hasText: "Saved" }).waitFor();
    };
    const again = async (platform: string) => {
      for (const one of ["google", platform]) await page.selectOption("select[name=platform]", one);
    };

    await page.selectOption("select[name=platform]", "google");
    expect([await proof.isVisible(), await set.isVisible()]).toEqual([false, false]);
    await page.selectOption("select[name=platform]", "meta");
    expect([await proof.isVisible(), await set.isVisible()]).toEqual([true, false]);
    await page.fill("input[name=id]", DEMO_DESTINATIONS["meta"]!.id);
    await proof.fill("the app's secret");
    await page.click("button[type=submit]");
    await status.filter({ hasText: "64 hexadecimal digits" }).waitFor();
    await proof.fill("ab".repeat(32));
    await save();

    await page.selectOption("select[name=platform]", "tiktok");
    expect([await proof.isVisible(), await set.isVisible()]).toEqual([false, true]);
    await page.fill("input[name=id]", DEMO_DESTINATIONS["tiktok"]!.id);
    await set.fill("7123456789012345678");
    await save();
    await page.fill("input[name=id]", "");
    await again("meta");
    // a secret is never shown again, only that it is there
    expect(await proof.inputValue()).toBe("");
    expect(await proof.getAttribute("placeholder")).toContain("stored");
    expect(await page.content()).not.toContain("ab".repeat(32));
    await proof.fill("-");
    await save();
    await again("meta");
    expect(await proof.getAttribute("placeholder")).toBe("");
    await again("tiktok");
    expect(await set.inputValue()).toBe("7123456789012345678");
    await set.fill("");
    await save();
    await again("tiktok");
    expect(await set.inputValue()).toBe("");
  },
);

test.skipIf(skipped)(
  "connects an account in a window of its own, which comes back and says so; the page then shows it",
  async () => {
    const shop = kit.newDomain();
    const context = await browser.newContext();
    const page = await context.newPage();
    await context.route(/cdn\.shopify\.com/, (route) => route.abort());
    const query = new URLSearchParams({ shop, id_token: kit.shopify().sessionToken(shop) });
    await page.goto(`${origin}/functions/v1/install?${query}`);
    const status = page.locator("#status");
    await status.filter({ hasText: shop }).waitFor();

    await page.selectOption("select[name=platform]", "google");
    expect(await page.isVisible("#connect")).toBe(false);
    await page.selectOption("select[name=platform]", "pinterest");
    expect(await page.isDisabled("#connect")).toBe(true);
    await page.fill("input[name=id]", DEMO_DESTINATIONS["pinterest"]!.id);
    await page.click("button[type=submit]");
    await status.filter({ hasText: "Saved" }).waitFor();
    const [there] = await Promise.all([context.waitForEvent("page"), page.click("#connect")]);
    await there.locator("#status").filter({ hasText: "is connected" }).waitFor();
    expect(there.url()).not.toMatch(/code=|state=/);
    await there.close();
    await page.evaluate("dispatchEvent(new Event('focus'))");
    await page.locator("#destinations li").filter({ hasText: "connected" }).waitFor();
    await context.close();
  },
);
