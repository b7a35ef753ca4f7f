/**
 * Expiring offline tokens by Shopify's rules (reference: shopify §3.4). They carry when they were made and a signature, so
 * that a stand-in that was started anew knows those of its former life; what was used or replaced then, it has forgotten.
 */
import { createHmac } from "node:crypto";

const ACCESS_MS = 3_600_000;
const REFRESH_MS = 90 * 86_400_000;
const RETRY_MS = 30 * 86_400_000;

interface Pair {
  access: string;
  refresh: string;
  issuedAt: number;
  /** The access or refresh token of this pair has been used. */
  used: boolean;
  /** Pair it replaced, whose refresh token stays retryable until this one is used. */
  replaces: Pair | null;
  /** When its refresh token was first used. */
  refreshedAt: number | null;
}

export interface TokenResponse {
  access_token: string;
  scope: string;
  expires_in: number;
  refresh_token: string;
  refresh_token_expires_in: number;
}

/** The tokens of one shop. */
export interface ShopTokens {
  /** A pair out of a token exchange or an authorization code; earlier pairs stay valid until their end. */
  issue(): TokenResponse;
  /** A new pair for a refresh token; null: `invalid_grant`. */
  refresh(token: string): TokenResponse | null;
  /** Whether the access token opens the admin API now. */
  accept(access: string): boolean;
  /** The app was removed. */
  revoke(): void;
}

export function shopTokens(
  options: {
    now: () => number;
    hex: (bytes: number) => string;
    scope: () => string;
    /** Signs for this shop and app. */
    secret: string;
  },
): ShopTokens {
  let pairs: Pair[] = [];
  const startedAt = options.now();
  let revoked = false;

  const named = (prefix: string, stem: string) =>
    `${prefix}_${stem}-${
      createHmac("sha256", options.secret).update(`${prefix} ${stem}`).digest("hex").slice(0, 32)
    }`;

  /** The pair a token belongs to; one of a former life is taken up again. */
  function find(which: "access" | "refresh", token: string): Pair | undefined {
    const known = pairs.find((one) => one[which] === token);
    const parts = known || revoked ? null : /^shp[ra]t_(([0-9a-z]+)-[0-9a-f]+)-[0-9a-f]+$/.exec(token);
    if (!parts) return known;
    const issuedAt = parseInt(parts[2]!, 36);
    const pair = pairOf(parts[1]!, issuedAt, null);
    if (issuedAt >= startedAt || pair[which] !== token) return undefined;
    pairs = [...pairs, pair];
    return pair;
  }

  function pairOf(stem: string, issuedAt: number, replaces: Pair | null): Pair {
    return {
      access: named("shpat", stem),
      refresh: named("shprt", stem),
      issuedAt,
      used: false,
      replaces,
      refreshedAt: null,
    };
  }

  function make(replaces: Pair | null): TokenResponse {
    const pair = pairOf(`${options.now().toString(36)}-${options.hex(16)}`, options.now(), replaces);
    pairs = [...pairs.slice(-20), pair];
    return {
      access_token: pair.access,
      scope: options.scope(),
      expires_in: ACCESS_MS / 1000,
      refresh_token: pair.refresh,
      refresh_token_expires_in: REFRESH_MS / 1000,
    };
  }

  function use(pair: Pair): void {
    pair.used = true;
    pair.replaces = null;
  }

  return {
    issue: () => make(null),
    refresh(token) {
      const pair = find("refresh", token);
      if (!pair || options.now() >= pair.issuedAt + REFRESH_MS) return null;
      const replacement = pairs.find((one) => one.replaces === pair);
      if (pair.refreshedAt !== null) {
        // used before: retryable only while its replacement was not used, and not for ever
        if (!replacement || options.now() >= pair.refreshedAt + RETRY_MS) return null;
        pairs = pairs.filter((one) => one !== replacement);
        return make(pair);
      }
      use(pair);
      pair.refreshedAt = options.now();
      return make(pair);
    },
    accept(access) {
      const pair = find("access", access);
      if (!pair || options.now() >= pair.issuedAt + ACCESS_MS) return false;
      use(pair);
      return true;
    },
    revoke() {
      pairs = [];
      revoked = true;
    },
  };
}
