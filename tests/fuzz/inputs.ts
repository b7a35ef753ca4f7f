import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { forwardedSignature } from "@trakit/core/forwarded.ts";
import {
  forwarderSecret,
  type Keys,
  sessionId,
  sessionKeyText,
  shopPublicKey,
  visitorProof,
} from "@trakit/core/storefront-keys.ts";
import { drainKey } from "@trakit/runtime/operator-key.ts";
import { signProxyQuery, signWebhook } from "@trakit/shopify/verify.ts";
import type { Chance } from "./chance.ts";
import { anyBytes, headerText, mutateBytes, mutateValue, oddText } from "./mutate.ts";

/** One request to the front door, as anybody might send it. */
export interface Input {
  /** Whom it pretends to be, or is. */
  as: string;
  method: string;
  /** From the function's name on, with the query. */
  target: string;
  headers: Record<string, string>;
  body: Uint8Array | null;
}

/** What the senders know: who holds a secret is somebody else in each input. */
export interface Known {
  shop: string;
  keys: Keys & readonly { id?: string; key: Uint8Array }[];
  apiKey: string;
  secret: string;
  operatorKey: string;
  /** ms since the epoch. */
  now: () => number;
  /** Shopify says nothing that ends the shop: what comes after would try an empty one. */
  lasting?: boolean;
}

const FIXTURES = join(import.meta.dirname, "../fixtures/shopify");
const PAYLOADS = new Map(
  readdirSync(FIXTURES).filter((name) => name.endsWith(".json") && !name.startsWith("_"))
    .map((name) => [name.replace(".json", ""), readFileSync(join(FIXTURES, name), "utf8")] as const),
);
const PIXELS = [...PAYLOADS].filter(([name]) => name.startsWith("pixel-")).map(([, payload]) => payload);
const TOPICS: Record<string, readonly string[]> = {
  "order-web-guest": ["orders/create", "orders/paid", "orders/updated"],
  "order-web-customer-eur-discount": ["orders/create", "orders/updated"],
  "order-pos": ["orders/create"],
  "order-test": ["orders/paid"],
  "refund-create": ["refunds/create"],
  "cart-update": ["carts/update", "carts/create"],
  "checkout-create": ["checkouts/create", "checkouts/update"],
  "customers-create": ["customers/create", "customers/update"],
  "customers-purchasing_summary": ["customers/purchasing_summary"],
  "customers-email-marketing-consent-update": ["customers_email_marketing_consent/update"],
  "customers-marketing-consent-update": ["customers_marketing_consent/update"],
  "customers-data_request": ["customers/data_request"],
  "customers-redact": ["customers/redact"],
  "shop-redact": ["shop/redact"],
  "app-uninstalled": ["app/uninstalled"],
  "app-scopes_update": ["app/scopes_update"],
};
const SIGNED_PAYLOADS = Object.keys(TOPICS).filter((name) => PAYLOADS.has(name));
const LASTING_PAYLOADS = SIGNED_PAYLOADS.filter((name) => !["shop-redact", "app-uninstalled"].includes(name));
const ADMIN = [
  "GET /admin/shop",
  "PATCH /admin/shop",
  "GET /admin/destinations",
  "GET /admin/destinations/meta",
  "PUT /admin/destinations/meta",
  "PUT /admin/destinations/google",
  "POST /admin/destinations/meta/test",
  "POST /admin/destinations/tiktok/connect",
  "GET /admin/connect/meta",
  "GET /admin/connect/meta/callback",
  "GET /admin/setup",
  "GET /admin/health",
  "GET /admin/orders/1001",
  "GET /admin/privacy",
  "POST /admin/replay",
  "POST /admin/token",
];
const ADMIN_BODIES: readonly unknown[] = [
  { order_topic: "orders/paid", unknown_consent: "skip" },
  {
    settings: { id: "1234567890123456", appsecret_proof: "ab".repeat(32) },
    token: "EAAG0123456789",
    enabled: true,
  },
  { events: ["checkout_completed"], test_code: "TEST123" },
  { event: "page_viewed" },
  { since: "2026-10-26T00:00:00Z", until: "2026-10-26T10:00:00Z", platform: "meta", dry_run: true },
  {},
];
const ROUTES = [
  "/proxy/event",
  "/proxy/session",
  "/proxy/trakit.js",
  "/webhooks",
  "/drain",
  "/health",
  "/health/metrics",
  "/health/openapi.json",
  "/install",
  "/install/callback",
  "/install/token",
  "/admin/shop",
];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const HEADERS = [
  "origin",
  "cookie",
  "authorization",
  "content-type",
  "content-length",
  "content-encoding",
  "user-agent",
  "accept-language",
  "x-forwarded-for",
  "x-forwarded-host",
  "cf-connecting-ip",
  "cf-ipcountry",
  "x-real-ip",
  "sec-gpc",
  "if-match",
  "if-none-match",
  "x-shopify-topic",
  "x-shopify-shop-domain",
  "x-shopify-hmac-sha256",
  "x-shopify-webhook-id",
  "x-shopify-triggered-at",
  "x-trakit-signature",
  "x-trakit-ip",
  "x-trakit-host",
  "x-trakit-time",
];

const encoder = new TextEncoder();
const jsonBytes = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value) ?? "null");

/** A body: the value (which is the caller's to lose) as it is, changed, changed in its bytes, or bytes of any kind. */
function bodyOf(value: unknown, chance: Chance): Uint8Array {
  if (chance.likely(0.03)) return anyBytes(chance, 200);
  if (chance.likely(0.0005)) {
    const deep = chance.pick([1_000, 100_000]);
    return encoder.encode(
      `{"events":${"[".repeat(deep)}${"]".repeat(deep)},"line_items":${'{"a":'.repeat(deep)}1${
        "}".repeat(deep)
      }}`,
    );
  }
  const changed = chance.likely(0.9) ? mutateValue(value, chance) : value;
  const bytes = jsonBytes(changed);
  return chance.likely(0.1) ? mutateBytes(bytes, chance) : bytes;
}

/** A storefront's batch: plain events and those a session signed, tags it reports, and who the visitor is. */
function batch(known: Known, chance: Chance): unknown {
  const at = known.now();
  const id = sessionId(known.keys, known.shop, at, anyBytesOf(chance, 6), chance.likely(0.2) ? "777" : null);
  const key = sessionKeyText(known.keys[0]!.key, known.shop, id);
  const event = (): unknown => {
    const payload = JSON.parse(chance.pick(PIXELS)) as Record<string, unknown>;
    payload["timestamp"] = at - chance.below(60_000);
    payload["id"] = hex(chance, 32);
    if (chance.likely(0.7)) mutateValue(payload, chance);
    if (chance.likely(0.4)) return payload;
    const body = JSON.stringify(payload);
    const word = (value: unknown) => typeof value === "string" ? value : "x";
    const eventId = word(payload["id"]).slice(0, 64);
    const digest = createHash("sha256").update(body).digest("hex");
    const text = ["trakit/token/1", eventId, word(payload["name"]), id, at, digest].join("\n");
    const signature = createHmac("sha256", key).update(text).digest("hex");
    return { token: `${eventId}.${id}.${at}.${signature}`, body };
  };
  const yes = chance.likely(0.8);
  const visitor = hex(chance, 32);
  return {
    events: Array.from({ length: 1 + chance.below(3) }, event),
    visitor: {
      visitor_id: visitor,
      fbp: "fb.1.1792998010123.1234567890",
      fbclid: "IwAR0123456789abcdef",
      ga: "GA1.1.123456789.1792998010",
      proof: chance.likely(0.5) ? visitorProof(known.keys, known.shop, visitor) : "A".repeat(22),
    },
    consent: { analytics: yes, marketing: yes, preferences: yes, sale_of_data: yes },
    url: "https://blue-mugs.example/products/mug?fbclid=IwAR0123456789abcdef&email=a@b.example",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0",
    language: "en-US",
    region: "USCA",
    gpc: false,
    ...(chance.likely(0.3) ? { fired: [event()] } : {}),
  };
}

function anyBytesOf(chance: Chance, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => chance.below(256));
}

function hex(chance: Chance, length: number): string {
  return Array.from({ length }, () => "0123456789abcdef"[chance.below(16)]).join("");
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A session token as Shopify's App Bridge gives the merchant's page (HS256). */
function sessionToken(known: Known): string {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    iss: `https://${known.shop}/admin`,
    dest: `https://${known.shop}`,
    aud: known.apiKey,
    sub: "42",
    exp: seconds + 60,
    nbf: seconds - 5,
    iat: seconds - 5,
    jti: "fuzz",
    sid: "fuzz",
  };
  const text = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
  return `${text}.${createHmac("sha256", known.secret).update(text).digest("base64url")}`;
}

function signedQuery(known: Known, chance: Chance): URLSearchParams {
  const query = new URLSearchParams({
    shop: known.shop,
    logged_in_customer_id: chance.likely(0.3) ? "777" : "",
    path_prefix: "/apps/trakit",
    timestamp: String(Math.floor(known.now() / 1000)),
  });
  // what a visitor puts on the address is signed with it
  if (chance.likely(0.2)) query.append(headerText(oddText("utm_source", chance)), oddText("x", chance));
  query.set("signature", signProxyQuery(query, known.secret));
  return query;
}

const SENDERS: Record<string, (known: Known, chance: Chance) => Input> = {
  nobody: (_, chance) => ({
    as: "nobody",
    method: chance.pick(METHODS),
    target: chance.likely(0.5) ? chance.pick(ROUTES) : `/${oddText("install", chance)}`,
    headers: {},
    body: anyBytes(chance, 300),
  }),
  browser: (known, chance) => ({
    as: "browser, with the public key",
    method: "POST",
    target: `/proxy/${chance.pick(["event", "session"])}?key=${
      encodeURIComponent(shopPublicKey(known.keys, known.shop))
    }`,
    headers: {
      "content-type": "text/plain",
      ...(chance.likely(0.5) ? { origin: "https://blue-mugs.example" } : {}),
      ...(chance.likely(0.5)
        ? { cookie: "_tk_v=abc; _fbp=fb.1.1.1; _ga=GA1.1.1.1; _tk_c=%7B%7D; __Host-tk_p=x" }
        : {}),
    },
    body: bodyOf(batch(known, chance), chance),
  }),
  proxy: (known, chance) => ({
    as: "Shopify's app proxy",
    method: chance.pick(["POST", "POST", "GET"]),
    target: `/proxy/${chance.pick(["event", "session"])}?${signedQuery(known, chance)}`,
    headers: { "x-forwarded-for": "203.0.113.77, 10.0.0.1", "x-forwarded-host": "blue-mugs.example" },
    body: bodyOf(batch(known, chance), chance),
  }),
  forwarder: (known, chance) => {
    const place = chance.pick(["event", "session"]);
    const parts = {
      method: "POST",
      place,
      time: String(Math.floor(known.now() / 1000)),
      ip: "198.51.100.7",
      host: "data.blue-mugs.example",
      cookie: chance.likely(0.5) ? oddText("_tk_v=abc; _fbp=fb.1.1.1", chance).slice(0, 5_000) : "",
    };
    const cookie = headerText(parts.cookie);
    const secret = forwarderSecret(known.keys, known.shop);
    return {
      as: "the shop's reverse proxy",
      method: "POST",
      target: `/proxy/${place}?key=${encodeURIComponent(shopPublicKey(known.keys, known.shop))}`,
      headers: {
        "x-trakit-signature": forwardedSignature(secret, { ...parts, cookie }),
        "x-trakit-time": parts.time,
        "x-trakit-ip": parts.ip,
        "x-trakit-host": parts.host,
        ...(cookie ? { cookie } : {}),
      },
      body: bodyOf(batch(known, chance), chance),
    };
  },
  shopify: (known, chance) => {
    const name = chance.pick(known.lasting ? LASTING_PAYLOADS : SIGNED_PAYLOADS);
    const payload = JSON.parse(PAYLOADS.get(name)!) as Record<string, unknown>;
    for (const field of ["myshopify_domain", "shop_domain"]) {
      if (field in payload) payload[field] = known.shop;
    }
    const body = bodyOf(payload, chance);
    return {
      as: "Shopify's webhooks",
      method: "POST",
      target: "/webhooks",
      headers: {
        "content-type": "application/json",
        "x-shopify-topic": chance.likely(0.9)
          ? chance.pick(TOPICS[name]!)
          : headerText(oddText("orders/create", chance)) || "x",
        "x-shopify-shop-domain": known.shop,
        "x-shopify-api-version": "2026-10",
        "x-shopify-webhook-id": hex(chance, 24),
        "x-shopify-triggered-at": new Date(known.now()).toISOString(),
        "x-shopify-hmac-sha256": signWebhook(body, known.secret),
      },
      body,
    };
  },
  merchant: (known, chance) => {
    const [method, target] = chance.pick(ADMIN).split(" ") as [string, string];
    return {
      as: "a merchant",
      method,
      target: chance.likely(0.2) ? `${target}${oddText("/x", chance)}` : target,
      headers: {
        authorization: `Bearer ${sessionToken(known)}`,
        "content-type": "application/json",
        ...(chance.likely(0.2) ? { "if-match": '"1"' } : {}),
      },
      body: bodyOf(structuredClone(chance.pick(ADMIN_BODIES)), chance),
    };
  },
  installer: (known, chance) => {
    const query = new URLSearchParams({
      shop: known.shop,
      host: Buffer.from("admin.shopify.com/store/x").toString("base64"),
      ...(chance.likely(0.5)
        ? { id_token: sessionToken(known) }
        : { code: "x", state: "y", timestamp: "1", hmac: hex(chance, 64) }),
    });
    return {
      as: "who opens the app",
      method: chance.pick(["GET", "GET", "POST"]),
      target: `${chance.pick(["/install", "/install/callback", "/install/token"])}?${query}`,
      headers: { "user-agent": "Mozilla/5.0 Chrome/141.0", authorization: `Bearer ${sessionToken(known)}` },
      body: null,
    };
  },
  operator: (known, chance) => ({
    as: "the operator",
    method: chance.pick(["GET", "POST"]),
    target: chance.pick(["/drain", "/health/metrics", "/health"]),
    headers: {
      authorization: `Bearer ${chance.likely(0.5) ? known.operatorKey : drainKey(known.operatorKey)}`,
    },
    body: anyBytes(chance, 50),
  }),
};
const WHO = [
  "browser",
  "browser",
  "proxy",
  "proxy",
  "shopify",
  "shopify",
  "shopify",
  "forwarder",
  "merchant",
  "installer",
  "nobody",
  "operator",
];

/** The next input: a sender's own, or changed where no signature covers it. */
export function nextInput(known: Known, chance: Chance): Input {
  const input = SENDERS[chance.pick(WHO)]!(known, chance);
  for (let times = chance.likely(0.5) ? 0 : 1 + chance.below(2); times > 0; times--) {
    const how = chance.below(4);
    if (how === 0) {
      const name = chance.pick(HEADERS);
      input.headers[name] = headerText(oddText(input.headers[name] ?? "x", chance));
    } else if (how === 1) {
      const names = Object.keys(input.headers);
      if (names.length > 0) delete input.headers[chance.pick(names)];
    } else if (how === 2) input.target = addressText(oddText(input.target, chance));
    else input.method = chance.pick(METHODS);
  }
  input.target = addressText(input.target);
  return input;
}

/** A text as an HTTP client would put it into a request's first line. */
function addressText(text: string): string {
  const path = text.startsWith("/") ? text : `/${text}`;
  return path.replace(
    /[^\x21-\x7e]/g,
    (found) => encodeURIComponent(/[\ud800-\udfff]/.test(found) ? "?" : found),
  )
    .replace(/#/g, "%23");
}
