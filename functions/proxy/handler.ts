import type { z } from "zod";
import type { Context, MiddlewareHandler } from "hono";
import { answering, byMethod, httpApp } from "@trakit/pipeline/http.ts";
import { ingest } from "@trakit/pipeline/ingest/ingest.ts";
import { refusedCalls } from "@trakit/pipeline/refused-calls.ts";
import { senderPrefix } from "@trakit/core/sender-prefix.ts";
import { requestBody } from "@trakit/runtime/body.ts";
import { problem } from "@trakit/runtime/problem.ts";
import {
  browserBatchSchema,
  type SessionRequest,
  sessionRequestSchema,
} from "@trakit/shopify/browser-schema.ts";
import { parseJson } from "@trakit/shopify/json.ts";
import { preflight, readableBy, refusalOf } from "./answers.ts";
import { type Caller, callerOf, foreignHost } from "./caller.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { events } from "./events.ts";
import { session } from "./session.ts";
import { withWhereabouts } from "./whereabouts.ts";

/** Largest bodies read: what one page has to tell is far below, and more would cost an isolate its memory. */
const EVENT_LIMIT = 1024 * 1024;
const SESSION_LIMIT = 64 * 1024;
/** A script may be kept this long before it is asked for again (s). */
const SCRIPT_SECONDS = 300;

/** What `GET /proxy/session` says of the visitor. */
const NOTHING_TOLD: SessionRequest = { region: null };

/** `caller`: who was proven to call; absent = nobody. */
type Env = { Variables: { caller?: Caller } };
type Place = "event" | "session";

/**
 * What storefronts call: `POST /proxy/event`, `GET|POST /proxy/session`, and the scripts. Through the shop's app proxy
 * Shopify's signature proves the shop; from a first-party host, the shop's reverse proxy or the web pixel its public key
 * names it. Neither proves an event: its token does.
 */
export function proxyHandler(deps: ProxyDependencies): (request: Request) => Promise<Response> {
  const count = refusedCalls(deps, "proxy");
  const app = httpApp<Env>(deps.log, "proxy");
  app.use(readableByCaller);
  const proven =
    (place: Place, answer: (request: Request, caller: Caller) => Promise<Response>) =>
    async (context: Context<Env>): Promise<Response> => {
      const { raw } = context.req;
      const called = callerOf(raw, new URL(raw.url).searchParams, place, { ...deps, now: deps.now() });
      if (!called.ok) {
        deps.log.warn("proxy_refused", { reason: called.reason });
        count(called.shop, called.reason);
        return unproven(called.reason);
      }
      context.set("caller", called.caller);
      return await answer(raw, called.caller);
    };
  const preflightFor = (methods: string) => (context: Context<Env>) =>
    preflight(context.req.header("origin") ?? null, methods);
  app.all(
    "/proxy/event",
    byMethod<Env>({
      POST: proven("event", (request, caller) => postEvents(deps, request, caller)),
      OPTIONS: preflightFor("POST, OPTIONS"),
    }),
  );
  app.all(
    "/proxy/session",
    byMethod<Env>({
      GET: proven(
        "session",
        (request, caller) => session(deps, caller, withWhereabouts(request, caller, NOTHING_TOLD), null),
      ),
      POST: proven("session", (request, caller) => postSession(deps, request, caller)),
      OPTIONS: preflightFor("GET, POST, OPTIONS"),
    }),
  );
  for (const [name, found] of Object.entries(deps.scripts)) {
    const answer = (context: Context<Env>) => script(context.req.raw, found);
    app.all(`/proxy/${name}`, byMethod<Env>({ GET: answer, HEAD: answer }));
  }
  return answering(app, deps.log, "proxy", count);
}

/** Through the app proxy the page is always the shop's own; and who may not read an answer (403) gets no permission to. */
const readableByCaller: MiddlewareHandler<Env> = async (context, next) => {
  await next();
  const caller = context.get("caller");
  if (caller && caller.via !== "app_proxy" && context.res.status !== 403) {
    readableBy(caller.origin, context.res);
  }
};

function unproven(reason: string): Response {
  return problem({
    code: reason,
    status: 401,
    title: "The request is not proven to be the shop's.",
    detail: "Call the shop's own address, e.g. /apps/trakit/event, or give the shop's public key.",
  });
}

async function postEvents(deps: ProxyDependencies, request: Request, caller: Caller): Promise<Response> {
  const read = await readRequest(deps, request, caller, EVENT_LIMIT, browserBatchSchema, {
    detail: 'Send {"events": [1 to 50 events], "visitor": {…}, "consent": {…}}.',
  });
  if (!read.ok) return read.response;
  return await events(deps, request, caller, withWhereabouts(request, caller, read.value), read.visitor);
}

async function postSession(deps: ProxyDependencies, request: Request, caller: Caller): Promise<Response> {
  const read = await readRequest(deps, request, caller, SESSION_LIMIT, sessionRequestSchema, {
    detail: 'Send {"visitor": {…}, "consent": {…}, "url": "…"}; everything may be left out.',
  });
  if (!read.ok) return read.response;
  return await session(deps, caller, withWhereabouts(request, caller, read.value), read.visitor);
}

type Read<T> = { ok: true; value: T; visitor: unknown } | { ok: false; response: Response };

/** Reads a body within its limit as JSON of a schema, whatever its content type says; refusals are answered and counted. */
async function readRequest<T>(
  deps: ProxyDependencies,
  request: Request,
  caller: Caller,
  limit: number,
  schema: z.ZodType<T>,
  words: { detail: string },
): Promise<Read<T>> {
  const body = await requestBody(request, limit);
  const parsed = body.ok ? parseJson(new TextDecoder().decode(body.bytes)) : null;
  const checked = parsed?.ok ? schema.safeParse(parsed.value) : null;
  if (checked?.success) {
    return {
      ok: true,
      value: checked.data,
      visitor: (parsed as { value: { visitor?: unknown } }).value.visitor,
    };
  }
  const reason = body.ok ? parsed?.ok ? "malformed_batch" : "malformed_json" : body.reason;
  const response = body.ok
    ? problem({
      code: reason,
      status: 400,
      title: parsed?.ok ? "The request is not of the expected shape." : "The body is not JSON.",
      detail: words.detail,
      issues: checked?.error?.issues.slice(0, 20).map((issue) => `${issue.path.join(".")}: ${issue.code}`) ??
        [],
    })
    : body.response;
  const counted = await ingest(deps, caller.shop, [], {
    refused: { [reason]: 1 },
    browser: {
      sender: {
        prefix: senderPrefix(caller.ip),
        signed: caller.via !== "key",
        origin: foreignHost(caller),
        events: 1,
        consent: null,
        country: null,
      },
      fired: [],
    },
  });
  return { ok: false, response: refusalOf({ ...counted.browser, shop: counted.shop }) ?? response };
}

/** A script, the same for everybody and without a word of the request in it. */
function script(request: Request, found: { text: string; etag: string }): Response {
  const etag = `"${found.etag}"`;
  const headers = {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": `public, max-age=${SCRIPT_SECONDS}`,
    etag,
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "cross-origin",
  };
  if (request.headers.get("if-none-match") === etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(request.method === "HEAD" ? null : found.text, { status: 200, headers });
}
