import * as oauth from "oauth4webapi";
import { z } from "zod";
import { readBody } from "./body.ts";

/**
 * The authorization code grant at an advertising platform, through oauth4webapi (RFC 6749, 7636, 9207). Answers are values
 * with a reason; nothing here logs, because errors quote tokens.
 */

/** A platform's authorization server, as packages/destinations describes it. */
export interface LoginServer {
  authorizationEndpoint: string;
  tokenEndpoint: string;
  clientIdName: "client_id" | "app_id";
  codeName: "code" | "auth_code";
  clientAuth: "basic" | "post" | "json";
  authorization: Record<string, string>;
  token: Record<string, string>;
  pkce: boolean;
  renewal: "refresh_token" | "exchange" | "none";
  clientErrors: number[];
}

/** Who we are to the platform; the operator's settings. */
export interface LoginClient {
  id: string;
  secret: string;
  /** Further parameters of the authorization request that the operator sets (Meta: `config_id`). */
  authorization?: Record<string, string>;
}

export interface LoginWorld {
  fetch: typeof fetch;
  /** ms since the epoch: when tokens end is told by this clock. */
  now: () => number;
  /** Stands in for every platform at `<url>/<host>/<path>` (tests and local stack only). */
  standIn?: string | undefined;
}

/** What a platform granted. Times are ISO 8601; null = it does not end. */
export interface Grant {
  access: string;
  accessExpiresAt: string | null;
  /** What is shown for the next token; null = there is no next. */
  renewal: string | null;
  renewalExpiresAt: string | null;
}

export type GrantAnswer =
  | { ok: true; grant: Grant }
  /** refused: the grant is no good; client_refused: our id or secret is not; unavailable: try again. */
  | { ok: false; reason: "refused" | "client_refused" | "unavailable" };

export type CallbackAnswer =
  | { ok: true; parameters: URLSearchParams }
  /** declined: the merchant, or the platform for them, said no. */
  | { ok: false; reason: "declined" | "bad_callback" };

const TIMEOUT_MS = 10_000;
const ANSWER_LIMIT = 64 * 1024;
/** Meta's first token: one that ends sooner than this is traded for a long-lived one at once (s). */
const SHORT_LIVED_S = 86_400;

/** Where the merchant is sent. `challenge` is the S256 challenge of RFC 7636; used where the platform has PKCE. */
export function authorizationUrl(
  world: LoginWorld,
  server: LoginServer,
  client: LoginClient,
  options: { redirectUri: string; state: string; challenge: string },
): string {
  const url = new URL(standingIn(world, server.authorizationEndpoint));
  const parameters: Record<string, string> = {
    [server.clientIdName]: client.id,
    redirect_uri: options.redirectUri,
    response_type: "code",
    state: options.state,
    ...server.authorization,
    ...client.authorization,
    ...(server.pkce ? { code_challenge: options.challenge, code_challenge_method: "S256" } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Reads the callback's query: each parameter once, the expected state, the platform's own issuer if it names one, a code. */
export function readCallback(
  server: LoginServer,
  client: LoginClient,
  query: URLSearchParams,
  state: string,
): CallbackAnswer {
  const given = new URLSearchParams(query);
  if (server.codeName !== "code") {
    // TikTok sends both; the one it documents counts
    const codes = given.getAll(server.codeName);
    given.delete("code");
    given.delete(server.codeName);
    for (const code of codes) given.append("code", code);
  }
  try {
    const parameters = oauth.validateAuthResponse(metadata(server), { client_id: client.id }, given, state);
    const [code, ...more] = parameters.getAll("code");
    return code && more.length === 0 ? { ok: true, parameters } : { ok: false, reason: "bad_callback" };
  } catch (error) {
    return {
      ok: false,
      reason: error instanceof oauth.AuthorizationResponseError ? "declined" : "bad_callback",
    };
  }
}

/** Trades the callback's code for tokens. `verifier` is what `challenge` was made of. */
export async function redeemCode(
  world: LoginWorld,
  server: LoginServer,
  client: LoginClient,
  options: { parameters: URLSearchParams; redirectUri: string; verifier: string },
): Promise<GrantAnswer> {
  if (server.clientAuth === "json") return await redeemAsJson(world, server, client, options.parameters);
  const answer = await ask(world, server, {
    send: (request) =>
      oauth.authorizationCodeGrantRequest(
        metadata(server),
        { client_id: client.id },
        proof(server, client),
        options.parameters,
        options.redirectUri,
        server.pkce ? options.verifier : oauth.nopkce,
        { ...request, additionalParameters: server.token },
      ),
    read: (response) =>
      oauth.processAuthorizationCodeResponse(metadata(server), { client_id: client.id }, response),
  });
  if (!answer.ok) return answer;
  const shortLived = server.renewal === "exchange" && answer.body.expires_in !== undefined &&
    answer.body.expires_in < SHORT_LIVED_S;
  return shortLived
    ? await renewGrant(world, server, client, answer.body.access_token)
    : { ok: true, grant: grantOf(world, server, answer.body, null) };
}

/** The next token, for what the last grant gave as its `renewal`. */
export async function renewGrant(
  world: LoginWorld,
  server: LoginServer,
  client: LoginClient,
  renewal: string,
): Promise<GrantAnswer> {
  const [as, who, how] = [metadata(server), { client_id: client.id }, proof(server, client)];
  const answer = await ask(world, server, {
    send: (request) =>
      server.renewal === "exchange"
        ? oauth.genericTokenEndpointRequest(as, who, how, "fb_exchange_token", {
          fb_exchange_token: renewal,
          // documented for the tokens of system users; a person's lasts 60 days anyway
          set_token_expires_in_60_days: "true",
        }, request)
        : oauth.refreshTokenGrantRequest(as, who, how, renewal, request),
    read: (response) => oauth.processGenericTokenEndpointResponse(as, who, response),
  });
  return answer.ok ? { ok: true, grant: grantOf(world, server, answer.body, renewal) } : answer;
}

function metadata(server: LoginServer): oauth.AuthorizationServer {
  return {
    issuer: new URL(server.authorizationEndpoint).origin,
    authorization_endpoint: server.authorizationEndpoint,
    token_endpoint: server.tokenEndpoint,
  };
}

function proof(server: LoginServer, client: LoginClient): oauth.ClientAuth {
  return server.clientAuth === "basic"
    ? oauth.ClientSecretBasic(client.secret)
    : oauth.ClientSecretPost(client.secret);
}

function standingIn(world: LoginWorld, url: string): string {
  if (!world.standIn) return url;
  const { host, pathname, search } = new URL(url);
  return `${world.standIn.replace(/\/$/, "")}/${host}${pathname}${search}`;
}

type TokenBody = oauth.TokenEndpointResponse;

/** `before` is what was shown for this grant: it stays good where the platform sends no other (RFC 6749 §6). */
function grantOf(world: LoginWorld, server: LoginServer, body: TokenBody, before: string | null): Grant {
  const after = (seconds: unknown) =>
    typeof seconds === "number" && seconds > 0 ? new Date(world.now() + seconds * 1_000).toISOString() : null;
  const accessExpiresAt = after(body.expires_in);
  if (server.renewal === "exchange") {
    // the token is its own renewal, as long as it is good
    const renewal = accessExpiresAt === null ? null : body.access_token;
    return {
      access: body.access_token,
      accessExpiresAt,
      renewal,
      renewalExpiresAt: renewal && accessExpiresAt,
    };
  }
  const renewal = body.refresh_token ?? before;
  return {
    access: body.access_token,
    accessExpiresAt,
    renewal,
    // Pinterest's extension
    renewalExpiresAt: renewal && after(body["refresh_token_expires_in"]),
  };
}

type RequestOptions = oauth.TokenEndpointRequestOptions;

/** One request to a token endpoint: a time limit, no redirects, a bounded answer, and every failure a reason. */
async function ask(
  world: LoginWorld,
  server: LoginServer,
  how: {
    send: (options: RequestOptions) => Promise<Response>;
    read: (response: Response) => Promise<TokenBody>;
  },
): Promise<
  { ok: true; body: TokenBody } | { ok: false; reason: "refused" | "client_refused" | "unavailable" }
> {
  let heard: { status: number; text: string } | null = null;
  const options = {
    [oauth.customFetch]: async (url: string, init: { headers: Record<string, string>; body?: unknown }) => {
      const response = await post(world, url, init.headers, String(init.body ?? ""));
      heard = { status: response.status, text: response.text };
      return new Response(response.text, {
        status: response.status,
        headers: { "content-type": "application/json" },
      });
    },
    [oauth.allowInsecureRequests]: world.standIn !== undefined,
  } as unknown as RequestOptions;
  try {
    return { ok: true, body: await how.read(await how.send(options)) };
  } catch (error) {
    return { ok: false, reason: refusal(server, error, heard) };
  }
}

async function post(
  world: LoginWorld,
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number; text: string }> {
  const response = await world.fetch(standingIn(world, url), {
    method: "POST",
    headers,
    body,
    // a code or a secret must not follow a redirect
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const read = await readBody(response, ANSWER_LIMIT);
  if (!read.ok) throw new TypeError("the answer broke off");
  return { status: response.status, text: new TextDecoder().decode(read.bytes) };
}

const metaError = z.object({ error: z.object({ code: z.number() }) });

function refusal(
  server: LoginServer,
  error: unknown,
  heard: { status: number; text: string } | null,
): "refused" | "client_refused" | "unavailable" {
  // no answer, or one that says nothing of what was asked
  if (!heard || heard.status < 400 || heard.status >= 500 || heard.status === 408 || heard.status === 429) {
    return "unavailable";
  }
  if (error instanceof oauth.ResponseBodyError) {
    return ["invalid_client", "unauthorized_client"].includes(error.error) ? "client_refused" : "refused";
  }
  const own = metaError.safeParse(jsonOf(heard.text));
  if (own.success) return server.clientErrors.includes(own.data.error.code) ? "client_refused" : "refused";
  return heard.status === 401 ? "client_refused" : "refused";
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const tiktokAnswer = z.object({
  code: z.number(),
  data: z.object({ access_token: z.string().min(8).max(4_000) }).nullish().catch(null),
});

/** TikTok's exchange: JSON both ways, 200 whatever happened, `code` 0 for success. */
async function redeemAsJson(
  world: LoginWorld,
  server: LoginServer,
  client: LoginClient,
  parameters: URLSearchParams,
): Promise<GrantAnswer> {
  const body = JSON.stringify({
    [server.clientIdName]: client.id,
    secret: client.secret,
    [server.codeName]: parameters.get("code"),
  });
  try {
    const { status, text } = await post(world, server.tokenEndpoint, {
      "content-type": "application/json",
      accept: "application/json",
    }, body);
    const answer = tiktokAnswer.safeParse(jsonOf(text)).data;
    if (status !== 200 || !answer) return { ok: false, reason: "unavailable" };
    if (answer.code === 0 && answer.data) {
      const access = answer.data.access_token;
      return { ok: true, grant: { access, accessExpiresAt: null, renewal: null, renewalExpiresAt: null } };
    }
    // 40100: too many requests; 5xxxx: TikTok's own trouble (reference: tiktok §5)
    return { ok: false, reason: answer.code === 40100 || answer.code >= 50000 ? "unavailable" : "refused" };
  } catch {
    return { ok: false, reason: "unavailable" };
  }
}
