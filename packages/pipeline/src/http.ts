import { type Context, type Env, Hono } from "hono";
import { cors } from "hono/cors";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { errorFields, type Logger } from "@trakit/runtime/log.ts";
import { methodNotAllowed, notFound, type Problem, problem, unavailable } from "@trakit/runtime/problem.ts";
import type { CountRefused } from "./refused-calls.ts";

/** What all functions do alike with a request, on Hono (docs/adr/0025-libraries-tried.md). */

type Method = "GET" | "HEAD" | "POST" | "OPTIONS";
type Answer<E extends Env> = (context: Context<E>) => Response | Promise<Response>;

/**
 * An app without routes. An address it has not is 404. What is thrown is 503 where the database is out of reach, else a fault
 * of ours: 500, logged as `<name>_failed` with its class and place.
 */
export function httpApp<E extends Env>(log: Logger, name: string): Hono<E> {
  const app = new Hono<E>({ strict: false });
  app.notFound(notFound);
  app.onError((error) => {
    if (error instanceof DatabaseUnavailable) {
      log.error("database_unavailable", { function: name });
      return unavailable();
    }
    log.error(`${name}_failed`, errorFields(error));
    return problem({ code: "internal_error", status: 500, title: "TrakIt failed on this request." });
  });
  return app;
}

/** Longest address (characters): an app launch or a grant's way back has some 2,000, and servers on the way take 8 KiB. */
export const ADDRESS_LIMIT = 8 * 1024;
/** Most characters of headers, names and values: twice what browsers and servers on the way let through with all cookies. */
export const HEADERS_LIMIT = 64 * 1024;

/**
 * The door of a function: what an app answers, but for a request whose address or headers are longer than anybody's who means
 * us: 414 or 431, logged and counted, before anything reads them.
 */
export function answering<E extends Env>(
  app: Hono<E>,
  log: Logger,
  name: string,
  count: CountRefused,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const refused = tooLong(request);
    if (!refused) return await app.fetch(request);
    log.warn("request_refused", { function: name, reason: refused.code });
    count(null, refused.code);
    return problem(refused);
  };
}

function tooLong({ url, headers }: Request): Problem | null {
  if (url.length > ADDRESS_LIMIT) {
    return {
      code: "address_too_long",
      status: 414,
      title: "The address is too long.",
      detail: `At most ${ADDRESS_LIMIT / 1024} KiB are read.`,
    };
  }
  let length = 0;
  for (const [name, value] of headers) length += name.length + value.length;
  return length <= HEADERS_LIMIT ? null : {
    code: "headers_too_long",
    status: 431,
    title: "The headers are too long.",
    detail: `At most ${HEADERS_LIMIT / 1024} KiB are read.`,
  };
}

/** One address by method: any other is 405, and OPTIONS is told what there is unless it has an answer of its own. */
export function byMethod<E extends Env>(answers: Partial<Record<Method, Answer<E>>>): Answer<E> {
  const allowed = Object.keys(answers).filter((method) => method !== "OPTIONS");
  return (context) => {
    const answer = answers[context.req.method as Method];
    return answer ? answer(context) : methodNotAllowed(context.req.raw, allowed);
  };
}

/**
 * CORS for one page: the app's own, which stands on another origin than the functions. Any other origin gets no permission,
 * so a browser shows its page nothing. No cookies are taken, so there is nothing a foreign page could ride on.
 */
export function forPage(pageUrl: string) {
  return cors({
    origin: new URL(pageUrl).origin,
    allowHeaders: ["authorization", "content-type", "if-match"],
    allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    exposeHeaders: ["x-shopify-retry-invalid-session-request", "retry-after", "etag"],
    maxAge: 600,
  });
}
