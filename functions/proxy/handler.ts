import type { z } from "zod";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { ingest } from "@trakit/pipeline/ingest/ingest.ts";
import { senderPrefix } from "@trakit/core/sender-prefix.ts";
import { readBody } from "@trakit/runtime/body.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { methodNotAllowed, problem, unavailable } from "@trakit/runtime/problem.ts";
import { browserBatchSchema, sessionRequestSchema } from "@trakit/shopify/browser-schema.ts";
import { parseJson } from "@trakit/shopify/json.ts";
import { preflight, readableBy, refusalOf } from "./answers.ts";
import { type Caller, callerOf, originHost } from "./caller.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { events } from "./events.ts";
import { refusedCalls } from "./refused-calls.ts";
import { session } from "./session.ts";

/** Largest bodies read: what one page has to tell is far below, and more would cost an isolate its memory. */
const EVENT_LIMIT = 1024 * 1024;
const SESSION_LIMIT = 64 * 1024;
/** A script may be kept this long before it is asked for again (s). */
const SCRIPT_SECONDS = 300;

/**
 * What storefronts call: `POST /proxy/event`, `GET|POST /proxy/session`, and the scripts. Through the shop's app proxy
 * Shopify's signature proves the shop; from a first-party host, the shop's reverse proxy or the web pixel its public key
 * names it. Neither proves an event: its token does.
 */
export function proxyHandler(deps: ProxyDependencies): (request: Request) => Promise<Response> {
  const count = refusedCalls(deps);
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const place = /^\/proxy\/([a-z-]{1,40}(?:\.js)?)$/.exec(pathname)?.[1] ?? "";
    if (Object.hasOwn(deps.scripts, place)) return script(request, deps.scripts[place]!);
    if (place !== "event" && place !== "session") {
      return problem({ code: "not_found", status: 404, title: "There is nothing at this address." });
    }
    const methods = place === "event" ? ["POST"] : ["GET", "POST"];
    const origin = request.headers.get("origin");
    if (request.method === "OPTIONS") return preflight(origin, [...methods, "OPTIONS"].join(", "));
    if (!methods.includes(request.method)) return methodNotAllowed(request, methods);

    const called = callerOf(request, searchParams, place, { ...deps, now: deps.now() });
    if (!called.ok) {
      deps.log.warn("proxy_refused", { reason: called.reason });
      count(called.shop, called.reason);
      return problem({
        code: called.reason,
        status: 401,
        title: "The request is not proven to be the shop's.",
        detail: "Call the shop's own address, e.g. /apps/trakit/event, or give the shop's public key.",
      });
    }
    const { caller } = called;
    try {
      const response = await answered(deps, request, place, caller);
      // through the app proxy the page is always the shop's own; and who may not read it gets no permission to
      return caller.via === "app_proxy" || response.status === 403
        ? response
        : readableBy(caller.origin, response);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) {
        deps.log.error(`${place}_not_stored`, { reason: "database_unavailable" });
        return readableBy(caller.origin, unavailable());
      }
      deps.log.error(`${place}_failed`, errorFields(error));
      return problem({ code: "internal_error", status: 500, title: "TrakIt failed on this request." });
    }
  };
}

async function answered(
  deps: ProxyDependencies,
  request: Request,
  place: "event" | "session",
  caller: Caller,
): Promise<Response> {
  if (place === "session") {
    if (request.method === "GET") return await session(deps, caller, {}, null);
    const read = await readRequest(deps, request, caller, SESSION_LIMIT, sessionRequestSchema, {
      detail: 'Send {"visitor": {…}, "consent": {…}, "url": "…"}; everything may be left out.',
    });
    return read.ok ? await session(deps, caller, read.value, read.visitor) : read.response;
  }
  const read = await readRequest(deps, request, caller, EVENT_LIMIT, browserBatchSchema, {
    detail: 'Send {"events": [1 to 50 events], "visitor": {…}, "consent": {…}}.',
  });
  return read.ok ? await events(deps, request, caller, read.value, read.visitor) : read.response;
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
  const body = await readBody(request, limit);
  if (!body.ok) {
    const response = body.reason === "too_large"
      ? problem({
        code: "body_too_large",
        status: 413,
        title: "The body is too large.",
        detail: `At most ${limit / 1024} KiB are read.`,
      })
      : problem({ code: "body_incomplete", status: 400, title: "The body broke off." });
    return { ok: false, response };
  }
  const parsed = parseJson(new TextDecoder().decode(body.bytes));
  const checked = parsed.ok ? schema.safeParse(parsed.value) : null;
  if (checked?.success) {
    return {
      ok: true,
      value: checked.data,
      visitor: (parsed as { value: { visitor?: unknown } }).value.visitor,
    };
  }
  const reason = parsed.ok ? "malformed_batch" : "malformed_json";
  const counted = await ingest(deps, caller.shop, [], {
    refused: { [reason]: 1 },
    browser: {
      sender: {
        prefix: senderPrefix(caller.ip),
        origin: caller.via === "app_proxy" ? null : originHost(caller.origin),
        events: 1,
        consent: null,
      },
      fired: [],
    },
  });
  return {
    ok: false,
    response: refusalOf({ ...counted.browser, shop: counted.shop }) ?? problem({
      code: reason,
      status: 400,
      title: parsed.ok ? "The request is not of the expected shape." : "The body is not JSON.",
      detail: words.detail,
      issues: checked?.error?.issues.slice(0, 20).map((issue) => `${issue.path.join(".")}: ${issue.code}`) ??
        [],
    }),
  };
}

/** A script, the same for everybody and without a word of the request in it. */
function script(request: Request, found: { text: string; etag: string }): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return methodNotAllowed(request, ["GET", "HEAD"]);
  }
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
