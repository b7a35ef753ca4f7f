import type { Outcome } from "@trakit/core/outcome.ts";
import { type DestinationToken, destinationToken } from "@trakit/db/calls/destination-token.ts";
import { type DestinationRow, listDestinations } from "@trakit/db/calls/list-destinations.ts";
import { setDestination } from "@trakit/db/calls/set-destination.ts";
import type { HttpRequest } from "@trakit/destinations/destination.ts";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import { partSettings } from "@trakit/destinations/shared/secrets.ts";
import { seal, settingSubject, tokenSubject } from "@trakit/runtime/seal.ts";
import type { DestinationAnswer, DestinationChangeInput } from "../contracts/merchant.ts";
import { askPlatform } from "../dispatch/ask-platform.ts";
import { type Credentials, openAll, openSecrets } from "../dispatch/tokens.ts";
import { loginAt } from "./logins.ts";
import { type MerchantWorld, type Refusal, refusal } from "./world.ts";

type AnyDestination = NonNullable<ReturnType<typeof destination>>;
export type TokenCheck = "accepted" | "cannot_be_checked" | "unreachable" | "unchanged";

/** Every platform there is, set up or not. Tokens and secrets are not among it: only last four characters, and names. */
export async function destinationsOf(world: MerchantWorld, shop: string): Promise<DestinationAnswer[]> {
  const rows = await listDestinations(world.db, shop) ?? [];
  return PLATFORMS.map((name) =>
    describeDestination(world, destination(name)!, rows.find((row) => row.platform === name))
  );
}

/** One platform, set up (`row`) or not; null = there is no such platform. */
export function destinationOf(
  world: MerchantWorld,
  name: string,
  row: DestinationRow | null,
): DestinationAnswer | null {
  const platform = destination(name);
  return platform ? describeDestination(world, platform, row ?? undefined) : null;
}

function describeDestination(
  world: MerchantWorld,
  platform: AnyDestination,
  row: DestinationRow | undefined,
): DestinationAnswer {
  return {
    platform: platform.platform,
    label: platform.label,
    version: row?.version ?? null,
    configured: row !== undefined,
    enabled: row?.enabled ?? false,
    settings: row?.settings ?? {},
    events: row?.events ?? null,
    test_code: row?.test_code ?? null,
    token: row?.last_four ? "stored" : "none",
    last_four: row?.last_four ?? null,
    secrets: row?.secrets ?? [],
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

/** Times a change is made anew for what another writer put there meanwhile. */
const TRIES = 3;

/**
 * Sets up or changes a destination: only what is named. Settings pass the platform's schema, a token is shown to the
 * platform before it is stored (with a request that carries no event), and a refused one is refused here; so is a secret among
 * the settings, which is stored as the token is.
 *
 * A change is made for the destination as it was read. Where another writer was quicker it is made anew for what that one
 * wrote, unless `ifMatch` named a version: then it is refused (412) and nothing changes.
 *
 * @param present the destination as the caller read it; null = it is not set up.
 * @param ifMatch the request's If-Match (RFC 9110 §13.1.1); null = it has none.
 */
export async function changeDestination(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  name: string,
  change: DestinationChangeInput,
  present: DestinationRow | null,
  ifMatch: string | null,
): Promise<{ ok: true; destination: DestinationAnswer; tokenCheck: TokenCheck } | Refusal> {
  const platform = destination(name);
  if (!platform) return refusal(404, "not_found", "There is no such platform.");
  let row = present;
  for (let tries = 0; tries < TRIES; tries++) {
    if (ifMatch !== null && !matches(ifMatch, row)) {
      return refusal(412, "changed_meanwhile", "The destination has changed since it was read.", {
        detail: "Read it again, and change what is to change.",
      });
    }
    const checked = await checkChange(world, shop, platform, row, change);
    if (!checked.ok) return checked;
    const { settings, secrets, token, tokenCheck } = checked;
    const answer = await setDestination(
      world.db,
      shop.domain,
      { platform: name, purpose: platform.purpose, maxAgeMs: platform.limits.maxAgeMs },
      {
        // a new one is stored with its defaults; of one that is there only what is named changes, as the schema reads it
        settings: row ? pick(settings, Object.keys(change.settings ?? {})) : settings,
        ...pick(change, ["enabled", "events", "test_code"]),
      },
      {
        token: token === null ? null : {
          sealed: seal(world.keys, token, tokenSubject(shop.id, name)),
          lastFour: token.slice(-4),
        },
        version: row?.version ?? 0,
        secrets: sealedSecrets(world, shop.id, name, secrets),
      },
    );
    if (!answer) return refusal(404, "unknown_shop", "The app is not installed in this shop.");
    row = answer.destination;
    if (answer.changed) {
      world.log.info("destination_changed", { platform: name, token: tokenCheck, enabled: row!.enabled });
      return { ok: true, destination: describeDestination(world, platform, row!), tokenCheck };
    }
  }
  return refusal(409, "busy", "Others are changing this destination at the moment.", {
    detail: "Nothing was changed. Try again.",
  });
}

/** Whether the destination is one that If-Match names. An entity tag is the version in quotes; weak ones match nothing. */
function matches(ifMatch: string, row: DestinationRow | null): boolean {
  if (row === null) return false;
  return ifMatch.split(",").some((tag) => tag.trim() === "*" || tag.trim() === `"${row.version}"`);
}

/** The named ones of an object's values. */
function pick(from: object, names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
}

/** Settings that are secrets, each sealed for its destination and name; null stays null. */
export function sealedSecrets(
  { keys }: Pick<MerchantWorld, "keys">,
  shopId: string,
  platform: string,
  secrets: Record<string, string | null>,
): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [
      name,
      value === null ? null : seal(keys, value, settingSubject(shopId, platform, name)),
    ]),
  );
}

/** Holds a change against the platform's rules, and its token and secrets against the platform. */
async function checkChange(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  platform: AnyDestination,
  row: DestinationRow | null,
  change: DestinationChangeInput,
): Promise<
  | {
    ok: true;
    settings: Record<string, unknown>;
    secrets: Record<string, string | null>;
    token: string | null;
    tokenCheck: TokenCheck;
  }
  | Refusal
> {
  const parted = partSettings(platform, change.settings ?? {});
  const { secrets } = parted;
  const parsed = platform.settings.safeParse({ ...row?.settings, ...parted.settings });
  if (!parsed.success || parted.issues.length > 0) {
    const issues = parsed.error?.issues.map((issue) =>
      `${issue.path.join(".") || "settings"}: ${issue.message}`
    );
    return refusal(422, "invalid_settings", "The platform would not take these settings.", {
      issues: [...parted.issues, ...issues ?? []].slice(0, 20),
    });
  }
  const settings = parsed.data as Record<string, unknown>;
  const wrongCode = change.test_code ? platform.testMode.problem(change.test_code) : null;
  if (wrongCode !== null) {
    return refusal(422, "invalid_test_code", "This is no test code of the platform's.", {
      detail: wrongCode,
    });
  }
  const token = change.token?.trim();
  const wrong = token === undefined ? null : platform.tokenProblem(token);
  if (wrong !== null) {
    return refusal(422, "invalid_token", "This is no token of the platform's.", { detail: wrong });
  }
  const credentials = await credentialsAfter(world, shop, platform, row, token, secrets);
  if (credentials === null) return { ok: true, settings, secrets, token: null, tokenCheck: "unchanged" };
  const checked = await probe(world, platform, settings, credentials);
  if (checked.check === "refused") {
    return refusal(422, "token_refused", "The platform refuses this token.", {
      detail: checked.detail ?? checked.reason,
    });
  }
  return { ok: true, settings, secrets, token: token ?? null, tokenCheck: checked.check };
}

/** What the platform is to be shown of a change: null where neither token nor secret changes, or there is no token yet. */
async function credentialsAfter(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  platform: AnyDestination,
  row: DestinationRow | null,
  token: string | undefined,
  change: Record<string, string | null>,
): Promise<Credentials | null> {
  if (token === undefined && Object.keys(change).length === 0) return null;
  const stored = row === null ? null : await destinationToken(world.db, shop.domain, platform.platform);
  const { platform: name } = platform;
  const known = token ??
    (stored?.sealed
      ? openAll(world.keys, shop.id, { ...stored, sealed: stored.sealed, platform: name })?.token
      : null);
  if (!known) return null;
  const before = openSecrets(world.keys, shop.id, name, stored?.secrets ?? {});
  const secrets = Object.entries({ ...before, ...change }).filter((entry): entry is [string, string] =>
    entry[1] !== null
  );
  return { token: known, secrets: Object.fromEntries(secrets) };
}

/**
 * Shows the platform a token with a request that carries no event: who is not let in is told so before anything else is
 * looked at. Where a platform answers any token alike nothing is asked. Whether every platform looks at the token first is
 * not documented; one that does not merely accepts here and holds the lane later.
 */
export async function probe(
  world: MerchantWorld,
  platform: AnyDestination,
  settings: unknown,
  credentials: Credentials,
): Promise<{ check: TokenCheck | "refused"; reason: string; detail: string | null }> {
  if (!platform.tokenCheckable) return { check: "cannot_be_checked", reason: "", detail: null };
  const answer = await askOnce(
    world,
    platform,
    platform.request([], { settings, ...credentials, baseUrl: baseOf(world, platform), testCode: null }),
  );
  if (answer.kind === "auth") return { check: "refused", reason: answer.reason, detail: answer.detail };
  const lost = answer.kind === "in_doubt" || (answer.kind === "retry" && answer.lane_wide);
  return { check: lost ? "unreachable" : "accepted", reason: answer.reason, detail: null };
}

export function baseOf(world: MerchantWorld, platform: AnyDestination): string {
  return world.vendorHosts[platform.baseUrlSetting] ?? platform.baseUrl;
}

/** Sends one request of one event, or of none, and reads what became of it. */
export async function askOnce(
  world: MerchantWorld,
  platform: AnyDestination,
  request: HttpRequest,
): Promise<Outcome> {
  const { outcomes } = await askPlatform(world, platform, request, 1);
  return outcomes[0]!;
}

/** The token and secrets of a destination in clear, or why there are none. */
export async function credentialsOf(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  name: string,
): Promise<{ ok: true; credentials: Credentials; row: DestinationToken } | Refusal> {
  const row = await destinationToken(world.db, shop.domain, name);
  if (!row) return refusal(404, "not_found", "This destination is not set up.");
  if (!row.sealed) return refusal(409, "no_token", "The destination has no token yet.");
  const credentials = openAll(world.keys, shop.id, { ...row, sealed: row.sealed, platform: name });
  if (credentials === null) {
    return refusal(409, "token_unreadable", "The stored token cannot be opened. Enter it again.");
  }
  return { ok: true, credentials, row };
}
