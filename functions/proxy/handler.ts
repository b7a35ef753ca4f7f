import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { EVENT_NAMES, type EventName } from "@trakit/core/event.ts";
import type { EventAnswer } from "@trakit/pipeline/contracts.ts";
import type { PipelineDependencies } from "@trakit/pipeline/dependencies.ts";
import { type Capture, ingest } from "@trakit/pipeline/ingest.ts";
import { readBody } from "@trakit/runtime/body.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { json, methodNotAllowed, problem, unavailable } from "@trakit/runtime/problem.ts";
import { decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { browserBatchSchema } from "@trakit/shopify/browser-schema.ts";
import { parseJson } from "@trakit/shopify/json.ts";
import { verifyProxy } from "@trakit/shopify/verify.ts";

/** Largest body read (design §3). */
const BODY_LIMIT = 1024 * 1024;

export interface ProxyDependencies extends PipelineDependencies {
  secrets: string[];
  waitUntil: (promise: Promise<unknown>) => void;
}

/**
 * `POST /proxy/event`: a batch of browser events through the shop's own domain. Shopify's signature proves the shop, not the
 * body. Each event is validated by itself: the answer says of each what became of it.
 */
export function proxyHandler(deps: ProxyDependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/proxy/event") {
      return problem({ code: "not_found", status: 404, title: "There is nothing at this address." });
    }
    if (request.method !== "POST") return methodNotAllowed(request, ["POST"]);
    const verified = verifyProxy(searchParams, deps.secrets, deps.now());
    if (!verified.ok) {
      deps.log.warn("proxy_refused", { reason: verified.reason });
      return problem({
        code: verified.reason,
        status: 401,
        title: "The request did not come through the shop's app proxy.",
        detail: "Call the shop's own address, e.g. /apps/trakit/event.",
      });
    }
    const body = await readBody(request, BODY_LIMIT);
    if (!body.ok) {
      return body.reason === "too_large"
        ? problem({
          code: "body_too_large",
          status: 413,
          title: "The body is too large.",
          detail: "At most 1 MiB is read.",
        })
        : problem({ code: "body_incomplete", status: 400, title: "The body broke off." });
    }
    const parsed = parseJson(new TextDecoder().decode(body.bytes));
    const batch = parsed.ok ? browserBatchSchema.safeParse(parsed.value) : null;
    try {
      if (!batch?.success) {
        const reason = parsed.ok ? "malformed_batch" : "malformed_json";
        await ingest(deps, verified.shop, [], { place: "proxy", refused: { [reason]: 1 } });
        return problem({
          code: reason,
          status: 400,
          title: parsed.ok ? "The batch is not of the expected shape." : "The body is not JSON.",
          detail: 'Send {"events": [1 to 50 events], "visitor": {…}, "consent": {…}}.',
          issues: batch?.error.issues.slice(0, 20).map((issue) => `${issue.path.join(".")}: ${issue.code}`) ??
            [],
        });
      }
      return await take(deps, request, verified, batch.data);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) {
        deps.log.error("events_not_stored", { reason: "database_unavailable" });
        return unavailable();
      }
      deps.log.error("events_failed", errorFields(error));
      return problem({ code: "internal_error", status: 500, title: "TrakIt failed on this batch." });
    }
  };
}

async function take(
  deps: ProxyDependencies,
  request: Request,
  verified: { shop: string; customerId: string | null },
  batch: ReturnType<typeof browserBatchSchema.parse>,
): Promise<Response> {
  // the first hop is the visitor: Shopify appends its own addresses behind it
  const ip = request.headers.get("x-forwarded-for")?.split(",")[0]?.trim() || null;
  const results: EventAnswer["results"] = [];
  const captures: Capture[] = [];
  const places: number[] = [];
  const refused: Record<string, number> = {};
  for (const raw of batch.events) {
    const decoded = decodeBrowserEvent(raw, {
      shop: verified.shop,
      ip,
      userAgent: batch.user_agent ?? request.headers.get("user-agent"),
      customerId: verified.customerId,
      now: deps.now(),
      visitor: batch.visitor ?? null,
      consent: batch.consent ?? null,
      language: batch.language ?? null,
    });
    if (!decoded.ok) {
      refused[decoded.reason] = (refused[decoded.reason] ?? 0) + 1;
      const { id, name } = (typeof raw === "object" && raw !== null ? raw : {}) as {
        id?: unknown;
        name?: unknown;
      };
      results.push({
        event_id: typeof id === "string" ? id.slice(0, 128) : null,
        name: EVENT_NAMES.includes(name as EventName) ? name as EventName : null,
        status: "refused",
        reason: decoded.reason,
        issues: decoded.issues,
      });
      continue;
    }
    for (const field of decoded.dropped) {
      refused[`unusable_${field}`] = (refused[`unusable_${field}`] ?? 0) + 1;
    }
    places.push(results.length);
    results.push({ event_id: decoded.event.event_id, name: decoded.event.name, status: "accepted" });
    // no order key from a browser: who guessed an order's id could tie their own visitor to it before Shopify speaks
    captures.push({ event: decoded.event, keys: [], topic: null, signed: false });
  }

  const ingested = await ingest(deps, verified.shop, captures, { place: "proxy", refused });
  deps.waitUntil(ingested.deliver());
  if (ingested.shop !== "active") {
    return problem({
      code: `${ingested.shop}_shop`,
      status: 404,
      title: "TrakIt is not installed in this shop.",
      detail: "Install the app, then reload the page.",
    });
  }
  ingested.results.forEach((result, index) => {
    const place = results[places[index]!]!;
    place.status = result.status === "ignored" ? "duplicate" : result.status;
    if (result.reason) place.reason = result.reason;
  });
  const { visitor_id, fbp, fbc, ttp, epik, scid, ga_client_id } = ingested.visitor;
  const answer: EventAnswer = { results, visitor: { visitor_id, fbp, fbc, ttp, epik, scid, ga_client_id } };
  return json(202, answer);
}
