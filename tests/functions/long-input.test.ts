import { describe, expect, test } from "vitest";
import { ADDRESS_LIMIT, HEADERS_LIMIT } from "@trakit/pipeline/http.ts";
import { drainHandler } from "../../functions/drain/handler.ts";
import { healthHandler } from "../../functions/health/handler.ts";
import { installHandler } from "../../functions/install/handler.ts";
import { expectLinear } from "../support/long-input.ts";
import { merchantApi } from "../support/merchant-api.ts";
import { ADMIN_URL, merchantKit } from "../support/merchant.ts";
import { pipelineKit, webhookRequest } from "../support/pipeline.ts";
import { directRequest, pageView, proxyKit, YES } from "../support/storefront.ts";
import { webhooks } from "../support/webhooks.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** Nobody makes a door slow by the length of what they send. */
const kit = await pipelineKit();
const merchant = await merchantKit();
const OPERATOR = "the-operator-key-of-the-tests-0001";
const { handle: webhook } = webhooks(kit);
const proxy = proxyKit(kit);
const { handle: admin } = merchantApi(merchant);

const DOORS: Record<
  string,
  { handle: (request: Request) => Promise<Response>; method: string; path: string }
> = {
  install: {
    handle: installHandler({ ...merchant.world, adminUrl: ADMIN_URL }),
    method: "GET",
    path: "/install",
  },
  callback: {
    handle: installHandler({ ...merchant.world, adminUrl: ADMIN_URL }),
    method: "GET",
    path: "/install/callback",
  },
  admin: { handle: admin, method: "GET", path: "/admin/shop" },
  proxy: { handle: proxy.handle, method: "POST", path: "/proxy/event" },
  session: { handle: proxy.handle, method: "GET", path: "/proxy/session" },
  webhooks: { handle: webhook, method: "POST", path: "/webhooks" },
  drain: {
    handle: drainHandler({
      ...kit.deps(),
      operatorKey: OPERATOR,
      pause: () => Promise.resolve(),
      shopify: null,
    }),
    method: "POST",
    path: "/drain",
  },
  health: {
    handle: healthHandler({ ...kit.deps(), version: "9.9.9", runtime: "", operatorKey: OPERATOR }),
    method: "GET",
    path: "/health/metrics",
  },
};
const doors = Object.entries(DOORS);

describe.each(doors)("the door of %s", (name, { handle, method, path }) => {
  const ask = async (tail: string, headers: Record<string, string> = {}) => {
    const response = await handle(new Request(`http://edge.test${path}${tail}`, { method, headers }));
    return { status: response.status, text: await response.text() };
  };

  test("refuses an address of more than 8 KiB with 414, and counts it", async () => {
    const base = `http://edge.test${path}?a=`.length;
    const place = name === "callback" ? "install" : name === "session" ? "proxy" : name;
    expect((await ask(`?a=${"x".repeat(ADDRESS_LIMIT - base)}`)).status).not.toBe(414);
    const refused = await ask(`?a=${"x".repeat(ADDRESS_LIMIT - base + 1)}`);
    expect(refused).toMatchObject({
      status: 414,
      text: expect.stringContaining('"code":"address_too_long"'),
    });
    const { database } = ["install", "callback", "admin"].includes(name) ? merchant : kit;
    await expect.poll(() =>
      database.query(
        "postgres",
        "select from trakit.refusals where place = $1 and reason = 'address_too_long'",
        [place],
      )
    ).not.toEqual([]);
  });

  test("refuses headers of more than 64 KiB with 431", async () => {
    expect((await ask("", { "x-noise": "x".repeat(HEADERS_LIMIT - 1_000) })).status).not.toBe(431);
    const refused = await ask("", { "x-noise": "x".repeat(HEADERS_LIMIT) });
    expect(refused).toMatchObject({
      status: 431,
      text: expect.stringContaining('"code":"headers_too_long"'),
    });
  });

  test("answers an address of any text as soon as a harmless one, of 60 kB and of the longest it reads", async () => {
    for (const length of [60_000, ADDRESS_LIMIT - 100]) {
      await expectLinear((text) => ask(text.startsWith("/") ? text : `/${text}`), { length });
      await expectLinear((text) => ask(`?shop=${text}`), { length });
      await expectLinear((text) => ask(`?shop=a.myshopify.com&host=${text}`), { length });
      await expectLinear((text) => ask(`?key=${text}`), { length });
    }
  });

  test("answers headers of any text as soon as harmless ones", async () => {
    const latin = (text: string) => !/[^\x20-\x7e]/.test(text);
    const named = [
      "authorization",
      "cookie",
      "origin",
      "user-agent",
      "accept-language",
      "x-forwarded-for",
      "x-forwarded-host",
      "cf-connecting-ip",
      "if-none-match",
      "content-type",
      "x-trakit-signature",
    ];
    for (const header of named) {
      const value = (text: string) =>
        header === "authorization" ? `Bearer ${text}` : header === "origin" ? `https://${text}` : text;
      await expectLinear((text) => ask("?shop=a.myshopify.com", { [header]: value(text).trim() }), {
        only: latin,
      });
    }
  });
});

/** The payload with each of its texts in turn replaced. */
function* withEachText(payload: unknown): Generator<(text: string) => unknown> {
  const places: (string | number)[][] = [];
  const walk = (value: unknown, path: (string | number)[]): void => {
    if (typeof value === "string") places.push(path);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value).slice(0, 40)) walk(inner, [...path, key]);
    }
  };
  walk(payload, []);
  for (const path of places) {
    yield (text) => {
      const copy = structuredClone(payload) as Record<string | number, unknown>;
      let at = copy;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
      at[path.at(-1)!] = text;
      return copy;
    };
  }
}

describe("a body with one long text", () => {
  test("of a storefront is read as soon as a harmless one, wherever the text stands", async () => {
    const shop = await kit.shop({ events_per_minute: 1_000_000 });
    const visitor = { visitor_id: "v".repeat(32), fbp: "fb.1.1.1", fbclid: "x", ga: "GA1.1.1.1" };
    const batch = {
      events: [pageView()],
      visitor,
      consent: YES,
      url: "https://a.example/",
      language: "en",
      user_agent: "x",
    };
    for (const change of withEachText(batch)) {
      await expectLinear((text) => proxy.handle(directRequest(shop.domain, change(text))));
    }
  }, 120_000);

  test("of any shape but JSON's is refused as soon as a harmless one", async () => {
    const shop = await kit.shop({ events_per_minute: 1_000_000 });
    await expectLinear((text) => proxy.handle(directRequest(shop.domain, text)));
    await expectLinear((text) => proxy.handle(directRequest(shop.domain, `{"events":${text}`)));
    await expectLinear((text) => webhook(webhookRequest(shop.domain, text)));
  }, 120_000);

  test.each(["order-web-guest", "customers-create", "checkout-create", "cart-update", "refund-create"])(
    "of %s is decoded as soon as a harmless one, wherever the text stands",
    async (name) => {
      const topic = { "order-web-guest": "orders/create", "customers-create": "customers/create" }[name] ??
        name.replace(/(checkout|cart|refund)-/, "$1s/");
      const { readWebhook } = await import("@trakit/pipeline/ingest/read-webhook.ts");
      const read = (payload: unknown) =>
        readWebhook(topic, new TextEncoder().encode(JSON.stringify(payload)), "a.myshopify.com", undefined);
      expect(read(fixture(name)).kind).not.toBe("unhandled");
      for (const change of withEachText(fixture(name))) {
        await expectLinear((text) => Promise.resolve(read(change(text))));
      }
    },
    240_000,
  );
});
