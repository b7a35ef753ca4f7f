import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import {
  fetch as workerFetch,
  Miniflare,
  type Request as WorkerRequest,
  Response as WorkerResponse,
} from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { forwarderSecret, shopPublicKey, visitorProof } from "@trakit/core/storefront-keys.ts";
import { KEYS, pipelineKit } from "../support/pipeline.ts";
import { pageView, proxyKit, signed, YES } from "../support/storefront.ts";

/** The same-origin Worker, in the real workerd, in front of the real proxy function over HTTP. */
const kit = await pipelineKit();
// the Worker has a clock of its own, so the function must have the world's
const proxy = proxyKit(kit, { now: Date.now });
const FBP = "fb.1.1792998010123.1234567890";
const PAGE = "https://www.blue-mugs.example";

/** What reached the function, as it came over the wire. */
const seen: { url: string; headers: IncomingMessage["headers"] }[] = [];
const server = createServer(async (incoming, outgoing) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  seen.push({ url: incoming.url ?? "", headers: incoming.headers });
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === "string") headers.set(name, value);
  }
  const answer = await proxy.handle(
    new Request(`http://edge.test${incoming.url}`, {
      method: incoming.method ?? "GET",
      headers,
      ...(chunks.length > 0 ? { body: new Uint8Array(Buffer.concat(chunks)) } : {}),
    }),
  );
  outgoing.statusCode = answer.status;
  outgoing.setHeaders(new Headers([...answer.headers].filter(([name]) => name !== "set-cookie")));
  outgoing.setHeader("set-cookie", answer.headers.getSetCookie());
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
});
const workers: Miniflare[] = [];

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.dispose()));
  await new Promise((resolve) => server.close(resolve));
});

async function storefront(bindings: Record<string, string> = {}) {
  const shop = await kit.shop({ hosts: ["www.blue-mugs.example"], unsigned_events: false });
  const { port } = server.address() as AddressInfo;
  const worker = new Miniflare({
    modules: true,
    scriptPath: fileURLToPath(new URL("../../packages/storefront/same-origin/worker.js", import.meta.url)),
    compatibilityDate: "2026-07-01",
    cf: false,
    bindings: {
      TRAKIT_PROXY_URL: `http://127.0.0.1:${port}/proxy`,
      TRAKIT_PUBLIC_KEY: shopPublicKey(KEYS, shop.domain),
      TRAKIT_FORWARDER_SECRET: forwarderSecret(KEYS, shop.domain),
      ...bindings,
    },
    // the shop behind the Worker
    outboundService: (request: WorkerRequest) =>
      request.url.startsWith("http://127.0.0.1:")
        ? workerFetch(request)
        : Promise.resolve(new WorkerResponse("the shop's own page")),
  });
  workers.push(worker);
  const ask = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await worker.dispatchFetch(`${PAGE}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "cf-connecting-ip": "2001:db8::77", origin: PAGE, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await kit.settled();
    const text = await answer.text();
    return {
      status: answer.status,
      cookies: answer.headers.getSetCookie(),
      text,
      // deno-lint-ignore no-explicit-any -- answers are checked by shape
      body: (text.startsWith("{") ? JSON.parse(text) : null) as any,
    };
  };
  return { shop, ask };
}

test("a visit on the shop's own path: session, signed event, cookies both ways, and the visitor's own address", async () => {
  const { shop, ask } = await storefront();
  const id = randomBytes(16).toString("hex");
  const proof = visitorProof(KEYS, shop.domain, id);
  const cookie =
    `_shopify_essential=secret; cart=secret; _tk_v=${id}; __Host-tk_p=${proof}; _fbp=${FBP}; _ga_ABC=GS1.1.55.1`;
  const opened = await ask("/data/session", { consent: YES }, { cookie });
  expect(opened.status).toBe(200);
  expect(opened.body.visitor).toMatchObject({ visitor_id: id, fbp: FBP });
  expect(opened.cookies).toContain(
    `_fbp=${FBP}; Path=/; Max-Age=63072000; SameSite=Lax; Secure; Domain=blue-mugs.example`,
  );
  const now = opened.body.session.now as number;
  const event = pageView({ id: randomBytes(16).toString("hex"), timestamp: now });
  const sent = await ask("/data/event", {
    events: [signed(opened.body.session, event, { at: now })],
    consent: YES,
  }, { cookie });
  expect(sent).toMatchObject({ status: 202, body: { results: [{ status: "accepted" }] } });
  const [row] = await kit.database.query<{ ip: string; identifiers: object; signed: boolean }>(
    "postgres",
    `select c.ip, e.identifiers, e.signed from trakit.events e
     join trakit.event_clients c on c.captured_at = e.captured_at and c.event_row = e.id where e.shop_id = $1`,
    [shop.id],
  );
  expect(row).toMatchObject({
    ip: "2001:db8::77",
    signed: true,
    identifiers: { visitor_id: id, fbp: FBP, ga_session_id: "55" },
  });
  // the shop's own session goes no further than the Worker
  expect(JSON.stringify(seen)).not.toContain("secret");
});

test("of a visitor's headers the Worker passes Global Privacy Control, and nothing that names an address or a host", async () => {
  const { ask } = await storefront();
  const invented = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-host": "evil.example",
    "x-real-ip": "203.0.113.9",
    "cf-ipcountry": "AQ",
    "x-trakit-ip": "203.0.113.9",
    "x-trakit-host": "evil.example",
    "x-trakit-signature": "invented",
    forwarded: "for=203.0.113.9",
  };
  const opened = await ask("/data/session", { consent: YES }, { "sec-gpc": "1", ...invented });
  expect(opened.status).toBe(200);
  const { headers } = seen.at(-1)!;
  expect(headers["sec-gpc"]).toBe("1");
  expect(JSON.stringify(headers)).not.toMatch(/203\.0\.113\.9|evil\.example|AQ|invented|for=/);
});

test("a Worker with another shop's secret is refused", async () => {
  const { ask } = await storefront({ TRAKIT_FORWARDER_SECRET: forwarderSecret(KEYS, "other.myshopify.com") });
  expect(await ask("/data/session", {})).toMatchObject({ status: 401, body: { code: "bad_forwarder" } });
});

test("scripts pass, and what is not TrakIt's is the shop's", async () => {
  const { ask } = await storefront();
  expect(await ask("/data/trakit.js", undefined)).toMatchObject({ status: 200, text: "void 0;" });
  expect(await ask("/products/mug", undefined)).toMatchObject({ status: 200, text: "the shop's own page" });
});
