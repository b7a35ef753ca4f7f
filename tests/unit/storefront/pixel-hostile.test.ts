/** The web pixel where others have written into the page's storage and cookies, and where forms are none. */
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { PixelApi, PixelEvent } from "@trakit/storefront/pixel/api.ts";
import { leadOf } from "@trakit/storefront/pixel/lead.ts";
import { run } from "@trakit/storefront/pixel/main.ts";

const VISITOR = "0123456789abcdef0123456789abcdef";
const ATTRIBUTES = "; Path=/; Max-Age=63072000; SameSite=Lax; Secure";
const SESSION = "6b057c4000112233445566778899aabb";

interface Told {
  path: string;
  body: { visitor: Record<string, unknown>; gpc?: boolean; consent: unknown; events?: { body: string }[] };
}

/** A pixel in its sandbox, at checkout; `told`: what the server heard. */
function pixel(
  options: { cookie?: string; local?: Record<string, string>; session?: Record<string, string> } = {},
) {
  const told: Told[] = [];
  const set: string[] = [];
  const handlers = new Map<string, (event: PixelEvent) => void>();
  const storage = (stored: Map<string, string>) => ({
    getItem: (key: string) => Promise.resolve(stored.get(key) ?? null),
    setItem: (key: string, value: string) => Promise.resolve(stored.set(key, value)),
    removeItem: (key: string) => Promise.resolve(stored.delete(key)),
  });
  const local = new Map(Object.entries(options.local ?? {}));
  vi.stubGlobal("fetch", (url: string, init: { body: string }) => {
    const path = new URL(url).pathname.split("/").pop()!;
    const body = JSON.parse(init.body) as Told["body"];
    told.push({ path, body });
    const now = Date.now();
    return Promise.resolve(Response.json(
      path === "session"
        ? {
          session: { id: SESSION, key: "k", now, expires_at: now + 864e5 },
          visitor: { visitor_id: VISITOR },
          visitor_proof: "proof",
          cookies: [`_tk_v=${VISITOR}${ATTRIBUTES}`],
          config: {},
        }
        : { results: body.events!.map(() => ({ status: "accepted" })) },
      { status: path === "session" ? 200 : 202 },
    ));
  });
  const api = {
    analytics: {
      subscribe: (name: string, handler: (event: PixelEvent) => void) => handlers.set(name, handler),
    },
    browser: {
      cookie: {
        get: () => Promise.resolve(options.cookie ?? ""),
        set: (text: string) => Promise.resolve(set.push(text)),
      },
      localStorage: storage(local),
      sessionStorage: storage(new Map(Object.entries(options.session ?? {}))),
    },
    settings: { endpoint: "https://t.example/proxy", key: "k" },
    init: {
      data: { shop: { myshopifyDomain: "blue-mugs.myshopify.com" }, cart: null },
      customerPrivacy: {
        analyticsProcessingAllowed: true,
        marketingAllowed: true,
        preferencesProcessingAllowed: true,
        saleOfDataAllowed: true,
      },
    },
  } as unknown as PixelApi;
  void run(api);
  const begun = () =>
    handlers.get("checkout_started")!({
      id: "sh-00000001",
      name: "checkout_started",
      timestamp: new Date().toISOString(),
      clientId: "c7b3f99b-4d34-463b-835f-c879482a7750",
      data: { checkout: { token: "abcdefabcdef1234" } },
      context: {
        document: { location: { href: "https://shop.example/checkouts/cn/1", pathname: "/checkouts/cn/1" } },
      },
    });
  const names = () =>
    told.flatMap(({ body }) => body.events ?? []).map(({ body }) =>
      (JSON.parse(body) as { name?: string }).name
    );
  return { begun, told, names, set, local };
}

/** The event of the checkout arrives; nothing is thrown beside. */
async function arrives(options: Parameters<typeof pixel>[0]) {
  const shown = pixel(options);
  shown.begun();
  await vi.waitFor(() => expect(shown.names()).toContain("checkout_started"), { timeout: 60_000 });
  return shown;
}

const kept = (change: Record<string, unknown>) =>
  JSON.stringify({
    id: "f".repeat(32),
    key: "k",
    end: Date.now() + 36e5,
    skew: 0,
    consent: "a1m1p1s1",
    cookies: [],
    config: {},
    ...change,
  });

describe("the web pixel", () => {
  const thrown: unknown[] = [];
  const onThrown = (error: unknown) => void thrown.push(error);
  beforeEach(() => {
    thrown.length = 0;
    process.on("unhandledRejection", onThrown);
  });
  afterEach(() => {
    process.off("unhandledRejection", onThrown);
    vi.unstubAllGlobals();
    expect(thrown).toEqual([]);
  });

  test.each([
    ["a queue that is no JSON", { session: { _tk_x: "{" } }],
    ["a queue that is no list", { session: { _tk_x: '{"length":3}' } }],
    ["a queue of nothings", { session: { _tk_x: '[null, 7, "{", "null", {}]' } }],
    ["events kept undecided that are none", {
      session: { _tk_y: '[null, 7, {"context":{"document":null}}]' },
    }],
    ["a list of others' keys", { session: { _tk_u: "secret,_tk_v,_tk_qnothing," }, local: { secret: "x" } }],
    ["a session that is no JSON", { local: { _tk_s: "{" } }],
    ["a session that is nothing", { local: { _tk_s: "null" } }],
    ["a session for ever", { local: { _tk_s: kept({ end: 1e99 }) } }],
    ["cookies that decode to nothing", { cookie: "_tk_c=%E0%A4%A; _tk_v=; =; %; __proto__=1" }],
  ])("goes on beside %s", async (_what, options) => {
    const { told } = await arrives(options);
    expect(JSON.stringify(told)).not.toContain("secret");
  });

  test("writes no cookie of a kept session but the visitor's", async () => {
    const { set } = await arrives({
      local: { _tk_s: kept({ cookies: ["cart=evil; Path=/", `_fbp=fb.1.1.1${ATTRIBUTES}`, null, {}] }) },
    });
    expect(set).toEqual([`_fbp=fb.1.1.1${ATTRIBUTES}`]);
  });

  test("uses none of several visitor ids, and the one the proof was given for before any", async () => {
    const mine = "a".repeat(32);
    const cookie = `_tk_v=${mine}; x=1; _tk_v=${"b".repeat(32)}`;
    const [without] = (await arrives({ cookie })).told;
    expect(without!.body.visitor["visitor_id"]).toBeNull();
    const { told, local } = await arrives({ cookie, local: { _tk_v: mine, _tk_p: "mine" } });
    expect(told[0]!.body.visitor).toMatchObject({ visitor_id: mine, proof: "mine" });
    // what comes with the session is kept for the next page, and shown from now on
    expect([local.get("_tk_v"), local.get("_tk_p")]).toEqual([VISITOR, "proof"]);
    expect(told.at(-1)!.body.visitor).toMatchObject({ visitor_id: VISITOR, proof: "proof" });
  });

  test("hears a browser that says no to the sale of data", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en", userAgent: "x" });
    const [first] = (await arrives({})).told;
    expect(first!.body).toMatchObject({ gpc: true, consent: { marketing: true, sale_of_data: false } });
  });
});

describe("a form that is sent", () => {
  const page = "https://shop.example/pages/contact";
  const form = (elements: unknown, action?: unknown) => leadOf({ element: { elements, action } }, page);
  const registration = [
    { name: "form_type", value: "create_customer" },
    { name: "customer[email]", value: "zoe@example.com" },
  ];

  test("is a registration whatever stands between its fields", () => {
    const odd = [null, 7, "x", {}, { name: null, value: null }, { name: { a: 1 }, value: "y" }];
    expect(form([...odd, ...registration, ...odd])).toEqual({
      name: "customer_registered",
      customer: { email: "zoe@example.com" },
    });
  });

  test.each([
    ["nothing", undefined],
    ["an element in their place", { name: "elements", value: "" }],
    ["a form type every object has", [{ name: "form_type", value: "constructor" }, registration[1]]],
    ["values that are no texts", registration.map(({ name }) => ({ name, value: { toString: "x" } }))],
  ])("is none where its fields are %s", (_what, elements) => {
    expect(form(elements)).toBeNull();
    expect(leadOf(elements, page)).toBeNull();
    expect(leadOf({ element: null }, page)).toBeNull();
  });

  test("is the shop's where it goes to the page's own host", () => {
    for (const action of ["/account", "https://shop.example/account", "", null, undefined, "#contact"]) {
      expect(form(registration, action)).not.toBeNull();
    }
    for (const action of ["https://evil.example/account", "//evil.example", "javascript:0", "https://"]) {
      expect(form(registration, action)).toBeNull();
    }
    expect(leadOf({ element: { elements: registration } }, undefined)).toBeNull();
  });
});
