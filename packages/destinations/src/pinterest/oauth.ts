import type { PlatformOAuth } from "../destination.ts";

/**
 * https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/ (read 2026-11): HTTP Basic
 * at the token endpoint, access tokens of 30 days, refresh tokens of 60 that each refresh replaces. Apps made before
 * 2025-09-25 get those only with `continuous_refresh`; for later ones it is the default. PKCE is not documented: left out.
 * `ads:write` is the scope of the conversions endpoint (reference: pinterest §1).
 */
export const oauth: PlatformOAuth = {
  authorizationEndpoint: "https://www.pinterest.com/oauth/",
  tokenEndpoint: "https://api.pinterest.com/v5/oauth/token",
  clientIdName: "client_id",
  codeName: "code",
  clientAuth: "basic",
  authorization: { scope: "ads:write" },
  token: { continuous_refresh: "true" },
  pkce: false,
  renewal: "refresh_token",
  clientErrors: [],
};
