/**
 * Shopify's admin as an app meets it: grant screen, token endpoint, GraphQL (reference: shopify §3). Every shop is at
 * `/<shop>.myshopify.com/admin/…`. It refuses what Shopify would refuse and shares no code with TrakIt.
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { z } from "zod";
import { type AdminCustomer, type AdminOrder, type GraphqlShop, graphqlShop } from "./graphql.ts";
import { mintSessionToken, readSessionToken, type TokenClaims } from "./session-token.ts";
import { type ShopTokens, shopTokens } from "./tokens.ts";

export interface ShopifyAdminOptions {
  apiKey: string;
  secret: string;
  /** Redirect addresses of the app. */
  redirectUrls: string[];
  now: () => number;
  hex: (bytes: number) => string;
  scopes?: string[];
  country?: string;
  /** Host of the primary domain; the permanent one where nothing is said. */
  primaryHost?: (shop: string) => string;
  orders?: (shop: string) => AdminOrder[];
  customer?: (shop: string, id: string) => AdminCustomer | null;
}

export interface AdminRequest {
  method: string;
  /** `/<shop>/admin/…` */
  path: string;
  query: URLSearchParams;
  header: (name: string) => string | null;
  body: string;
}

export interface AdminAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface AdminShop {
  tokens: ShopTokens;
  graphql: GraphqlShop;
  scopes: string[];
  codes: Set<string>;
}

export interface ShopifyAdmin {
  handle(request: AdminRequest): AdminAnswer;
  /** A merchant's session token for the shop. */
  sessionToken(shop: string, change?: Partial<TokenClaims>): string;
  /** The merchant grants these scopes; later tokens carry them. */
  grant(shop: string, scopes: string[]): void;
  /** The merchant removes the app: tokens end, the web pixel goes. */
  uninstall(shop: string): void;
  pixel(shop: string): { id: string; settings: string } | null;
  /** Requests seen, by kind: `exchange`, `refresh`, `code`, `graphql`. */
  calls: string[];
  /** Answers every request with this status until set to null. */
  down: number | null;
  /** Shopify ends the shop's tokens before their time. */
  revoke(shop: string): void;
  /** False: personal fields come back null, as without approval. */
  approved: boolean;
}

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
const OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token";
const SHOP_PATH = /^\/([a-z0-9][a-z0-9-]*\.myshopify\.com)(\/admin\/.*)$/;

const json = (status: number, value: unknown): AdminAnswer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

const field = z.string().catch("");
/** A field that is no text is an empty one: the grant is refused for the lack of it. */
const tokenForm = z.object({
  client_id: field,
  client_secret: field,
  grant_type: field,
  refresh_token: field,
  subject_token: field,
  subject_token_type: field,
  requested_token_type: field,
  expiring: field,
  code: field,
});
const graphqlBody = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
});

/** JSON, or a form; what is neither has no field. */
function formOf(body: string): z.output<typeof tokenForm> {
  const given = tokenForm.safeParse(jsonOf(body) ?? Object.fromEntries(new URLSearchParams(body)));
  return given.success ? given.data : tokenForm.parse({});
}

/** Undefined where the text is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function createShopifyAdmin(options: ShopifyAdminOptions): ShopifyAdmin {
  const shops = new Map<string, AdminShop>();
  let ids = 1_000;

  function shopOf(domain: string): AdminShop {
    const known = shops.get(domain);
    if (known) return known;
    const shop: AdminShop = {
      scopes: options.scopes ??
        ["read_customer_events", "read_customers", "read_orders", "write_app_proxy", "write_pixels"],
      codes: new Set(),
      tokens: shopTokens({
        now: options.now,
        hex: options.hex,
        scope: () => shop.scopes.join(","),
        secret: `${domain} ${options.secret}`,
      }),
      graphql: graphqlShop({
        country: options.country ?? "US",
        host: options.primaryHost?.(domain) ?? domain,
        scopes: () => shop.scopes,
        orders: () => options.orders?.(domain) ?? [],
        customer: (id) => options.customer?.(domain, id) ?? null,
        approved: () => admin.approved,
      }, { now: options.now, nextId: () => String(++ids) }),
    };
    shops.set(domain, shop);
    return shop;
  }

  function token(shop: AdminShop, domain: string, body: string): AdminAnswer {
    const form = formOf(body);
    if (form.client_id !== options.apiKey || form.client_secret !== options.secret) {
      return json(400, { error: "invalid_client" });
    }
    if (form.grant_type === "refresh_token") {
      admin.calls.push("refresh");
      const pair = shop.tokens.refresh(form.refresh_token);
      return pair ? json(200, pair) : json(400, { error: "invalid_grant" });
    }
    if (form.grant_type === EXCHANGE) {
      admin.calls.push("exchange");
      const claims = form.subject_token_type === ID_TOKEN &&
        readSessionToken(form.subject_token, {
          shop: domain,
          apiKey: options.apiKey,
          secret: options.secret,
          nowMs: options.now(),
        });
      if (!claims) return json(400, { error: "invalid_subject_token" });
      if (form.requested_token_type !== OFFLINE || form.expiring !== "1") {
        return json(400, { error: "invalid_request" });
      }
      return json(200, shop.tokens.issue());
    }
    admin.calls.push("code");
    // a code is good once
    if (!shop.codes.delete(form.code) || form.expiring !== "1") {
      return json(400, { error: "invalid_request" });
    }
    return json(200, shop.tokens.issue());
  }

  function authorize(shop: AdminShop, domain: string, query: URLSearchParams): AdminAnswer {
    const redirect = query.get("redirect_uri") ?? "";
    if (query.get("client_id") !== options.apiKey || !options.redirectUrls.includes(redirect)) {
      return { status: 400, headers: { "content-type": "text/html" }, body: "Oauth error invalid_request" };
    }
    const code = options.hex(16);
    shop.codes.add(code);
    const fields: Record<string, string> = {
      code,
      host: Buffer.from(`admin.shopify.com/store/${domain.split(".")[0]}`).toString("base64").replace(
        /={1,2}$/,
        "",
      ),
      shop: domain,
      state: query.get("state") ?? "",
      timestamp: String(Math.floor(options.now() / 1000)),
    };
    const message = Object.keys(fields).sort().map((key) => `${key}=${encodeURIComponent(fields[key]!)}`)
      .join("&");
    const hmac = createHmac("sha256", options.secret).update(message).digest("hex");
    const target = new URL(redirect);
    for (const [key, value] of Object.entries({ ...fields, hmac })) target.searchParams.set(key, value);
    return { status: 302, headers: { location: target.href }, body: "" };
  }

  const admin: ShopifyAdmin = {
    calls: [],
    down: null,
    approved: true,
    handle(request) {
      const match = SHOP_PATH.exec(request.path);
      if (!match) return json(404, { errors: "Not Found" });
      if (admin.down !== null) return json(admin.down, { errors: "Unavailable" });
      const [, domain, path] = match as unknown as [string, string, string];
      const shop = shopOf(domain);
      if (request.method === "POST" && path === "/admin/oauth/access_token") {
        return token(shop, domain, request.body);
      }
      if (request.method === "GET" && path === "/admin/oauth/authorize") {
        return authorize(shop, domain, request.query);
      }
      if (request.method === "POST" && path === "/admin/api/2026-10/graphql.json") {
        admin.calls.push("graphql");
        if (!shop.tokens.accept(request.header("x-shopify-access-token") ?? "")) {
          return json(401, {
            errors: "[API] Invalid API key or access token (unrecognized login or wrong password)",
          });
        }
        const asked = graphqlBody.safeParse(jsonOf(request.body));
        if (!asked.success) {
          return json(400, { errors: { query: "Required parameter missing or invalid" } });
        }
        return json(200, shop.graphql.answer(asked.data.query, asked.data.variables ?? {}));
      }
      return json(404, { errors: "Not Found" });
    },
    sessionToken: (shop, change) =>
      mintSessionToken({
        shop,
        apiKey: options.apiKey,
        secret: options.secret,
        nowMs: options.now(),
        jti: options.hex(16),
      }, change),
    grant(shop, scopes) {
      shopOf(shop).scopes = scopes;
    },
    revoke(shop) {
      shopOf(shop).tokens.revoke();
    },
    uninstall(shop) {
      shopOf(shop).tokens.revoke();
      shopOf(shop).graphql.forgetPixel();
    },
    pixel: (shop) => shopOf(shop).graphql.pixel(),
  };
  return admin;
}
