import { expect, test } from "vitest";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { createTrakitAdmin, createTrakitClient, TrakitProblem } from "@trakit/client/client.ts";
import { openApp } from "@trakit/pipeline/shopify/installation.ts";
import { adminHandler } from "../../functions/admin/handler.ts";
import { ADMIN_URL, merchantKit } from "../support/merchant.ts";

const kit = await merchantKit();
const PROJECT = "https://project.example";
const handle = adminHandler({
  ...kit.world,
  fetch,
  send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: kit.world.now }),
  vendorHosts: kit.vendorHosts,
  oauthClients: kit.oauthClients,
  adminUrl: ADMIN_URL,
  jwtSecret: "the-projects-jwt-secret-of-the-tests-0123456789",
});

/** The gateway: `/functions/v1/<name>/…` reaches the function as `/<name>/…`; what goes elsewhere is noted. */
const elsewhere: Request[] = [];
const gateway: typeof fetch = async (input, init) => {
  const request = new Request(input as string, init as RequestInit);
  const path = request.url.slice(PROJECT.length);
  if (!path.startsWith("/functions/v1/admin/")) {
    elsewhere.push(request);
    return new Response("[]", { headers: { "content-type": "application/json" } });
  }
  return await handle(new Request(PROJECT + path.slice("/functions/v1".length), request));
};

async function admin() {
  const shop = kit.newDomain();
  await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
  return createTrakitAdmin(PROJECT, "publishable-key", () => kit.shopify().sessionToken(shop), {
    fetch: gateway,
  });
}

test("the merchant's API is called through the project's functions, with a session token got anew each time", async () => {
  const client = await admin();
  expect((await client.changeShop({ test_orders: "send" })).settings.test_orders).toBe("send");
  expect((await client.destinations()).destinations.map((one) => one.platform)).toContain("meta");
  expect((await client.setup()).checks.length).toBeGreaterThan(5);
  expect((await client.order("#1042")).events).toEqual([]);
  expect((await client.replay({ since: new Date(0).toISOString() })).replayed).toBe(0);
  expect((await client.privacy()).requests).toEqual([]);
  await expect(client.connect("pinterest")).rejects.toMatchObject({ status: 409, code: "not_set_up" });
  expect((await client.token()).token.split(".")).toHaveLength(3);
});

test("a refusal is an error with the problem's code, and its issues", async () => {
  const client = await admin();
  const refusal = await client.changeDestination("meta", { settings: { id: "x" } }).catch((error) => error);
  expect(refusal).toBeInstanceOf(TrakitProblem);
  expect(refusal).toMatchObject({ status: 422, code: "invalid_settings" });
  expect(refusal.issues[0]).toMatch(/^id: /);
  const nobody = createTrakitAdmin(PROJECT, "key", "no-session-token", { fetch: gateway });
  await expect(nobody.shop()).rejects.toMatchObject({ status: 401, code: "invalid_session_token" });
});

test("views are read in schema api, as the shop in the token", async () => {
  const client = createTrakitClient(PROJECT, "publishable-key", () => Promise.resolve("the-token"), {
    fetch: gateway,
  });
  const { data, error } = await client.from("event_log").select("name, platform, state").eq(
    "order_name",
    "#1042",
  );
  expect(error).toBeNull();
  expect(data).toEqual([]);
  const [request] = elsewhere;
  const url = new URL(request!.url);
  expect(url.pathname).toBe("/rest/v1/event_log");
  expect(url.searchParams.get("order_name")).toBe("eq.#1042");
  expect(request!.headers.get("accept-profile")).toBe("api");
  expect(request!.headers.get("authorization")).toBe("Bearer the-token");
  expect(request!.headers.get("apikey")).toBe("publishable-key");
});
