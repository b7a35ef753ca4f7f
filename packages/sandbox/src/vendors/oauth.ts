/**
 * The platforms' authorization servers, each at `/<its host>/<its path>`: grant screens that grant at once, and token
 * endpoints with their documented ways. They refuse what the platform would refuse.
 *
 * - Pinterest (https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/): HTTP Basic,
 *   30 days, each refresh brings another refresh token and ends the one before; errors are `{code, message}`.
 * - Snapchat (https://developers.snap.com/api/marketing-api/Ads-API/authentication): secret in the body, an hour, one
 *   refresh token that stays; OAuth's own errors.
 * - TikTok (https://business-api.tiktok.com/portal/docs?id=1738373164380162): `app_id`, `auth_code`, JSON, 200 whatever
 *   happened; tokens do not end.
 * - Meta (https://developers.facebook.com/documentation/facebook-login/guides/advanced/manual-flow): an hour first, traded
 *   for 60 days; PKCE where a challenge was given; errors under `error`.
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import * as check from "./checks.ts";
import type { Answer } from "./types.ts";

export const LOGIN_PLATFORMS = ["meta", "tiktok", "pinterest", "snapchat"] as const;
export type LoginPlatform = (typeof LOGIN_PLATFORMS)[number];

export interface PlatformLogins {
  /** Null: the path is no authorization server's. */
  handle(request: LoginRequest): Answer | null;
  /** Whether a token was granted here and is over. */
  over(token: string | null): boolean;
  /** The merchant takes the grant back: its tokens end, and nothing renews them. */
  revoke(platform: LoginPlatform): void;
  /** Requests seen: `<platform> authorize | code | renew`. */
  calls: string[];
  /** Answers every token request with this status until set to null. */
  down: number | null;
  /** The merchant says no at the grant screen. */
  declines: boolean;
  reset(): void;
}

export interface LoginRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface LoginOptions {
  now: () => number;
  hex: (bytes: number) => string;
  /** Redirect addresses registered with the platform's app. */
  redirect?: (platform: LoginPlatform, uri: string) => boolean;
}

/** The app's client at each platform, in the local stack and in tests. */
export const loginClient = (platform: LoginPlatform) => ({
  id: `trakit-local-${platform}`,
  secret: `trakit-local-${platform}-secret`,
});

const SERVERS: Record<LoginPlatform, { authorize: string; token: string }> = {
  meta: {
    authorize: "/www.facebook.com/v25.0/dialog/oauth",
    token: "/graph.facebook.com/v25.0/oauth/access_token",
  },
  tiktok: {
    authorize: "/business-api.tiktok.com/portal/auth",
    token: "/business-api.tiktok.com/open_api/v1.3/oauth2/access_token/",
  },
  pinterest: { authorize: "/www.pinterest.com/oauth/", token: "/api.pinterest.com/v5/oauth/token" },
  snapchat: {
    authorize: "/accounts.snapchat.com/login/oauth2/authorize",
    token: "/accounts.snapchat.com/login/oauth2/access_token",
  },
};
const SCOPES: Record<LoginPlatform, RegExp | null> = {
  meta: /^ads_management$/,
  tiktok: null,
  pinterest: /^[a-z_]+:(read|write)(,[a-z_]+:(read|write))*$/,
  snapchat: /^snapchat-(offline-conversions|marketing)-api( snapchat-(offline-conversions|marketing)-api)?$/,
};
const CODE_MS = 600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

interface Code {
  platform: LoginPlatform;
  redirect: string;
  challenge: string | null;
  until: number;
}
interface Token {
  platform: LoginPlatform;
  until: number;
}

const LOCAL = /^http:\/\/127\.0\.0\.1:\d+\/functions\/v1\/admin\/connect\/([a-z]+)\/callback$/;

export function platformLogins(options: LoginOptions): PlatformLogins {
  const registered = options.redirect ?? ((platform, uri) => LOCAL.exec(uri)?.[1] === platform);
  const codes = new Map<string, Code>();
  const access = new Map<string, Token>();
  const renewals = new Map<string, Token>();

  function grantAccess(platform: LoginPlatform, prefix: string, lifeMs: number): string {
    const token = `${prefix}${options.hex(20)}`;
    access.set(token, { platform, until: options.now() + lifeMs });
    return token;
  }
  function grantRenewal(platform: LoginPlatform, prefix: string, lifeMs: number): string {
    const token = `${prefix}${options.hex(20)}`;
    renewals.set(token, { platform, until: options.now() + lifeMs });
    return token;
  }
  const alive = (known: Map<string, Token>, platform: LoginPlatform, token: string) => {
    const found = known.get(token);
    return found?.platform === platform && found.until > options.now();
  };

  function authorize(platform: LoginPlatform, query: URLSearchParams): Answer {
    logins.calls.push(`${platform} authorize`);
    const tiktok = platform === "tiktok";
    const redirect = query.get("redirect_uri") ?? "";
    // with a wrong client or redirect address nobody is sent anywhere
    if (
      query.get(tiktok ? "app_id" : "client_id") !== loginClient(platform).id ||
      !registered(platform, redirect)
    ) {
      return {
        status: 400,
        headers: { "content-type": "text/html" },
        body: "<h1>Invalid redirect or app</h1>",
      };
    }
    const target = new URL(redirect);
    const state = query.get("state");
    if (state !== null) target.searchParams.set("state", state);
    const scope = SCOPES[platform];
    const wrong = (!tiktok && query.get("response_type") !== "code") ||
      (scope !== null && !query.has("config_id") && !scope.test(query.get("scope") ?? ""));
    if (wrong || logins.declines) {
      target.searchParams.set("error", wrong ? "invalid_request" : "access_denied");
      if (platform === "meta") target.searchParams.set("error_reason", "user_denied");
      return { status: 302, headers: { location: target.href }, body: "" };
    }
    const code = options.hex(24);
    codes.set(code, {
      platform,
      redirect,
      challenge: platform === "meta" && query.get("code_challenge_method") === "S256"
        ? query.get("code_challenge")
        : null,
      until: options.now() + CODE_MS,
    });
    target.searchParams.set("code", code);
    if (tiktok) target.searchParams.set("auth_code", code);
    return { status: 302, headers: { location: target.href }, body: "" };
  }

  /** A code is good once, for its platform, redirect address and verifier. */
  function redeem(platform: LoginPlatform, form: Record<string, string>): boolean {
    const code = form["code"] ?? "";
    const found = codes.get(code);
    codes.delete(code);
    return found?.platform === platform && found.until > options.now() &&
      (platform === "tiktok" || found.redirect === form["redirect_uri"]) &&
      (found.challenge === null ||
        found.challenge === createHash("sha256").update(form["code_verifier"] ?? "").digest("base64url"));
  }

  const servers: Record<LoginPlatform, (request: LoginRequest) => Answer> = {
    pinterest(request) {
      const refuse = (status: number, code: number, message: string) => check.json(status, { code, message });
      if (!isProven(basic(request.headers), "pinterest")) return refuse(401, 2, "Authentication failed.");
      const form = formOf(request);
      if (!form) return refuse(400, 1, "Invalid request body");
      const renewing = form["grant_type"] === "refresh_token";
      if (renewing) {
        logins.calls.push("pinterest renew");
        const token = form["refresh_token"] ?? "";
        if (!alive(renewals, "pinterest", token)) return refuse(401, 1, "Invalid refresh token");
        renewals.delete(token);
      } else {
        logins.calls.push("pinterest code");
        if (form["grant_type"] !== "authorization_code" || !redeem("pinterest", form)) {
          return refuse(400, 1, "Invalid authorization code");
        }
      }
      return check.json(200, {
        response_type: renewing ? "refresh_token" : "authorization_code",
        access_token: grantAccess("pinterest", "pina_", 30 * DAY_MS),
        token_type: "bearer",
        expires_in: 30 * DAY_MS / 1000,
        refresh_token: grantRenewal("pinterest", "pinr.", 60 * DAY_MS),
        refresh_token_expires_in: 60 * DAY_MS / 1000,
        scope: "ads:write",
      });
    },
    snapchat(request) {
      const form = formOf(request);
      const refuse = (error: string) => check.json(400, { error, error_description: "Invalid request" });
      if (!form) return refuse("invalid_request");
      if (!isProven({ id: form["client_id"] ?? "", secret: form["client_secret"] ?? "" }, "snapchat")) {
        return check.json(401, { error: "invalid_client" });
      }
      let refresh = form["refresh_token"] ?? "";
      if (form["grant_type"] === "refresh_token") {
        logins.calls.push("snapchat renew");
        if (!alive(renewals, "snapchat", refresh)) return refuse("invalid_grant");
      } else {
        logins.calls.push("snapchat code");
        if (form["grant_type"] !== "authorization_code" || !redeem("snapchat", form)) {
          return refuse("invalid_grant");
        }
        refresh = grantRenewal("snapchat", "hCgw", 3_650 * DAY_MS);
      }
      return check.json(200, {
        access_token: grantAccess("snapchat", "hCgw", HOUR_MS),
        token_type: "Bearer",
        expires_in: HOUR_MS / 1000,
        refresh_token: refresh,
        scope: "snapchat-offline-conversions-api",
      });
    },
    tiktok(request) {
      logins.calls.push("tiktok code");
      const say = (code: number, message: string, data: unknown = {}) =>
        check.json(200, { code, message, request_id: options.hex(8), data });
      const body = check.isJsonType(request.headers) ? check.parseJson(request.body) : undefined;
      if (!check.isObject(body)) return say(40002, "Invalid JSON body");
      const text = (name: string) => typeof body[name] === "string" ? body[name] as string : "";
      if (!isProven({ id: text("app_id"), secret: text("secret") }, "tiktok")) {
        return say(40001, "app_id or secret");
      }
      if (!redeem("tiktok", { code: text("auth_code") })) return say(40110, "Auth_code is used or expired");
      return say(0, "OK", {
        access_token: grantAccess("tiktok", "", 3_650 * DAY_MS),
        advertiser_ids: ["7000000000000000001"],
        scope: [4],
      });
    },
    meta(request) {
      const refuse = (code: number, message: string) =>
        check.json(400, { error: { message, type: "OAuthException", code, fbtrace_id: options.hex(8) } });
      const form = request.method === "GET" ? Object.fromEntries(request.query) : formOf(request);
      if (!form) return refuse(100, "Missing parameter");
      if (form["client_id"] !== loginClient("meta").id) return refuse(101, "Error validating application.");
      if (!isProven({ id: form["client_id"], secret: form["client_secret"] ?? "" }, "meta")) {
        return refuse(1, "Error validating client secret.");
      }
      const lasting = form["grant_type"] === "fb_exchange_token";
      logins.calls.push(lasting ? "meta renew" : "meta code");
      if (lasting && !alive(access, "meta", form["fb_exchange_token"] ?? "")) {
        return refuse(190, "Error validating access token: Session has expired.");
      }
      if (!lasting && !redeem("meta", form)) return refuse(100, "This authorization code has been used.");
      // about 60 days, or an hour
      const seconds = lasting ? 5_183_944 : 3_600;
      return check.json(200, {
        access_token: grantAccess("meta", "EAAB", seconds * 1000),
        token_type: "bearer",
        expires_in: seconds,
      });
    },
  };

  const logins: PlatformLogins = {
    calls: [],
    down: null,
    declines: false,
    handle(request) {
      for (const platform of LOGIN_PLATFORMS) {
        const { authorize: grant, token } = SERVERS[platform];
        if (request.path === grant && request.method === "GET") return authorize(platform, request.query);
        if (request.path === token) {
          if (logins.down !== null) return check.json(logins.down, { message: "Unavailable" });
          if (request.method !== "POST" && platform !== "meta") return check.json(405, { message: "POST" });
          return servers[platform](request);
        }
      }
      return null;
    },
    over: (token) => {
      const found = token === null ? undefined : access.get(token);
      return found !== undefined && found.until <= options.now();
    },
    revoke(platform) {
      for (const known of [access, renewals]) {
        for (const token of known.values()) if (token.platform === platform) token.until = 0;
      }
    },
    reset() {
      logins.calls.length = 0;
      logins.down = null;
      logins.declines = false;
    },
  };
  return logins;
}

function isProven(given: { id: string; secret: string } | null, platform: LoginPlatform): boolean {
  const known = loginClient(platform);
  const [a, b] = [`${given?.id}\n${given?.secret}`, `${known.id}\n${known.secret}`].map((text) =>
    createHash("sha256").update(text).digest()
  );
  return timingSafeEqual(a!, b!);
}

/** RFC 6749 §2.3.1: both parts form-encoded before they are joined. */
function basic(headers: IncomingHttpHeaders): { id: string; secret: string } | null {
  const text = /^Basic (\S+)$/i.exec(headers.authorization ?? "")?.[1];
  const [id, secret] = text ? Buffer.from(text, "base64").toString().split(":") : [];
  if (!id || !secret) return null;
  try {
    return { id: decodeURIComponent(id), secret: decodeURIComponent(secret) };
  } catch {
    // no form encoding
    return null;
  }
}

function formOf(request: LoginRequest): Record<string, string> | null {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers["content-type"] ?? "")) return null;
  const fields = new URLSearchParams(request.body);
  // a parameter given twice is an invalid request (RFC 6749 §3.2)
  return new Set(fields.keys()).size === [...fields.keys()].length ? Object.fromEntries(fields) : null;
}
