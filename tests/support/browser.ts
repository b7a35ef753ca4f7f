/** A visitor with a real Chromium in a demo shop, and what script and pixel told TrakIt for them. */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Request,
} from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { type DemoShop, type DemoShopOptions, startDemoShop } from "@trakit/sandbox/shop/demo-shop.ts";
import { type Extensions, type PixelSettings, readExtensions } from "@trakit/sandbox/shop/extensions.ts";
import { dataFolder, type TestStack, testStack, until } from "./stack.ts";

export const CHROMIUM = "/usr/bin/chromium";
const missing = !existsSync(CHROMIUM);

/** Whether browser tests are skipped here; says so once. With TRAKIT_TEST_ALL=1 a missing browser is a failure. */
export function withoutBrowser(place: string): boolean {
  const skipped = missing && process.env["TRAKIT_TEST_ALL"] !== "1";
  if (skipped) {
    process.stderr.write(
      `${place} skipped: there is no ${CHROMIUM}. TRAKIT_TEST_ALL=1 makes that a failure.\n`,
    );
  }
  return skipped;
}

export async function launch(): Promise<Browser> {
  if (missing) throw new Error(`TRAKIT_TEST_ALL=1 wants the browser tests, and there is no ${CHROMIUM}.`);
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    // what a visitor's browser does; playwright turns it off
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
}

/** How long a page may take to do what a test asks of it, in ms: what only a real fault reaches. */
export const PAGE_MS = 120_000;

export interface Told {
  source: "script" | "pixel";
  path: "session" | "event";
  url: string;
  body: {
    visitor?: Record<string, unknown>;
    consent?: unknown;
    events?: { token: string; body: string }[];
    region?: unknown;
    gpc?: unknown;
    fired?: { token: string; body: string }[];
  };
  status: number | null;
  answer: {
    results?: { event_id: string; status: string; reason?: string }[];
    visitor?: Record<string, string | null>;
  } | null;
}

export interface SentEvent {
  source: "script" | "pixel";
  name: string;
  id: string;
  status: string;
  /** The signed body. */
  event: Record<string, unknown> & { data: Record<string, unknown>; page: { url: string } };
}

export class Shopper {
  readonly context: BrowserContext;
  /** Requests to session and event in the order they were made. */
  readonly told: Told[] = [];
  /** Uncaught errors and refused loads of the pages. */
  readonly errors: string[] = [];
  /** Every address a page asked for. */
  readonly asked: string[] = [];
  readonly #base: string;

  constructor(context: BrowserContext, base: string) {
    this.context = context;
    this.#base = base;
    context.setDefaultTimeout(PAGE_MS);
    context.on("request", (request) => this.#heard(request));
    context.on("weberror", (error) => this.errors.push(error.error().message));
    context.on("console", (message) => {
      // a page that is offline, or whose server is told to fail, says so
      if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
        this.errors.push(message.text());
      }
    });
  }

  #heard(request: Request): void {
    const url = new URL(request.url());
    this.asked.push(request.url());
    const path = /\/(session|event)$/.exec(url.pathname)?.[1] as Told["path"] | undefined;
    if (request.method() !== "POST" || path === undefined) return;
    const told: Told = {
      source: url.origin === this.#base ? "script" : "pixel",
      path,
      url: request.url(),
      body: JSON.parse(request.postData() ?? "{}"),
      status: null,
      answer: null,
    };
    this.told.push(told);
    request.response().then(async (response) => {
      if (response === null) return;
      const answer = await response.json().catch(() => null);
      told.answer = answer;
      told.status = response.status();
    }).catch(() => {});
  }

  /** Events the server has answered for, oldest first; a copy sent again counts again. */
  sent(name?: string): SentEvent[] {
    return this.told.flatMap(({ source, path, body, status, answer }) =>
      path !== "event" || status !== 202 ? [] : (body.events ?? []).map(({ body: text }, index) => {
        const event = JSON.parse(text) as SentEvent["event"];
        const result = answer?.results?.[index];
        return {
          source,
          name: String(event["name"]),
          id: result?.event_id ?? String(event["id"]),
          status: result?.status ?? "unknown",
          event,
        };
      })
    ).filter((event) => name === undefined || event.name === name);
  }

  /** Events told at all, each once, whether or not the page lived to hear the answer: `source name`, sorted. */
  eventsSent(): string[] {
    const found = new Map<string, string>();
    for (const { source, body } of this.told) {
      for (const { token, body: text } of body.events ?? []) {
        found.set(token.split(".")[0]!, `${source} ${(JSON.parse(text) as { name: string }).name}`);
      }
    }
    return [...found.values()].sort();
  }

  /** Waits until the server has answered for so many events of a name; returns them. */
  async waitFor(name: string, count = 1): Promise<SentEvent[]> {
    return await until(
      () => this.sent(name).length >= count && this.sent(name),
      `${count} × ${name} answered; have ${
        this.sent().map((one) => `${one.source}:${one.name}:${one.status}`).join(" ")
      }`,
    );
  }

  /**
   * Waits until so many events of a source and name (`script cart_viewed`) were sent. For events of pages that are gone: an
   * answer to one cannot be read here.
   */
  async waitSent(event: string, count = 1): Promise<void> {
    await until(
      () => this.eventsSent().filter((sent) => sent === event).length >= count,
      `${count} × ${event} sent`,
    );
  }

  async cookies(): Promise<Record<string, string>> {
    return Object.fromEntries((await this.context.cookies()).map(({ name, value }) => [name, value]));
  }

  async accept(page: Page): Promise<void> {
    await page.getByRole("button", { name: "Accept", exact: true }).click();
  }

  async addToCart(page: Page, count = 1): Promise<void> {
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.locator("[data-cart-count]", { hasText: new RegExp(`^${count}$`) }).waitFor();
  }

  /** From the cart to the thank-you page; returns the ids that page shows. */
  async buy(
    page: Page,
    options: {
      /** What the cart's page sends before it is left (`script cart_viewed`): a page that goes before it came to life sends nothing. */
      fromCart?: string;
    } = {},
  ): Promise<{ eventId: string; orderId: string; checkoutToken: string }> {
    await page.getByRole("link", { name: /^Cart/ }).click();
    if (options.fromCart) await this.waitSent(options.fromCart);
    await page.getByRole("button", { name: "Check out" }).click();
    await page.waitForURL("**/checkout");
    // nobody pays within the tenth of a second in which a page comes to life
    if (this.told.length > 0) {
      await until(() => this.eventsSent().includes("pixel checkout_started"), "the checkout's start");
    }
    await page.getByRole("button", { name: /^Pay / }).click();
    await page.waitForURL(/\/thank-you\/[0-9a-f]{32}$/);
    await page.getByRole("heading", { name: /^Thank you/ }).waitFor();
    const fact = (name: string) =>
      page.locator(".facts div", { has: page.getByText(name, { exact: true }) }).locator("code").innerText();
    return {
      eventId: await fact("Event id"),
      orderId: await fact("Order id"),
      checkoutToken: await fact("Checkout token"),
    };
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

/** Somebody who was never here, in the shop at `base`. */
export async function shopper(
  browser: Browser,
  base: string,
  options: BrowserContextOptions = {},
): Promise<Shopper> {
  return new Shopper(await browser.newContext({ baseURL: base, locale: "en-US", ...options }), base);
}

const EXTENSIONS = fileURLToPath(new URL("../../packages/storefront/extensions", import.meta.url));

export interface BrowserKit {
  running: TestStack;
  /** The app's extensions as the demo shop has them. */
  extensions: Extensions;
  /** Somebody who was never here, in the demo shop. */
  visitor: () => Promise<Shopper>;
  /** The same, in the shop at another address. */
  at: (url: string) => Promise<Shopper>;
  /** Another storefront of the same shop, in front of the same stack; its address. */
  storefront: (options: Partial<DemoShopOptions>) => Promise<string>;
}

/** A local stack and a browser for the tests of the file it is called in: begun before them, ended after. */
export function browserKit(): BrowserKit {
  let data: Awaited<ReturnType<typeof dataFolder>> | undefined;
  let browser: Browser | undefined;
  const shops: DemoShop[] = [];
  const at = (url: string) => shopper(browser!, url);
  const kit = {
    at,
    visitor: () => at(kit.running.stack.urls.shop),
    async storefront(options: Partial<DemoShopOptions>) {
      const { api, sandbox } = kit.running.stack.urls;
      const shop = await startDemoShop({
        port: 0,
        apiSecret: "trakit-local-api-secret",
        apiUrl: api,
        sandboxUrl: sandbox,
        extensions: kit.extensions,
        ...options,
      });
      shops.push(shop);
      return shop.url;
    },
  } as BrowserKit;
  beforeAll(async () => {
    data = await dataFolder();
    kit.running = await testStack(data.path);
    browser = await launch();
    const html = await (await fetch(kit.running.stack.urls.shop)).text();
    const pixel = JSON.parse(/"pixel":(\{[^}]*\})/.exec(html)![1]!) as PixelSettings;
    kit.extensions = readExtensions(EXTENSIONS, pixel);
  });
  afterAll(async () => {
    await browser?.close();
    for (const shop of shops) await shop.close();
    await kit.running?.close();
    await data?.remove();
  });
  return kit;
}
