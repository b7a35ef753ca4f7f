import "@shopify/shopify-api/adapters/node";
import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { RESPONSE_DROPPED } from "@trakit/sandbox/shop/app-proxy.ts";
import { visitorIp } from "@trakit/sandbox/shop/client-ip.ts";
import { proxyMessage, proxySignature, signedQuery } from "@trakit/sandbox/shop/proxy-signature.ts";
import { SECRET, stage, Visitor } from "./shop-kit.ts";
import type { AppAnswer, Seen, Stage } from "./shop-kit.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../../fixtures/shopify/_test-vectors.json", import.meta.url), "utf8"),
) as {
  secret: string;
  app_proxy: { query: string; message: string; signature: string }[];
  doc_vectors: { secret: string; message: string; signature: string }[];
};

const shopify = shopifyApi({
  apiKey: "key",
  apiSecretKey: SECRET,
  hostName: "trakit.example.com",
  apiVersion: ApiVersion.October26,
  isEmbeddedApp: true,
  logger: { level: LogSeverity.Error, log: () => {} },
});

let current: Stage | undefined;
afterEach(async () => {
  await current?.close();
  current = undefined;
});
async function staged(answer?: (request: Seen) => AppAnswer, options = {}): Promise<Stage> {
  current = await stage(answer, options);
  return current;
}

describe("app proxy signature", () => {
  test.each(vectors.app_proxy)("message and signature match the recorded vector $signature", (vector) => {
    const params = new URLSearchParams(vector.query);
    expect(proxyMessage(params)).toBe(vector.message);
    expect(proxySignature(params, vectors.secret)).toBe(vector.signature);
  });

  test("Shopify's documented example verifies", () => {
    const params = new URLSearchParams(
      "extra=1&extra=2&shop=shop-name.myshopify.com&path_prefix=%2Fapps%2Fawesome_reviews&timestamp=1317327555&logged_in_customer_id=1",
    );
    const [vector] = vectors.doc_vectors;
    expect(proxySignature(params, vector!.secret)).toBe(vector!.signature);
  });

  test("Shopify's library accepts what we sign, and refuses it once altered", async () => {
    const query = signedQuery("v=1&q=caf%C3%A9+cr%C3%A8me%26co%3D1", {
      shop: "trakit-demo.myshopify.com",
      customerId: "",
      pathPrefix: "/apps/trakit",
      timestamp: Math.floor(Date.now() / 1000),
    }, SECRET);
    const parsed = Object.fromEntries(new URLSearchParams(query));
    expect(await shopify.utils.validateHmac(parsed, { signator: "appProxy" })).toBe(true);
    expect(await shopify.utils.validateHmac({ ...parsed, v: "2" }, { signator: "appProxy" })).toBe(false);
  });

  test("a visitor cannot have another shop's name signed", () => {
    const query = signedQuery(
      "shop=evil.myshopify.com&sh%6Fp=evil.myshopify.com&logged_in_customer_id=1&keep=yes",
      {
        shop: "trakit-demo.myshopify.com",
        customerId: "",
        pathPrefix: "/apps/trakit",
        timestamp: 1,
      },
      SECRET,
    );
    const params = new URLSearchParams(query);
    expect(params.getAll("shop")).toEqual(["trakit-demo.myshopify.com"]);
    expect(params.getAll("logged_in_customer_id")).toEqual([""]);
    expect(params.get("keep")).toBe("yes");
  });
});

describe("app proxy", () => {
  test("forwards method, path, body bytes and the signed query the library accepts", async () => {
    const { shop, seen } = await staged(() => ({ status: 202, body: "{}" }));
    const body = '{"events":[{"title":"Früh & Spät"}]}';
    const answer = await fetch(`${shop.url}/apps/trakit/event?x=a%20b`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "Agent/1" },
      body,
    });
    expect(answer.status).toBe(202);
    const [request] = seen;
    const url = new URL(request!.url, "http://app");
    expect(request!.method).toBe("POST");
    expect(url.pathname).toBe("/functions/v1/proxy/event");
    expect(request!.body.toString()).toBe(body);
    expect(request!.headers["content-type"]).toBe("application/json");
    expect(request!.headers["user-agent"]).toBe("Agent/1");
    expect(url.searchParams.get("x")).toBe("a b");
    expect(url.searchParams.get("path_prefix")).toBe("/apps/trakit");
    expect(url.searchParams.get("logged_in_customer_id")).toBe("");
    const params = Object.fromEntries(url.searchParams);
    expect(await shopify.utils.validateHmac(params, { signator: "appProxy" })).toBe(true);
  });

  test("says who the visitor is and overrides what the visitor claims", async () => {
    const { shop, seen } = await staged(() => ({ status: 200 }), { visitorIp: "81.2.69.160" });
    await fetch(`${shop.url}/apps/trakit/event`, {
      headers: {
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-host": "evil.example",
        "x-shopify-topic": "orders/paid",
      },
    });
    expect(seen[0]!.headers["x-forwarded-for"]).toBe("81.2.69.160");
    expect(seen[0]!.headers["x-forwarded-host"]).toBe(new URL(shop.url).host);
    expect(seen[0]!.headers["x-shopify-topic"]).toBeUndefined();
  });

  test("drops cookies on the way in and every listed header on the way out", async () => {
    const headers: Record<string, string | string[]> = { "content-type": "application/json", "x-kept": "1" };
    const own = new Set(["connection", "date", "trailer"]);
    for (const name of RESPONSE_DROPPED) if (!own.has(name)) headers[name] = "dropped";
    headers["set-cookie"] = ["_fbp=fb.1.1.1", "other=2"];
    const { shop, seen } = await staged(() => ({ status: 200, headers, body: '{"ok":true}' }));
    const answer = await fetch(`${shop.url}/apps/trakit/session`, {
      headers: { cookie: "cart=secret; _fbp=1" },
    });
    expect(seen[0]!.headers.cookie).toBeUndefined();
    expect(answer.headers.getSetCookie()).toEqual([]);
    for (const name of Object.keys(headers)) {
      if (RESPONSE_DROPPED.has(name)) expect(answer.headers.get(name), name).toBeNull();
    }
    expect(answer.headers.get("x-kept")).toBe("1");
    expect(await answer.json()).toEqual({ ok: true });
  });

  test("signs the customer id once the demo customer is logged in, and no longer after", async () => {
    const { shop, seen } = await staged();
    const visitor = new Visitor(shop.url);
    await visitor.form("/account/toggle", { return_to: "/" });
    await visitor.request("/apps/trakit/event");
    await visitor.form("/account/toggle", { return_to: "/" });
    await visitor.request("/apps/trakit/event");
    const ids = seen.map((request) =>
      new URL(request.url, "http://app").searchParams.get("logged_in_customer_id")
    );
    expect(ids).toEqual(["7012345678901", ""]);
  });

  test("never follows a redirect of the app", async () => {
    const { shop, seen } = await staged(() => ({
      status: 302,
      headers: { location: "/functions/v1/elsewhere" },
    }));
    const answer = await fetch(`${shop.url}/apps/trakit/event`, { redirect: "manual" });
    expect(answer.status).toBe(302);
    expect(seen).toHaveLength(1);
  });

  test("answers 502 when the app is not there, or sends Liquid", async () => {
    const { shop } = await staged(undefined, { apiUrl: "http://127.0.0.1:9" });
    expect((await fetch(`${shop.url}/apps/trakit/event`, { method: "POST", body: "{}" })).status).toBe(502);
    await current!.close();
    const liquid = await staged(() => ({
      status: 200,
      headers: { "content-type": "application/liquid" },
      body: "{{ shop }}",
    }));
    const answer = await fetch(`${liquid.shop.url}/apps/trakit/event`);
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain("{{ shop }}");
  });

  test.each([
    "/apps/trakit/../admin",
    "/apps/trakit/%2e%2e/%2e%2e/admin",
    "/apps/trakitx/event",
    "//127.0.0.1/apps/trakit/../x",
  ])(
    "%s does not leave the proxy's path",
    async (target) => {
      const { shop, seen } = await staged();
      const status = await rawStatus(shop.port, target);
      expect(status).toBe(404);
      expect(seen).toEqual([]);
    },
  );

  test("uses the prefix the merchant renamed it to", async () => {
    const { shop, seen } = await staged(() => ({ status: 200 }), { proxyPrefix: "/tools/t-rk" });
    expect((await fetch(`${shop.url}/apps/trakit/event`)).status).toBe(404);
    await fetch(`${shop.url}/tools/t-rk/event`);
    expect(new URL(seen[0]!.url, "http://app").searchParams.get("path_prefix")).toBe("/tools/t-rk");
    expect(await new Visitor(shop.url).text("/")).toContain('"proxy":"/tools/t-rk"');
  });
});

/** fetch would resolve ".." before sending; a socket does not. */
function rawStatus(port: number, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n`);
    });
    socket.once("data", (data) => {
      resolve(Number(data.toString().split(" ")[1]));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

describe("the visitor's address", () => {
  test.each([
    ["127.0.0.1", "81.2.69.142"],
    ["::1", "81.2.69.142"],
    ["::ffff:192.168.1.7", "81.2.69.142"],
    ["10.2.3.4", "81.2.69.142"],
    ["fd00::1", "81.2.69.142"],
    ["not an address", "81.2.69.142"],
    ["8.8.8.8", "8.8.8.8"],
    ["::ffff:8.8.4.4", "8.8.4.4"],
    ["2a00:1450:4001::200e", "2a00:1450:4001::200e"],
  ])("%s is reported as %s", (remote, reported) => {
    expect(visitorIp(remote, "81.2.69.142")).toBe(reported);
  });
});
