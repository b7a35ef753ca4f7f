import { createHash, randomBytes } from "node:crypto";
import { beginConnection, type Connecting } from "@trakit/db/calls/begin-connection.ts";
import { openConnection } from "@trakit/db/calls/open-connection.ts";
import { takeConnection } from "@trakit/db/calls/take-connection.ts";
import { destinationToken } from "@trakit/db/calls/destination-token.ts";
import { keepGrant, type SealedGrant } from "@trakit/db/calls/keep-grant.ts";
import type { PlatformOAuth } from "@trakit/destinations/destination.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { authorizationUrl, type Grant, readCallback, redeemCode } from "@trakit/runtime/platform-login.ts";
import { open, renewalSubject, seal, tokenSubject } from "@trakit/runtime/seal.ts";
import type { ClientSettings, KeyRing } from "@trakit/runtime/settings.ts";
import { openSecrets } from "../dispatch/tokens.ts";
import { probe } from "./destinations.ts";
import { loginAt, loginWorld } from "./logins.ts";
import { type ConnectionWorld, type MerchantWorld, type Refusal, refusal } from "./world.ts";

/**
 * A merchant connects their account at a platform: asks for it with the session token (begin), is sent there by us (open),
 * and comes back with a code (complete). The state is sealed and holds the shop; it is bound to the platform, good once and
 * for ten minutes. The browser that set out holds a cookie, and only that browser can come back; the cookie is the PKCE
 * verifier too. Where the merchant is sent and comes back to is ours alone to say.
 */

/** How long the merchant may take at the platform. */
export const CONNECT_SECONDS = 600;
/** A token is renewed when this share of its life is over: an hour's has twenty minutes of slack. */
const RENEW_AFTER = 2 / 3;

interface Login {
  server: PlatformOAuth;
  client: ClientSettings;
  redirectUri: string;
}

function loginOf(world: MerchantWorld, platform: string): Login | null {
  const login = loginAt(world, platform);
  return login && { ...login, redirectUri: `${connectUrl(world, platform)}/callback` };
}

function connectUrl(world: MerchantWorld, platform: string): string {
  return `${world.appUrl.replace(/\/$/, "")}/admin/connect/${platform}`;
}

const stateSubject = (platform: string): string[] => ["connection", platform];
const sha256 = (text: string, encoding: "hex" | "base64url") =>
  createHash("sha256").update(text, "utf8").digest(encoding);

/** What a state was made for; null = not by us, or for another platform. */
function connectingOf(
  keys: KeyRing,
  platform: string,
  state: string,
): (Connecting & { shopId: string }) | null {
  const opened = state.length <= 1_000 ? open(keys, state, stateSubject(platform)) : null;
  if (!opened?.ok) return null;
  const [shopId, shop] = new TextDecoder().decode(opened.bytes).split(" ");
  return shopId && shop ? { shopId, shop, platform, stateDigest: sha256(state, "hex") } : null;
}

/** The address that the merchant's browser is to open, for ten minutes and once. */
export async function beginConnecting(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  platform: string,
): Promise<{ ok: true; url: string; expiresAt: string } | Refusal> {
  if (!destination(platform)) return refusal(404, "not_found", "There is no such platform.");
  if (!destination(platform)!.oauth) {
    return refusal(409, "not_offered", "The platform offers no connection. Enter its token.");
  }
  if (!loginOf(world, platform)) {
    return refusal(501, "not_configured", "This installation has no client at the platform.", {
      detail:
        `Set TRAKIT_${platform.toUpperCase()}_CLIENT_ID and TRAKIT_${platform.toUpperCase()}_CLIENT_SECRET.`,
    });
  }
  // the seal's nonce makes every state another
  const state = seal(world.keys, `${shop.id} ${shop.domain}`, stateSubject(platform));
  const expires = new Date(world.now() + CONNECT_SECONDS * 1_000);
  const begun = await beginConnection(
    world.db,
    { shop: shop.domain, platform, stateDigest: sha256(state, "hex") },
    expires,
    world.databaseNow?.(),
  );
  if (!begun) return refusal(409, "not_set_up", "Enter the platform's id first, then connect.");
  return {
    ok: true,
    url: `${connectUrl(world, platform)}?${new URLSearchParams({ state })}`,
    expiresAt: expires.toISOString(),
  };
}

/** Sends the browser to the platform. `cookie` is to be set on it, and comes back with it. */
export async function openConnecting(
  world: MerchantWorld,
  platform: string,
  state: string,
): Promise<{ ok: true; url: string; cookie: string } | { ok: false }> {
  const login = loginOf(world, platform);
  const connecting = login && connectingOf(world.keys, platform, state);
  if (!connecting) return { ok: false };
  const cookie = randomBytes(32).toString("base64url");
  const challenge = sha256(cookie, "base64url");
  if (!await openConnection(world.db, connecting, challenge, world.databaseNow?.())) return { ok: false };
  const url = authorizationUrl(loginWorld(world, platform), login.server, login.client, {
    redirectUri: login.redirectUri,
    state,
    challenge,
  });
  return { ok: true, url, cookie };
}

/** Why a connection was not made, for people; the shop is known. */
export type ConnectTrouble =
  | "expired"
  | "declined"
  | "refused"
  | "client_refused"
  | "unavailable"
  | "token_refused"
  | "not_set_up";

export type Connected =
  | { ok: true; shop: string }
  /** Without a shop: this is no answer of a connection begun here, in this browser, and not yet over. */
  | { ok: false; shop: null }
  | { ok: false; shop: string; trouble: ConnectTrouble };

/** The browser is back: redeems the code and puts the token in the destination's place. */
export async function completeConnecting(
  world: MerchantWorld,
  platform: string,
  query: URLSearchParams,
  cookie: string | null,
): Promise<Connected> {
  const login = loginOf(world, platform);
  const [state, ...more] = query.getAll("state");
  const connecting = login && state && more.length === 0 ? connectingOf(world.keys, platform, state) : null;
  if (!login || !connecting) return { ok: false, shop: null };
  const { shop } = connecting;
  const redeemed = await takeConnection(
    world.db,
    connecting,
    sha256(cookie ?? "", "base64url"),
    world.databaseNow?.(),
  );
  if (redeemed === "expired") return { ok: false, shop, trouble: "expired" };
  if (redeemed !== "taken" || cookie === null) return { ok: false, shop: null };
  const failed = (trouble: ConnectTrouble): Connected => {
    world.log.warn("connection_failed", { platform, reason: trouble });
    return { ok: false, shop, trouble };
  };
  const back = readCallback(login.server, login.client, query, state!);
  if (!back.ok) return failed(back.reason === "declined" ? "declined" : "refused");
  const answer = await redeemCode(loginWorld(world, platform), login.server, login.client, {
    parameters: back.parameters,
    redirectUri: login.redirectUri,
    verifier: cookie,
  });
  if (!answer.ok) return failed(answer.reason);
  const row = await destinationToken(world.db, shop, platform);
  if (!row) return failed("not_set_up");
  const known = destination(platform)!;
  const settings = known.settings.safeParse(row.settings);
  if (!settings.success) return failed("not_set_up");
  // an account that may not send to this pixel is told so now, not by a held lane
  const checked = await probe(world, known, settings.data, {
    token: answer.grant.access,
    secrets: openSecrets(world.keys, connecting.shopId, platform, row.secrets) ?? {},
  });
  if (checked.check === "refused") return failed("token_refused");
  const kept = await keepGrant(
    world.db,
    shop,
    platform,
    sealedGrant(world, { id: connecting.shopId, platform }, answer.grant),
    world.databaseNow?.(),
  );
  if (!kept) return failed("not_set_up");
  world.log.info("connected", { platform, renews: answer.grant.renewal !== null });
  return { ok: true, shop };
}

/** A grant as it is stored: both secrets sealed for this shop and platform, and when to renew. */
export function sealedGrant(
  world: Pick<ConnectionWorld, "keys" | "now">,
  of: { id: string; platform: string },
  grant: Grant,
): SealedGrant {
  const life = grant.accessExpiresAt === null ? null : Date.parse(grant.accessExpiresAt) - world.now();
  return {
    sealed: seal(world.keys, grant.access, tokenSubject(of.id, of.platform)),
    lastFour: grant.access.slice(-4),
    accessExpiresAt: grant.accessExpiresAt,
    sealedRenewal: grant.renewal && seal(world.keys, grant.renewal, renewalSubject(of.id, of.platform)),
    renewalExpiresAt: grant.renewalExpiresAt,
    renewAt: life === null || grant.renewal === null
      ? null
      : new Date(world.now() + life * RENEW_AFTER).toISOString(),
  };
}
