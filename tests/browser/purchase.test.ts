/** A visitor with a real browser in the demo shop of the local stack, from the first page to what the vendors received. */
import { existsSync } from "node:fs";
import process from "node:process";
import { type Browser, type BrowserContext, chromium, type Page, type Request } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Recorded } from "@trakit/sandbox/vendors/record.ts";
import { PAGE_MS } from "../support/browser.ts";
import {
  dataFolder,
  DEMO_VENDORS,
  type DemoVendor,
  type TestStack,
  testStack,
  until,
} from "../support/stack.ts";

const CHROMIUM = "/usr/bin/chromium";
const CLICK = "TestClickId123";
/** What gtag leaves in the browser of a shop that also uses it. GA4 takes a page view only from a client gtag knows. */
const GA_CLIENT = "1414213562.1700000000";
const GTAG_COOKIES = {
  _ga: `GA1.1.${GA_CLIENT}`,
  _ga_DEMO123456: "GS2.1.s1747132561$o1$g0$t1747132655$j0$l0$h0",
};
const ALL = [...DEMO_VENDORS].sort();
/** What each vendor calls a page view, a product view and a purchase. */
const PAGE_VIEW = {
  meta: "PageView",
  tiktok: "Pageview",
  pinterest: "page_visit",
  snapchat: "PAGE_VIEW",
  google: "page_view",
};
const PRODUCT_VIEW = {
  meta: "ViewContent",
  tiktok: "ViewContent",
  pinterest: "view_content",
  snapchat: "VIEW_CONTENT",
  google: "view_item",
};
const PURCHASE = {
  meta: "Purchase",
  tiktok: "Purchase",
  pinterest: "checkout",
  snapchat: "PURCHASE",
  google: "purchase",
};

const missing = !existsSync(CHROMIUM);
const skipped = missing && process.env["TRAKIT_TEST_ALL"] !== "1";
if (skipped) {
  process.stderr.write(
    `tests/browser skipped: there is no ${CHROMIUM}. TRAKIT_TEST_ALL=1 makes that a failure.\n`,
  );
}

describe.skipIf(skipped)(`in a browser (${CHROMIUM})`, () => {
  let data: Awaited<ReturnType<typeof dataFolder>> | undefined;
  let running: TestStack;
  let browser: Browser | undefined;

  beforeAll(async () => {
    if (missing) throw new Error(`TRAKIT_TEST_ALL=1 wants the browser tests, and there is no ${CHROMIUM}.`);
    data = await dataFolder();
    running = await testStack(data.path);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await running?.close();
    await data?.remove();
  });

  interface Visit {
    context: BrowserContext;
    page: Page;
    /** Statuses of TrakIt's answers so far. */
    answers: number[];
    /** What script and pixel told TrakIt so far, answered or not. */
    posts: string[];
    /** Uncaught errors of the page's scripts. */
    errors: string[];
  }

  /** A visitor who was never here. */
  async function visitor(): Promise<Visit> {
    const context = await browser!.newContext({ baseURL: running.stack.urls.shop, locale: "en-US" });
    context.setDefaultTimeout(PAGE_MS);
    const page = await context.newPage();
    const visit: Visit = { context, page, answers: [], posts: [], errors: [] };
    const told = (request: Request) =>
      request.method() === "POST" && /\/(apps\/trakit|proxy)\//.test(new URL(request.url()).pathname);
    page.on("request", (request) => {
      if (told(request)) visit.posts.push(request.url());
    });
    page.on("response", (response) => {
      if (told(response.request())) visit.answers.push(response.status());
    });
    page.on("pageerror", (error) => visit.errors.push(error.message));
    return visit;
  }

  async function addToCart(page: Page): Promise<void> {
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.locator("[data-cart-count]", { hasText: /^1$/ }).waitFor();
  }

  /** From the cart to the thank-you page; returns the ids that page shows. */
  async function buy(page: Page): Promise<{ eventId: string; orderId: string }> {
    await page.getByRole("link", { name: /^Cart/ }).click();
    await page.getByRole("button", { name: "Check out" }).click();
    await page.waitForURL("**/checkout");
    await page.getByRole("button", { name: /^Pay / }).click();
    await page.waitForURL(/\/thank-you\/[0-9a-f]{32}$/);
    await page.getByRole("heading", { name: /^Thank you/ }).waitFor();
    const fact = (name: string) =>
      page.locator(".facts div", { has: page.getByText(name, { exact: true }) }).locator("code").innerText();
    return { eventId: await fact("Event id"), orderId: await fact("Order id") };
  }

  /** The requests that carried an event of these names, by vendor. */
  async function requestsWith(names: Record<DemoVendor, string>): Promise<Map<DemoVendor, Recorded[]>> {
    const found = new Map<DemoVendor, Recorded[]>();
    for (const request of await running.requests()) {
      const vendor = DEMO_VENDORS.find((one) => one === request.vendor);
      if (!vendor || !request.events.some(({ name }) => name === names[vendor])) continue;
      found.set(vendor, [...found.get(vendor) ?? [], request]);
    }
    return found;
  }

  test(
    "a purchase after an ad click reaches the five vendors as one event that names the click",
    async () => {
      const { context, page, answers, posts, errors } = await visitor();
      await page.goto("/");
      await page.getByRole("region", { name: "May we measure your visit?" }).waitFor();
      expect(posts).toEqual([]);
      await context.addCookies(
        Object.entries(GTAG_COOKIES).map(([name, value]) => ({ name, value, url: running.stack.urls.shop })),
      );
      await page.getByRole("button", { name: "Accept", exact: true }).click();
      await until(() => answers.length > 0, "the first events at the app proxy");
      await page.goto(`/products/merino-beanie?fbclid=${CLICK}`);
      await addToCart(page);
      const { eventId, orderId } = await buy(page);

      for (const names of [PAGE_VIEW, PRODUCT_VIEW, PURCHASE]) {
        await until(
          async () => [...(await requestsWith(names)).keys()].sort().join() === ALL.join(),
          `${names.meta} at all vendors`,
        );
      }
      // the thank-you page sends its own copy of the purchase: both are in, and they are one
      await until(
        async () =>
          (await running.rows(
            "select from trakit.events where event_id = $1 and webhook_at is not null and browser_at is not null",
            [eventId],
          )).length === 1,
        "both copies of the purchase in one event",
      );
      const purchases = await requestsWith(PURCHASE);
      for (const vendor of DEMO_VENDORS) {
        const sent = purchases.get(vendor)!;
        expect(sent.map(({ accepted, problems }) => ({ vendor, accepted, problems })))
          .toEqual([{ vendor, accepted: true, problems: [] }]);
        // GA4 takes no event id: it counts purchases by transaction
        const id = vendor === "google" ? orderId : eventId;
        expect(sent[0]!.events).toEqual([{ name: PURCHASE[vendor], event_id: id, accepted: true }]);
      }

      const jar = new Map((await context.cookies()).map(({ name, value }) => [name, value]));
      const body = purchases.get("meta")![0]!.body as {
        data: { user_data: { fbp?: string; fbc?: string } }[];
      };
      const { fbp, fbc } = body.data[0]!.user_data;
      expect(fbp).toMatch(/^fb\.1\.\d{13}\.\d{1,10}$/);
      expect(fbp).toBe(jar.get("_fbp"));
      expect(fbc).toMatch(new RegExp(`^fb\\.1\\.\\d{13}\\.${CLICK}$`));

      const google = (await requestsWith(PAGE_VIEW)).get("google")![0]!.body as {
        client_id: string;
        events: { params: { session_id?: string } }[];
      };
      expect(google.client_id).toBe(GA_CLIENT);
      expect(google.events[0]!.params.session_id).toBe("1747132561");

      expect(new Set(answers)).toEqual(new Set([200, 202]));
      expect(errors).toEqual([]);
      const flawed = (await running.requests())
        .filter(({ accepted, problems }) => !accepted || problems.length > 0)
        .map(({ vendor, events, problems }) => ({ vendor, names: events.map(({ name }) => name), problems }));
      expect(flawed).toEqual([]);
      await context.close();
    },
  );

  test("a visitor who declines is not measured, not even when buying", async () => {
    const before = (await running.requests()).at(-1)?.seq ?? 0;
    const since = async () => (await running.requests()).filter(({ seq }) => seq > before);
    const { context, page, posts, errors } = await visitor();
    await page.goto("/");
    await page.getByRole("button", { name: "Decline" }).click();
    await page.goto(`/products/merino-beanie?fbclid=${CLICK}`);
    await addToCart(page);
    const { eventId } = await buy(page);

    // the order's webhook comes whatever the visitor said: no vendor is told of it
    const deliveries = () =>
      running.rows<{ platform: string; state: string }>(
        `select d.platform, d.state
         from trakit.deliveries d join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
         where e.event_id = $1 order by d.platform`,
        [eventId],
      );
    await until(
      async () => {
        const found = await deliveries();
        return found.length === ALL.length && found.every(({ state }) => state === "skipped");
      },
      "five skipped deliveries",
    );
    // another buyer's order, placed later and delivered: whatever was to be sent before it has been sent
    const later = await running.order();
    await until(
      async () => new Set((await since()).map(({ vendor }) => vendor)).size === ALL.length,
      "the later order at the vendors",
    );
    const told = (await since()).flatMap(({ events }) => events.map(({ event_id }) => event_id));
    expect(new Set(told)).toEqual(new Set([later.event_id, later.order_id]));

    expect(posts).toEqual([]);
    expect(errors).toEqual([]);
    const names = (await context.cookies()).map(({ name }) => name);
    expect(names.filter((name) => ["_fbp", "_fbc", "_tk_v", "_tk_c"].includes(name))).toEqual([]);
    await context.close();
  });
});
