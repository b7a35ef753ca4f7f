import "@shopify/shopify-api/adapters/web-api";
import {
  ApiVersion,
  GraphqlQueryError,
  HttpInternalError,
  HttpMaxRetriesError,
  HttpRequestError,
  HttpResponseError,
  HttpThrottlingError,
  LogSeverity,
  RequestedTokenType,
  Session,
  shopifyApi,
} from "@shopify/shopify-api";
import { setAbstractFetchFunc } from "@shopify/shopify-api/runtime";
import { SCOPES } from "./shopify-scopes.ts";

/**
 * The app as Shopify knows it, through Shopify's own library: session tokens, token exchange and refresh, the authorization
 * code grant, GraphQL (reference: shopify §3). Answers are values with a reason; nothing here logs, because the library's
 * messages quote tokens.
 */

/** Longest a call of Shopify's admin API may take, in ms. */
const TIMEOUT_MS = 10_000;
const SHOP = /^[a-z0-9][a-z0-9-]*\.myshopify\.com$/;

export interface ShopifyTokens {
  access: string;
  /** ISO 8601; `infinity` for a token that does not expire (custom apps). */
  accessExpiresAt: string;
  refresh: string | null;
  refreshExpiresAt: string | null;
  scopes: string[];
}

export type TokenAnswer =
  | { ok: true; tokens: ShopifyTokens }
  /** invalid_token: of the caller's session or code; refused: Shopify does not take what we hold; unavailable: try again. */
  | { ok: false; reason: "invalid_token" | "refused" | "unavailable" };

export type SessionToken =
  | { ok: true; shop: string; userId: string; expiresAt: number }
  | { ok: false; reason: "missing_token" | "invalid_token" };

export type GraphqlAnswer<T> =
  /** `partial`: Shopify left out fields we have no approval for; they are null. */
  | { ok: true; data: T; partial: boolean; cost: QueryCost | null }
  | {
    ok: false;
    reason: "throttled" | "unauthorized" | "unavailable" | "refused";
    /** Milliseconds until the query can be paid for; only with `throttled`. */
    retryAfterMs?: number;
  };

export interface QueryCost {
  requested: number;
  actual: number | null;
  available: number;
  restoreRate: number;
}

export interface ShopifyAppOptions {
  apiKey: string;
  /** Present secret first, then the previous one while it is being rotated. */
  secrets: string[];
  /** `TRAKIT_APP_URL`, e.g. https://project.supabase.co/functions/v1 */
  appUrl: string;
  fetch: typeof fetch;
  /** ms since the epoch: when tokens end is told by this clock. */
  now: () => number;
  /** `SHOPIFY_ADMIN_API_URL`: a stand-in for every shop's admin, at `<url>/<shop>/admin/…` (tests and local stack only). */
  adminApiUrl?: string | undefined;
}

export interface ShopifyApp {
  /** Who sent this session token (App Bridge's, or `id_token`): signature, times, audience, and that issuer and shop agree. */
  sessionToken(token: string | null): Promise<SessionToken>;
  /** Trades a merchant's session token for the shop's expiring offline tokens. */
  exchange(shop: string, sessionToken: string): Promise<TokenAnswer>;
  /** A new pair for a refresh token. */
  refresh(shop: string, refreshToken: string): Promise<TokenAnswer>;
  /** Sends a merchant to Shopify's grant screen, with the state in a signed cookie. */
  begin(request: Request, shop: string): Promise<Response>;
  /** The way back from there. `headers` takes the state's cookie away. */
  callback(request: Request): Promise<
    { ok: true; shop: string; tokens: ShopifyTokens; headers: Headers } | {
      ok: false;
      reason: "bad_callback" | "refused" | "unavailable";
    }
  >;
  graphql<T>(
    shop: string,
    accessToken: string,
    query: string,
    variables?: Record<string, unknown>,
  ): Promise<GraphqlAnswer<T>>;
}

/** One per process: the library keeps its way to the network in a global. */
export function createShopifyApp(options: ShopifyAppOptions): ShopifyApp {
  const appUrl = new URL(options.appUrl);
  const stand = options.adminApiUrl ? new URL(options.adminApiUrl) : null;
  const standIn = (url: string): string => {
    if (!stand) return url;
    const { host, pathname, search } = new URL(url);
    return `${stand.origin}${stand.pathname.replace(/\/$/, "")}/${host}${pathname}${search}`;
  };
  setAbstractFetchFunc((input: unknown, init?: RequestInit) => {
    const url = typeof input === "string" ? input : String((input as { url?: string }).url ?? input);
    return options.fetch(standIn(url), {
      ...init,
      // a token must not follow a redirect
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  });
  const apps = options.secrets.map((secret) =>
    shopifyApi({
      apiKey: options.apiKey,
      apiSecretKey: secret,
      scopes: [...SCOPES],
      hostName: appUrl.host,
      hostScheme: appUrl.protocol === "http:" ? "http" : "https",
      apiVersion: ApiVersion.October26,
      isEmbeddedApp: true,
      logger: { level: LogSeverity.Error, log: () => {} },
    })
  );
  const current = apps[0];
  if (!current) throw new Error("an app needs a secret");

  async function decode(token: string): Promise<{ app: (typeof apps)[number]; claims: Claims } | null> {
    for (const app of apps) {
      try {
        return { app, claims: await app.session.decodeSessionToken(token) as Claims };
      } catch {
        // not signed with this secret, or not valid: the next, then nobody's
      }
    }
    return null;
  }

  return {
    async sessionToken(token) {
      if (!token) return { ok: false, reason: "missing_token" };
      const found = token.length <= 4_000 ? await decode(token) : null;
      const shop = hostOf(found?.claims.dest);
      if (!found || !shop || hostOf(found.claims.iss) !== shop || typeof found.claims.exp !== "number") {
        return { ok: false, reason: "invalid_token" };
      }
      return { ok: true, shop, userId: String(found.claims.sub ?? ""), expiresAt: found.claims.exp * 1_000 };
    },

    async exchange(shop, sessionToken) {
      const found = await decode(sessionToken);
      if (!found || hostOf(found.claims.dest) !== shop) return { ok: false, reason: "invalid_token" };
      try {
        // the client secret sent is the one the session token was signed with
        const { session } = await found.app.auth.tokenExchange({
          shop,
          sessionToken,
          requestedTokenType: RequestedTokenType.OfflineAccessToken,
          expiring: true,
        });
        return { ok: true, tokens: tokensOf(session, options.now) };
      } catch (error) {
        return refusal(error, "invalid_token");
      }
    },

    async refresh(shop, refreshToken) {
      try {
        const { session } = await current.auth.refreshToken({ shop, refreshToken });
        return { ok: true, tokens: tokensOf(session, options.now) };
      } catch (error) {
        return refusal(error, "refused");
      }
    },

    async begin(request, shop) {
      const response = await current.auth.begin({
        shop,
        callbackPath: `${appUrl.pathname.replace(/\/$/, "")}/install/callback`,
        isOnline: false,
        rawRequest: request,
      }) as Response;
      const location = response.headers.get("location");
      // a bot was turned away
      if (!location) return response;
      const headers = new Headers({ location: standIn(location), "cache-control": "no-store" });
      // the library leaves the state readable to scripts of this host
      for (const cookie of response.headers.getSetCookie()) {
        headers.append("set-cookie", `${cookie}; HttpOnly`);
      }
      return new Response(null, { status: response.status, headers });
    },

    async callback(request) {
      try {
        const { session, headers } = await current.auth.callback<Headers>({
          rawRequest: request,
          expiring: true,
        });
        return {
          ok: true,
          shop: session.shop.toLowerCase(),
          tokens: tokensOf(session, options.now),
          headers: new Headers(headers),
        };
      } catch (error) {
        if (!(error instanceof HttpResponseError) && !(error instanceof HttpRequestError)) {
          return offline(error)
            ? { ok: false, reason: "unavailable" }
            : { ok: false, reason: "bad_callback" };
        }
        const { reason } = refusal(error, "refused");
        return { ok: false, reason: reason === "unavailable" ? "unavailable" : "refused" };
      }
    },

    async graphql<T>(shop: string, accessToken: string, query: string, variables?: Record<string, unknown>) {
      const session = new Session({ id: `offline_${shop}`, shop, state: "", isOnline: false, accessToken });
      const client = new current.clients.Graphql({ session });
      try {
        const answer = await client.request(query, { variables: variables ?? {}, retries: 0 });
        return { ok: true, data: answer.data as T, partial: false, cost: costOf(answer.extensions) };
      } catch (error) {
        return graphqlRefusal<T>(error);
      }
    },
  };
}

interface Claims {
  iss?: unknown;
  dest?: unknown;
  sub?: unknown;
  exp?: unknown;
}

/** Host of one of Shopify's claims, if it is a shop's. */
function hostOf(url: unknown): string | null {
  if (typeof url !== "string" || !URL.canParse(url)) return null;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" && SHOP.test(hostname) ? hostname : null;
}

function tokensOf(session: Session, now: () => number): ShopifyTokens {
  // the library adds the seconds Shopify says to its own clock
  const ends = (at: Date) => new Date(now() + (at.getTime() - Date.now())).toISOString();
  return {
    access: session.accessToken ?? "",
    accessExpiresAt: session.expires ? ends(session.expires) : "infinity",
    refresh: session.refreshToken ?? null,
    refreshExpiresAt: session.refreshTokenExpires ? ends(session.refreshTokenExpires) : null,
    scopes: (session.scope ?? "").split(",").map((scope) => scope.trim()).filter(Boolean).sort(),
  };
}

/** Neither an answer of Shopify's nor a bug: the connection failed, or took too long. */
function offline(error: unknown): boolean {
  return error instanceof TypeError || (error as { name?: unknown }).name === "TimeoutError" ||
    (error as { name?: unknown }).name === "SyntaxError";
}

function refusal(
  error: unknown,
  reason: "invalid_token" | "refused",
): { ok: false; reason: "invalid_token" | "refused" | "unavailable" } {
  if (
    error instanceof HttpInternalError || error instanceof HttpThrottlingError ||
    error instanceof HttpMaxRetriesError
  ) {
    return { ok: false, reason: "unavailable" };
  }
  if (error instanceof HttpResponseError) return { ok: false, reason };
  if (error instanceof HttpRequestError || offline(error)) return { ok: false, reason: "unavailable" };
  return { ok: false, reason };
}

function graphqlRefusal<T>(error: unknown): GraphqlAnswer<T> {
  if (error instanceof GraphqlQueryError) {
    const body = error.body as
      | { data?: T; errors?: { graphQLErrors?: { extensions?: { code?: string } }[] }; extensions?: unknown }
      | undefined;
    const codes = (body?.errors?.graphQLErrors ?? []).map((one) => one.extensions?.code);
    const cost = costOf(body?.extensions);
    if (codes.includes("THROTTLED")) {
      const missing = cost ? Math.max(0, cost.requested - cost.available) / Math.max(1, cost.restoreRate) : 1;
      return { ok: false, reason: "throttled", retryAfterMs: Math.ceil(missing * 1_000) };
    }
    // fields without approval come back null, with an entry in errors beside the data (reference: shopify §2.4)
    return body?.data ? { ok: true, data: body.data, partial: true, cost } : { ok: false, reason: "refused" };
  }
  if (error instanceof HttpThrottlingError) {
    return { ok: false, reason: "throttled", retryAfterMs: (error.response.retryAfter ?? 2) * 1_000 };
  }
  if (error instanceof HttpResponseError && !(error instanceof HttpInternalError)) {
    // 402, 403, 423: the shop is frozen, locked, or we may not: another token would not help
    return { ok: false, reason: error.response.code === 401 ? "unauthorized" : "refused" };
  }
  return { ok: false, reason: "unavailable" };
}

function costOf(extensions: unknown): QueryCost | null {
  const cost = (extensions as {
    cost?: {
      requestedQueryCost?: number;
      actualQueryCost?: number | null;
      throttleStatus?: { currentlyAvailable?: number; restoreRate?: number };
    };
  } | undefined)?.cost;
  return typeof cost?.requestedQueryCost === "number" && cost.throttleStatus
    ? {
      requested: cost.requestedQueryCost,
      actual: cost.actualQueryCost ?? null,
      available: cost.throttleStatus.currentlyAvailable ?? 0,
      restoreRate: cost.throttleStatus.restoreRate ?? 100,
    }
    : null;
}
