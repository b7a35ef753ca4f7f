import { type Outcome, outcome } from "@trakit/core/outcome.ts";
import { type DestinationToken, destinationToken } from "@trakit/db/calls/destination-token.ts";
import { type DestinationRow, listDestinations } from "@trakit/db/calls/list-destinations.ts";
import { setDestination } from "@trakit/db/calls/set-destination.ts";
import type { HttpRequest } from "@trakit/destinations/destination.ts";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import { open, seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { send } from "@trakit/runtime/send.ts";
import { SEND_TIMEOUT_MS } from "../ports.ts";
import type { DestinationAnswer, DestinationChangeInput } from "../contracts/merchant.ts";
import { loginAt } from "./logins.ts";
import { type MerchantWorld, type Refusal, refusal } from "./world.ts";

type AnyDestination = NonNullable<ReturnType<typeof destination>>;
export type TokenCheck = "accepted" | "cannot_be_checked" | "unreachable" | "unchanged";

/** Every platform there is, set up or not. Tokens are not among it: only their last four characters. */
export async function destinationsOf(world: MerchantWorld, shop: string): Promise<DestinationAnswer[]> {
  const rows = await listDestinations(world.db, shop) ?? [];
  return PLATFORMS.map((name) =>
    described(world, destination(name)!, rows.find((row) => row.platform === name))
  );
}

function described(
  world: MerchantWorld,
  platform: AnyDestination,
  row: DestinationRow | undefined,
): DestinationAnswer {
  return {
    platform: platform.platform,
    label: platform.label,
    configured: row !== undefined,
    enabled: row?.enabled ?? false,
    settings: row?.settings ?? {},
    events: row?.events ?? null,
    test_code: row?.test_code ?? null,
    token: row?.last_four ? "stored" : "none",
    last_four: row?.last_four ?? null,
    lane: row?.lane ?? null,
    lane_reason: row?.lane_reason ?? null,
    can_connect: loginAt(world, platform.platform) !== null,
    connection: row?.connection
      ? {
        since: row.connection.since,
        expires_at: row.connection.expires_at,
        state: row.connection.trouble ?? "connected",
      }
      : null,
    known_events: Object.keys(platform.events),
    test_mode: platform.testMode.about,
  };
}

/**
 * Sets up or changes a destination: only what is named. Settings pass the platform's schema, a token is shown to the
 * platform before it is stored (with a request that carries no event), and a refused one is refused here.
 */
export async function changeDestination(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  name: string,
  change: DestinationChangeInput,
): Promise<{ ok: true; destination: DestinationAnswer; tokenCheck: TokenCheck } | Refusal> {
  const platform = destination(name);
  if (!platform) return refusal(404, "not_found", "There is no such platform.");
  const present = (await listDestinations(world.db, shop.domain) ?? []).find((row) => row.platform === name);
  const parsed = platform.settings.safeParse({ ...present?.settings, ...change.settings });
  if (!parsed.success) {
    return refusal(422, "invalid_settings", "The platform would not take these settings.", {
      issues: parsed.error.issues.map((issue) => `${issue.path.join(".") || "settings"}: ${issue.message}`)
        .slice(0, 20),
    });
  }
  const wrongCode = change.test_code ? platform.testMode.problem(change.test_code) : null;
  if (wrongCode !== null) {
    return refusal(422, "invalid_test_code", "This is no test code of the platform's.", {
      detail: wrongCode,
    });
  }
  const token = change.token?.trim();
  let tokenCheck: TokenCheck = "unchanged";
  if (token !== undefined) {
    const wrong = platform.tokenProblem(token);
    if (wrong !== null) {
      return refusal(422, "invalid_token", "This is no token of the platform's.", { detail: wrong });
    }
    const checked = await probe(world, platform, parsed.data, token);
    if (checked.check === "refused") {
      return refusal(422, "token_refused", "The platform refuses this token.", {
        detail: checked.detail ?? checked.reason,
      });
    }
    tokenCheck = checked.check;
  }
  const row = await setDestination(world.db, shop.domain, {
    platform: name,
    purpose: platform.purpose,
    maxAgeMs: platform.limits.maxAgeMs,
    settings: parsed.data,
    enabled: change.enabled ?? present?.enabled ?? true,
    events: change.events === undefined ? present?.events ?? null : change.events,
    testCode: change.test_code === undefined ? present?.test_code ?? null : change.test_code,
    token: token === undefined ? null : {
      sealed: seal(world.keys, token, tokenSubject(shop.id, name)),
      lastFour: token.slice(-4),
    },
  });
  if (!row) return refusal(404, "unknown_shop", "The app is not installed in this shop.");
  world.log.info("destination_changed", { platform: name, token: tokenCheck, enabled: row.enabled });
  const now = (await listDestinations(world.db, shop.domain) ?? []).find((one) => one.platform === name);
  return { ok: true, destination: described(world, platform, now), tokenCheck };
}

/**
 * Shows the platform a token with a request that carries no event: who is not let in is told so before anything else is
 * looked at. Google answers 204 to any secret, so its cannot be checked. Whether every platform looks at the token first is
 * not documented; one that does not merely accepts here and holds the lane later.
 */
export async function probe(
  world: MerchantWorld,
  platform: AnyDestination,
  settings: unknown,
  token: string,
): Promise<{ check: TokenCheck | "refused"; reason: string; detail: string | null }> {
  if (platform.platform === "google") return { check: "cannot_be_checked", reason: "", detail: null };
  const answer = await ask(
    world,
    platform,
    platform.request([], { settings, token, baseUrl: baseOf(world, platform), testCode: null }),
    1,
  );
  if (answer.kind === "auth") return { check: "refused", reason: answer.reason, detail: answer.detail };
  const lost = answer.kind === "in_doubt" || (answer.kind === "retry" && answer.lane);
  return { check: lost ? "unreachable" : "accepted", reason: answer.reason, detail: null };
}

export function baseOf(world: MerchantWorld, platform: AnyDestination): string {
  return world.vendorHosts[platform.baseUrlSetting] ?? platform.baseUrl;
}

/** Sends one request and reads the outcome of its only event. */
export async function ask(
  world: MerchantWorld,
  platform: AnyDestination,
  request: HttpRequest,
  count: number,
): Promise<Outcome> {
  const sent = await send(request, { fetch: world.fetch, timeoutMs: SEND_TIMEOUT_MS, now: world.now });
  if (sent.kind === "not_sent") return outcome("retry", sent.reason, { lane: true });
  if (sent.kind === "in_doubt") return outcome("in_doubt", sent.reason, { lane: true });
  const read = platform.classify({ status: sent.status, headers: sent.headers, body: sent.body }, count);
  return read.kind === "split" ? read.outcome : read.outcomes[0]!;
}

/** The token of a destination in clear, or why there is none. */
export async function tokenOf(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  name: string,
): Promise<{ ok: true; token: string; row: DestinationToken } | Refusal> {
  const row = await destinationToken(world.db, shop.domain, name);
  if (!row) return refusal(404, "not_found", "This destination is not set up.");
  if (!row.sealed) return refusal(409, "no_token", "The destination has no token yet.");
  const opened = open(world.keys, row.sealed, tokenSubject(shop.id, name));
  if (!opened.ok) {
    return refusal(409, "token_unreadable", "The stored token cannot be opened. Enter it again.");
  }
  return { ok: true, token: new TextDecoder().decode(opened.bytes), row };
}
