import type { Context, MiddlewareHandler } from "hono";
import { z } from "zod";
import { adminGate } from "@trakit/db/calls/admin-gate.ts";
import { changeShop } from "@trakit/db/calls/change-shop.ts";
import { findInstallation } from "@trakit/db/calls/find-installation.ts";
import type { Shop } from "@trakit/db/calls/find-shop.ts";
import type { DestinationRow } from "@trakit/db/calls/list-destinations.ts";
import { matchQuality } from "@trakit/db/calls/match-quality.ts";
import { privacyExport } from "@trakit/db/calls/privacy-export.ts";
import { privacyLog } from "@trakit/db/calls/privacy-log.ts";
import { readShop, type ShopState } from "@trakit/db/calls/read-shop.ts";
import { replay } from "@trakit/db/calls/replay.ts";
import { setupSignals } from "@trakit/db/calls/setup-signals.ts";
import { shopStatus } from "@trakit/db/calls/shop-status.ts";
import { traceOrder } from "@trakit/db/calls/trace-order.ts";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { setupOf } from "@trakit/pipeline/contracts/installation.ts";
import { accessTokenFor } from "@trakit/pipeline/merchant/access-token.ts";
import * as contracts from "@trakit/pipeline/contracts/merchant.ts";
import { changeDestination, destinationOf, destinationsOf } from "@trakit/pipeline/merchant/destinations.ts";
import { setupChecks } from "@trakit/pipeline/merchant/setup-checks.ts";
import { sendTestEvent } from "@trakit/pipeline/merchant/test-event.ts";
import { answering, forPage, httpApp } from "@trakit/pipeline/http.ts";
import { refusedCalls } from "@trakit/pipeline/refused-calls.ts";
import type { Refusal } from "@trakit/pipeline/merchant/world.ts";
import { beginConnecting } from "@trakit/pipeline/merchant/connections.ts";
import { requestBody } from "@trakit/runtime/body.ts";
import { json, notFound, problem } from "@trakit/runtime/problem.ts";
import { connectCallback, openConnect } from "./connect.ts";
import type { AdminDependencies } from "./dependencies.ts";

/** Requests of one shop's merchants a minute. */
const PER_MINUTE = 120;
const BODY_LIMIT = 64 * 1024;

type Env = { Variables: { shop: { id: string; domain: string }; destination: DestinationRow | null } };

/**
 * `/admin/*`: the merchant's API. The caller is whoever Shopify's session token says, in the shop it says; every other id in
 * a request is looked up in that shop only, and is 404 where it is another's. No cookie is read, so there is nothing a
 * foreign page could ride on; but for the two addresses of a connection (connect.ts), whose cookie opens nothing by itself.
 * Bodies are strict: an unknown key is refused.
 */
export function adminHandler(deps: AdminDependencies): (request: Request) => Promise<Response> {
  const app = httpApp<Env>(deps.log, "admin").basePath("/admin");
  app.use(forPage(deps.adminUrl));
  app.get("/connect/:platform", (c) => openConnect(deps, c));
  app.get("/connect/:platform/callback", (c) => connectCallback(deps, c));
  const gate: MiddlewareHandler<Env> = async (context, next) => {
    const bearer = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1] ?? null;
    const session = await deps.shopify.sessionToken(bearer);
    if (!session.ok) {
      deps.log.warn("session_refused", { reason: session.reason });
      return problem({
        code: "invalid_session_token",
        status: 401,
        title: "The session token is missing, expired, or not this app's.",
        headers: { "x-shopify-retry-invalid-session-request": "1" },
      });
    }
    const gate = await adminGate(
      deps.db,
      session.shop,
      PER_MINUTE,
      knownPlatform(context.req.param("platform")),
      deps.databaseNow?.(),
    );
    if (gate.shop !== "active" || !gate.shop_id) {
      return problem({
        code: `${gate.shop}_shop`,
        status: 404,
        title: "The app is not installed in this shop.",
      });
    }
    if (gate.wait_seconds) {
      return problem({
        code: "rate_limited",
        status: 429,
        title: "That was too much for one minute.",
        headers: { "retry-after": String(gate.wait_seconds) },
      });
    }
    context.set("shop", { id: gate.shop_id, domain: session.shop });
    context.set("destination", gate.destination ?? null);
    return await next();
  };
  // with the destination named in the address, which the gate then brings along
  app.get("/destinations/:platform", gate, (c) => {
    const found = destinationOf(deps, c.req.param("platform"), c.get("destination"));
    return found ? json(200, found, entityTag(found)) : notFound();
  });
  app.put(
    "/destinations/:platform",
    gate,
    (c) =>
      withBody(c, contracts.destinationChangeSchema, async (change) => {
        const changed = await changeDestination(
          deps,
          c.get("shop"),
          c.req.param("platform"),
          change,
          c.get("destination"),
          c.req.header("if-match") ?? null,
        );
        if (!changed.ok) return refused(changed);
        const { destination, tokenCheck } = changed;
        return json(200, { destination, token_check: tokenCheck }, entityTag(destination));
      }),
  );
  app.use("*", gate);

  app.get("/shop", async (c) => json(200, shopAnswer(await readShop(deps.db, c.get("shop").domain))));
  app.patch("/shop", (c) =>
    withBody(c, contracts.shopChangeSchema, async (change) => {
      const state = await changeShop(deps.db, c.get("shop").domain, change, deps.databaseNow?.());
      // uninstalled since the gate looked
      return state ? json(200, shopAnswer(state)) : notFound();
    }));
  app.get(
    "/destinations",
    async (c) => json(200, { destinations: await destinationsOf(deps, c.get("shop").domain) }),
  );
  app.post(
    "/destinations/:platform/test",
    (c) =>
      withBody(c, contracts.testEventSchema, async ({ event }) => {
        const sent = await sendTestEvent(deps, c.get("shop"), c.req.param("platform") ?? "", event);
        if (!sent.ok) return refused(sent);
        const { kind, reason, detail, status } = sent.outcome;
        return json(200, { outcome: kind, reason, detail, http_status: status, event_id: sent.eventId });
      }),
  );
  app.post(
    "/destinations/:platform/connect",
    (c) =>
      withBody(c, contracts.connectSchema, async () => {
        const begun = await beginConnecting(deps, c.get("shop"), c.req.param("platform") ?? "");
        return begun.ok ? json(200, { url: begun.url, expires_at: begun.expiresAt }) : refused(begun);
      }),
  );
  app.get("/setup", async (c) => {
    const { domain } = c.get("shop");
    const [installation, signals, destinations] = await Promise.all([
      findInstallation(deps.db, domain),
      setupSignals(deps.db, domain, deps.databaseNow?.()),
      destinationsOf(deps, domain),
    ]);
    return json(200, { checks: setupChecks(installation, signals, destinations, deps.now()) });
  });
  app.get("/orders/:order", async (c) => {
    const order = c.req.param("order");
    if (!/^#?[A-Za-z0-9_.-]{1,64}$/.test(order)) return notFound();
    return json(200, { order, events: await traceOrder(deps.db, c.get("shop").domain, order) });
  });
  app.get("/health", async (c) => {
    const { domain } = c.get("shop");
    const [status, quality] = await Promise.all([
      shopStatus(deps.db, domain, deps.databaseNow?.()),
      matchQuality(deps.db, domain, 7, deps.databaseNow?.()),
    ]);
    if (!status) return notFound();
    const { destinations, last_24_hours, refusals, quarantined, unreadable_orders } = status;
    return json(200, {
      destinations,
      last_24_hours,
      refusals,
      quarantined,
      unreadable_orders,
      match_quality: quality ?? [],
    });
  });
  app.post("/replay", (c) =>
    withBody(c, contracts.replaySchema, async (asked) => {
      const since = new Date(asked.since);
      const until = asked.until ? new Date(asked.until) : new Date(deps.now());
      if (since >= until) return invalid(["since: after_until"]);
      const request = {
        domain: c.get("shop").domain,
        since,
        until,
        platform: asked.platform ?? null,
        states: asked.states,
        force: asked.force,
      };
      try {
        return json(200, await replay(deps.db, request, { dryRun: asked.dry_run }));
      } catch (error) {
        // what SQL refuses of the arguments: a platform the shop has not
        if ((error as { code?: string }).code === "22023") return notFound();
        throw error;
      }
    }));
  app.get("/privacy", async (c) => json(200, { requests: await privacyLog(deps.db, c.get("shop").domain) }));
  app.get("/privacy/:id/export", async (c) => {
    const id = z.uuid().safeParse(c.req.param("id"));
    const after = contracts.exportPlaceSchema.optional().safeParse(c.req.query("after"));
    const found = id.success && after.success
      ? await privacyExport(deps.db, c.get("shop").domain, id.data, after.data ?? null)
      : null;
    return found ? json(200, found) : notFound();
  });
  app.post("/token", async (c) => {
    if (!deps.jwtSecret) {
      return problem({
        code: "not_configured",
        status: 501,
        title: "This installation gives out no tokens.",
        detail: "The setting TRAKIT_JWT_SECRET is missing.",
      });
    }
    return json(200, await accessTokenFor(deps.jwtSecret, c.get("shop").id, deps.now()));
  });
  return answering(app, deps.log, "admin", refusedCalls(deps, "admin"));
}

/** A platform named in the address, where there is one of that name: the database is asked of no other text. */
function knownPlatform(name: string | undefined): string | null {
  return name !== undefined && PLATFORMS.includes(name) ? name : null;
}

function shopAnswer({ settings, installation }: ShopState) {
  const names = Object.keys(contracts.shopSettingsSchema.shape);
  return {
    settings: Object.fromEntries(names.map((name) => [name, settings?.[name as keyof Shop] ?? null])),
    setup: installation && setupOf(installation),
  };
}

const entityTag = ({ version }: { version: number | null }): Record<string, string> =>
  version === null ? {} : { etag: `"${version}"` };

async function withBody<T extends z.ZodType>(
  context: Context<Env>,
  schema: T,
  work: (body: z.output<T>) => Promise<Response>,
): Promise<Response> {
  if (!/^application\/json\b/i.test(context.req.header("content-type") ?? "")) {
    return problem({ code: "unsupported_media_type", status: 415, title: "Send JSON, and say so." });
  }
  const body = await requestBody(context.req.raw, BODY_LIMIT);
  if (!body.ok) return body.response;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body.bytes) || "{}");
  } catch {
    return problem({ code: "malformed_json", status: 400, title: "The body is not JSON." });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    return invalid(
      parsed.error.issues.slice(0, 20).map((issue) => `${issue.path.join(".") || "body"}: ${issue.code}`),
    );
  }
  return await work(parsed.data);
}

const invalid = (issues: string[]): Response =>
  problem({
    code: "invalid_request",
    status: 422,
    title: "The request is not what this address takes.",
    issues,
  });
const refused = ({ code, status, title, detail, issues }: Refusal): Response =>
  problem({ code, status, title, ...(detail ? { detail } : {}), ...(issues ? { issues } : {}) });
