import { createHash, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers";
import { runInNewContext, Script } from "node:vm";
import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/sandbox/shop/ids.ts";

const source = readFileSync(
  new URL("../../../packages/sandbox/src/shop/assets/demo-analytics.js", import.meta.url),
  "utf8",
);

interface Post {
  path: string;
  keepalive: boolean;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** Just enough of an element for the script's panel and banner. */
class FakeElement {
  readonly listeners = new Map<string, () => void>();
  readonly children: FakeElement[] = [];
  readonly attributes: Record<string, string> = {};
  dataset: Record<string, string> = {};
  textContent = "";
  hidden = false;

  appendChild(child: FakeElement): void {
    this.children.push(child);
  }
  setAttribute(name: string, value: string): void {
    this.attributes[name] = value;
  }
  addEventListener(name: string, listener: () => void): void {
    this.listeners.set(name, listener);
  }
  querySelector(): null {
    return null;
  }
  click(): void {
    this.listeners.get("click")?.();
  }
}

interface PageSetup {
  url?: string;
  cookies?: Record<string, string>;
  data?: Record<string, unknown>;
  globalPrivacyControl?: boolean;
}

/** Opens a page with the script on it, in a world of its own. */
async function open(setup: PageSetup = {}) {
  const jar = new Map(Object.entries(setup.cookies ?? {}));
  const storage = new Map<string, string>();
  const posts: Post[] = [];
  const banner = Object.assign(new FakeElement(), { hidden: true });
  const data = new FakeElement();
  data.textContent = JSON.stringify({
    shop: "trakit-demo.myshopify.com",
    page_view: true,
    events: [],
    variants: {},
    ...setup.data,
  });
  const choices = ["accept", "analytics", "decline"].map((choice) =>
    Object.assign(new FakeElement(), { dataset: { consent: choice } })
  );
  const listeners = new Map<string, (event: unknown) => void>();
  const script = Object.assign(new FakeElement(), { dataset: { proxy: "/apps/trakit" } });
  const location = new URL(setup.url ?? "http://127.0.0.1:54340/products/merino-beanie");
  const document = {
    currentScript: script,
    referrer: "https://l.facebook.com/",
    title: "Merino Beanie",
    body: new FakeElement(),
    get cookie() {
      return [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    },
    set cookie(line: string) {
      const [pair = "", ...flags] = line.split("; ");
      const at = pair.indexOf("=");
      if (flags.includes("Max-Age=0")) jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), pair.slice(at + 1));
    },
    getElementById: (id: string) => ({ "shop-data": data, consent: banner })[id] ?? null,
    querySelectorAll: (selector: string) => selector === "[data-consent]" ? choices : [],
    createElement: () => new FakeElement(),
    addEventListener: (name: string, listener: (event: unknown) => void) => listeners.set(name, listener),
  };
  runInNewContext(source, {
    document,
    location,
    navigator: {
      userAgent: "Mozilla/5.0 (Test)",
      language: "nl-NL",
      globalPrivacyControl: setup.globalPrivacyControl ?? false,
    },
    crypto: {
      getRandomValues: (array: Uint8Array) => webcrypto.getRandomValues(array),
      // Answers at once, unlike the real one, which takes a thread: so a test need not wait by the clock.
      subtle: {
        digest: (_name: string, bytes: Uint8Array) =>
          Promise.resolve(new Uint8Array(createHash("sha256").update(bytes).digest()).buffer),
      },
    },
    TextEncoder,
    Uint8Array,
    Uint32Array,
    sessionStorage: {
      getItem: (key: string) => storage.get(key) ?? null,
      setItem: (key: string, value: string) => storage.set(key, value),
      removeItem: (key: string) => storage.delete(key),
    },
    fetch: (path: string, init: { body: string; keepalive: boolean }) => {
      posts.push({ path, keepalive: init.keepalive, body: JSON.parse(init.body) });
      return Promise.resolve({ status: 202, text: () => Promise.resolve('{"results":[]}') });
    },
  });
  /** Everything the script awaits is a microtask here: one turn of the loop settles it. */
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await settle();
  return {
    jar,
    storage,
    posts,
    banner,
    events: () => posts.filter((post) => post.path === "/apps/trakit/event"),
    attributes: () =>
      posts.filter((post) => post.path === "/cart/update.js").map((post) => post.body.attributes),
    async choose(choice: string): Promise<void> {
      choices.find((button) => button.dataset["consent"] === choice)!.click();
      await settle();
    },
    async happen(name: string, detail: Record<string, unknown> = {}): Promise<void> {
      const waits: Promise<unknown>[] = [];
      listeners.get(name)?.({
        detail: { ...detail, waitUntil: (promise: Promise<unknown>) => waits.push(promise) },
      });
      await Promise.all(waits);
      await settle();
    },
  };
}

const CLICKED = "http://127.0.0.1:54340/?fbclid=Ab%2BC.d&ttclid=E.C.P.x&ScCid=sc-1&epik=dj0&gclid=Cj0&x=1";
const ACCEPTED = { _shop_consent: "a1m1p1s1" };

describe("consent", () => {
  test("before a decision nothing is stored and nothing is sent", async () => {
    const page = await open({ url: CLICKED });
    await page.happen("shop:before-checkout");
    expect(page.banner.hidden).toBe(false);
    expect([...page.jar]).toEqual([]);
    expect([...page.storage]).toEqual([]);
    expect(page.posts).toEqual([]);
  });

  test("once accepted, what the page waited with goes out in one request", async () => {
    const page = await open({
      url: CLICKED,
      data: { events: [{ name: "collection_viewed", data: { collection: { id: "1" } } }] },
    });
    await page.choose("accept");
    expect(page.events()).toHaveLength(1);
    const [{ body, keepalive }] = page.events() as [Post];
    expect(keepalive).toBe(true);
    expect(body.events.map((event: { name: string }) => event.name)).toEqual([
      "page_viewed",
      "collection_viewed",
    ]);
    expect(body.events[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      page: { url: CLICKED, referrer: "https://l.facebook.com/", title: "Merino Beanie" },
      data: {},
    });
    expect(body.consent).toEqual({ analytics: true, marketing: true, preferences: true, sale_of_data: true });
    expect([body.user_agent, body.language]).toEqual(["Mozilla/5.0 (Test)", "nl-NL"]);
    expect(page.banner.hidden).toBe(true);
  });

  test("a refusal sends no event and keeps nothing but itself; the cart learns of it and of nothing else", async () => {
    const page = await open({ url: CLICKED, cookies: { cart: "token" } });
    await page.choose("decline");
    await page.happen("shop:before-checkout");
    expect(page.events()).toEqual([]);
    expect(Object.fromEntries(page.jar)).toEqual({ cart: "token", _shop_consent: "a0m0p0s0" });
    for (const attributes of page.attributes()) {
      const filled = Object.entries(attributes).filter(([, value]) => value !== "");
      expect(filled).toEqual([["__trk_consent", "a0m0p0s0"]]);
    }
    expect(page.attributes().length).toBeGreaterThan(0);
  });

  test("analytics only: a visitor id, but nothing of the ad platforms", async () => {
    const page = await open({
      url: CLICKED,
      cookies: { _ga: "GA1.1.12.34", _ga_ABC: "GS1.1.99", _fbp: "fb.1.1.1" },
    });
    await page.choose("analytics");
    const { visitor, consent } = page.events()[0]!.body;
    expect(consent).toMatchObject({ analytics: true, marketing: false });
    const known = Object.entries(visitor).filter(([, value]) => value !== null).map(([name]) => name);
    expect(known).toEqual(["visitor_id", "ga", "ga_session"]);
    expect([...page.jar.keys()].sort()).toEqual(["_ga", "_ga_ABC", "_shop_consent", "_shop_v"]);
  });

  test("taking consent back deletes what was stored and blanks the cart", async () => {
    const page = await open({ url: CLICKED, cookies: { ...ACCEPTED, cart: "token" } });
    expect(page.jar.has("_fbc")).toBe(true);
    const sent = page.events().length;
    await page.choose("decline");
    expect([...page.jar.keys()].sort()).toEqual(["_shop_consent", "cart"]);
    expect(page.storage.size).toBe(0);
    expect(page.events()).toHaveLength(sent);
    expect(page.attributes().at(-1)).toMatchObject({
      __trk_vid: "",
      __trk_fbp: "",
      __trk_consent: "a0m0p0s0",
    });
  });

  test("Global Privacy Control refuses the sale of data even when the banner is accepted", async () => {
    const page = await open({ globalPrivacyControl: true });
    await page.choose("accept");
    expect(page.events()[0]!.body.consent).toMatchObject({ marketing: true, sale_of_data: false });
    expect(page.jar.get("_shop_consent")).toBe("a1m1p1s0");
  });
});

describe("visitor", () => {
  test("click ids are taken byte for byte, and _fbp and _fbc made as Meta makes them", async () => {
    const page = await open({ url: CLICKED, cookies: ACCEPTED });
    const { visitor } = page.events()[0]!.body;
    expect(visitor).toMatchObject({
      visitor_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      fbp: expect.stringMatching(/^fb\.1\.\d{13}\.\d{10}$/),
      fbc: expect.stringMatching(/^fb\.1\.\d{13}\.Ab\+C\.d$/),
      fbclid: "Ab+C.d",
      ttclid: "E.C.P.x",
      sc_click_id: "sc-1",
      epik: "dj0",
      gclid: "Cj0",
    });
    expect(visitor.fbc).toBe(`fb.1.${visitor.fbclid_at}.Ab+C.d`);
    expect([page.jar.get("_fbp"), page.jar.get("_fbc"), page.jar.get("_shop_v")]).toEqual(
      [visitor.fbp, visitor.fbc, visitor.visitor_id],
    );
  });

  test("a later page keeps the ids, a new click replaces _fbc", async () => {
    const first = await open({ url: CLICKED, cookies: ACCEPTED });
    const before = first.events()[0]!.body.visitor;
    const kept = await open({ cookies: Object.fromEntries(first.jar) });
    expect(kept.events()[0]!.body.visitor).toEqual(before);
    const clicked = await open({
      url: "http://127.0.0.1:54340/?fbclid=New",
      cookies: Object.fromEntries(first.jar),
    });
    const after = clicked.events()[0]!.body.visitor;
    expect(after.fbc).toMatch(/^fb\.1\.\d{13}\.New$/);
    expect([after.fbp, after.visitor_id]).toEqual([before.fbp, before.visitor_id]);
  });

  test("reads the vendors' own cookies and passes them on unchanged", async () => {
    const page = await open({
      cookies: { ...ACCEPTED, _ttp: "2abc", _scid: "u-1", _epik: "dj9", _ga: "GA1.1.1.2" },
    });
    expect(page.events()[0]!.body.visitor).toMatchObject({
      ttp: "2abc",
      scid: "u-1",
      epik: "dj9",
      ga: "GA1.1.1.2",
    });
  });
});

describe("events", () => {
  const merchandise = { id: "44512345678901", price: { amount: 14.95, currencyCode: "USD" } };

  test("an add to cart is sent with its cost, and the cart gets the identifiers", async () => {
    const page = await open({ cookies: ACCEPTED, data: { variants: { "44512345678901": merchandise } } });
    await page.happen("shop:cart-added", { variantId: "44512345678901", quantity: 3 });
    expect(page.events().at(-1)!.body.events).toMatchObject([{
      name: "product_added_to_cart",
      data: {
        cartLine: { cost: { totalAmount: { amount: 44.85, currencyCode: "USD" } }, merchandise, quantity: 3 },
      },
    }]);
    expect(page.attributes()).toMatchObject([{
      __trk_vid: page.jar.get("_shop_v"),
      __trk_fbp: page.jar.get("_fbp"),
      __trk_consent: "a1m1p1s1",
    }]);
  });

  test("conversions carry the id the server computes from the checkout token", async () => {
    const token = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";
    const events = ["checkout_started", "checkout_completed"].map((name) => ({
      name,
      data: { checkout: { token } },
      key: token,
    }));
    const page = await open({ cookies: ACCEPTED, data: { events } });
    const sent = page.events()[0]!.body.events as { name: string; id: string }[];
    expect(sent.slice(1).map((event) => event.id)).toEqual(
      ["checkout_started", "checkout_completed"].map((name) =>
        conversionEventId("trakit-demo.myshopify.com", name, token)
      ),
    );
    expect(sent[0]!.id).not.toBe(sent[1]!.id);
  });

  test("a page shown again after a form reports no second page view", async () => {
    const page = await open({ cookies: ACCEPTED, data: { page_view: false } });
    expect(page.posts).toEqual([]);
  });

  test("the cart page writes the attributes before anyone can check out", async () => {
    const page = await open({ url: "http://127.0.0.1:54340/cart", cookies: ACCEPTED });
    expect(page.attributes()).toHaveLength(1);
  });

  test("is plain ES2020: no syntax that older browsers refuse", () => {
    expect(() => new Script(source)).not.toThrow();
    expect(source).not.toMatch(/\?\?=|\|\|=|&&=|\.replaceAll\(|\.at\(|Object\.hasOwn|structuredClone|\d_\d/);
  });
});
