/** Expiring offline tokens by Shopify's rules (reference: shopify §3.4). */

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
  options: { now: () => number; hex: (bytes: number) => string; scope: () => string },
): ShopTokens {
  let pairs: Pair[] = [];

  function make(replaces: Pair | null): TokenResponse {
    const pair: Pair = {
      access: `shpat_${options.hex(16)}`,
      refresh: `shprt_${options.hex(16)}`,
      issuedAt: options.now(),
      used: false,
      replaces,
      refreshedAt: null,
    };
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
      const pair = pairs.find((one) => one.refresh === token);
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
      const pair = pairs.find((one) => one.access === access);
      if (!pair || options.now() >= pair.issuedAt + ACCESS_MS) return false;
      use(pair);
      return true;
    },
    revoke() {
      pairs = [];
    },
  };
}
