import { type Context, type Env, Hono } from "hono";
import { cors } from "hono/cors";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { errorFields, type Logger } from "@trakit/runtime/log.ts";
import { methodNotAllowed, notFound, problem, unavailable } from "@trakit/runtime/problem.ts";

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
