import { createHash, createHmac, randomBytes } from "node:crypto";
import type { SessionAnswer } from "@trakit/pipeline/contracts/answers.ts";
import { shopPublicKey, visitorProof } from "@trakit/core/storefront-keys.ts";
import type { ProxyDependencies } from "../../functions/proxy/dependencies.ts";
import { proxyHandler } from "../../functions/proxy/handler.ts";
import { EVENING, KEYS, type PipelineKit, proxyRequest, SECRET } from "./pipeline.ts";

/** The browser's side of the storefront, written anew from the contract: it shares no code with what it tests. */

export type Session = SessionAnswer["session"];

/** `{token, body}` of an event, as the storefront script signs it. */
export function signed(
  session: Pick<Session, "id" | "key">,
  event: { name: string; id?: string; [key: string]: unknown },
  change: { eventId?: string; at?: number; body?: string; name?: string } = {},
): { token: string; body: string } {
  const body = JSON.stringify(event);
  const eventId = change.eventId ?? event.id ?? "";
  const at = change.at ?? EVENING;
  const digest = createHash("sha256").update(change.body ?? body).digest("hex");
  const text = ["trakit/token/1", eventId, change.name ?? event.name, session.id, at, digest].join("\n");
  const signature = createHmac("sha256", session.key).update(text).digest("hex");
  return { token: `${eventId}.${session.id}.${at}.${signature}`, body };
}

export interface DirectOptions {
  place?: string;
  method?: string;
  headers?: Record<string, string>;
  /** Instead of the shop's public key; null = none. */
  key?: string | null;
}

/** A request that comes without Shopify: from the web pixel or a first-party host. */
export function directRequest(domain: string, body: unknown, options: DirectOptions = {}): Request {
  const method = options.method ?? "POST";
  const key = options.key === undefined ? shopPublicKey(KEYS, domain) : options.key;
  const query = key === null ? "" : `?key=${encodeURIComponent(key)}`;
  return new Request(`http://edge.test/proxy/${options.place ?? "event"}${query}`, {
    method,
    headers: {
      "content-type": "text/plain;charset=UTF-8",
      "cf-connecting-ip": "198.51.100.7",
      ...options.headers,
    },
    ...(method === "POST" ? { body: typeof body === "string" ? body : JSON.stringify(body) } : {}),
  });
}

export interface ProxiedOptions {
  customerId?: string;
  /** Host the visitor used. */
  host?: string;
  ip?: string;
  place?: string;
  method?: string;
}

/** The same request of a browser that kept the proof its visitor id came with; `proof: null` is one that has lost it. */
function proven(domain: string, body: unknown): unknown {
  if (typeof body !== "object" || body === null || !("visitor" in body)) return body;
  const visitor = body.visitor as { visitor_id?: unknown; proof?: unknown } | null;
  if (typeof visitor?.visitor_id !== "string" || visitor.proof !== undefined) return body;
  return { ...body, visitor: { ...visitor, proof: visitorProof(KEYS, domain, visitor.visitor_id) } };
}

/** A request as Shopify's app proxy forwards it. */
export function proxied(
  domain: string,
  body: unknown,
  signedAt: number,
  options: ProxiedOptions = {},
): Request {
  const request = proxyRequest(domain, typeof body === "string" ? body : JSON.stringify(body), {
    path: `/proxy/${options.place ?? "event"}`,
    signedAt,
    ...(options.customerId ? { customerId: options.customerId } : {}),
    ...(options.method ? { method: options.method } : {}),
  });
  if (options.host) request.headers.set("x-forwarded-host", options.host);
  if (options.ip) request.headers.set("x-forwarded-for", options.ip);
  return request;
}

/** Consent to everything. */
export const YES = { analytics: true, marketing: true, preferences: true, sale_of_data: true };
export const NO = { analytics: false, marketing: false, preferences: false, sale_of_data: false };

/** A page view as the script makes it. */
export function pageView(change: Record<string, unknown> = {}) {
  return {
    name: "page_viewed",
    id: createHash("sha256").update(JSON.stringify(change)).digest("hex").slice(0, 32),
    timestamp: EVENING,
    page: { url: "https://blue-mugs.example/products/mug?colour=blue", title: "Mug" },
    data: {},
    ...change,
  };
}

/** A handler of the proxy function in a kit's world, and what a browser does with it. */
export function proxyKit(kit: PipelineKit, change: Partial<ProxyDependencies> = {}) {
  const handle = proxyHandler({
    ...kit.deps(),
    secrets: [SECRET],
    // as where Cloudflare is in front
    gatewayHeaders: ["cf-connecting-ip"],
    waitUntil: kit.waitUntil,
    chance: (bytes) => new Uint8Array(randomBytes(bytes)),
    scripts: { "trakit.js": { text: "void 0;", etag: "v1" } },
    ...change,
  });
  const read = async (request: Request) => {
    const response = await handle(request);
    await kit.settled();
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      cookies: response.headers.getSetCookie(),
      // deno-lint-ignore no-explicit-any -- answers are checked by shape
      body: (text === "" ? null : JSON.parse(text)) as any,
    };
  };
  return {
    handle,
    read,
    /** Through the app proxy. */
    session: (domain: string, body: unknown = {}, options: ProxiedOptions = {}) =>
      read(proxied(domain, proven(domain, body), kit.now(), { ...options, place: "session" })),
    send: (domain: string, body: unknown, options: ProxiedOptions = {}) =>
      read(proxied(domain, proven(domain, body), kit.now(), options)),
    /** With the shop's public key. */
    direct: (domain: string, body: unknown, options: DirectOptions = {}) =>
      read(directRequest(domain, proven(domain, body), options)),
  };
}
